"""`python -m ssr_connector` is `ssr`, for launchers that take a module (`torchrun -m ssr_connector train …`)."""

import sys

from ssr_connector.cli import main

if __name__ == "__main__":
    sys.exit(main())
