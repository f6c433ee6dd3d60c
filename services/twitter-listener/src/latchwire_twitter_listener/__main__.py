"""``python -m latchwire_twitter_listener``."""

import sys

from latchwire_twitter_listener.main import main

sys.exit(main())
