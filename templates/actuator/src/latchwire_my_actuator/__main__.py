"""``python -m latchwire_my_actuator``."""

import sys

from latchwire_my_actuator.main import main

sys.exit(main())
