"""``python -m latchwire_magiq_bridge``."""

import sys

from latchwire_magiq_bridge.main import main

sys.exit(main())
