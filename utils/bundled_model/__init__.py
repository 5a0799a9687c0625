"""SmolLM2-135M, the model that is installed with the packages: prepared once, it loads like any other.

`python -m utils.bundled_model` prepares it once (`make model`). Standard library only, until there is something to
convert: it runs before the environment is set up.
"""

from utils.bundled_model import smollm2

__all__ = ["smollm2"]
