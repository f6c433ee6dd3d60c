"""``python -m latchwire_whatsapp_webhook``: the same as the console script."""

import sys

from latchwire_whatsapp_webhook.main import main

sys.exit(main())
