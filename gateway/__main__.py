"""`python -m gateway` is the command esp-at-gateway."""

import sys

from gateway.cli import main

sys.exit(main())
