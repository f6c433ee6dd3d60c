"""``python -m latchwire_schedule``."""

import sys

from latchwire_schedule.main import main

sys.exit(main())
