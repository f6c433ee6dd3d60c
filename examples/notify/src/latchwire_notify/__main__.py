"""``python -m latchwire_notify``."""

import sys

from latchwire_notify.main import main

sys.exit(main())
