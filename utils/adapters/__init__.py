"""Adapters with everything that inference needs: saved, checked, loaded, merged."""

from utils.adapters.checks import AdapterError
from utils.adapters.loading import load_adapter, load_merged
from utils.adapters.saving import save_adapter

__all__ = [
    "AdapterError",
    "load_adapter",
    "load_merged",
    "save_adapter",
]
