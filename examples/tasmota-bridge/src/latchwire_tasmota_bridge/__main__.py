"""``python -m latchwire_tasmota_bridge``."""

import sys

from latchwire_tasmota_bridge.main import main

sys.exit(main())
