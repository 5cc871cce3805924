"""`python -m ssr_connector`: the same as `ssr`."""

import sys

from ssr_connector.cli import main

sys.exit(main())
