"""``python -m latchwire_my_ingress``."""

import sys

from latchwire_my_ingress.main import main

sys.exit(main())
