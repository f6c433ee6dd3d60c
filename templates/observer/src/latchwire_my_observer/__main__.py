"""``python -m latchwire_my_observer``."""

import sys

from latchwire_my_observer.main import main

sys.exit(main())
