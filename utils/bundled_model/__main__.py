"""The command `python -m utils.bundled_model`: prepare the model unless it is there.

A module of its own, since `python -m` looks for this name.
"""

import sys

from utils.bundled_model import smollm2

sys.exit(smollm2.main())
