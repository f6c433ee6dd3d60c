"""``python -m latchwire_relay_agent``."""

import sys

from latchwire_relay_agent.main import main

sys.exit(main())
