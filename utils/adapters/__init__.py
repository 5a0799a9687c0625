"""Adapters with everything that inference needs: saved, checked, loaded, merged, and exported to other engines."""

from utils.adapters.checks import AdapterError
from utils.adapters.gguf_export import export_gguf, export_lora
from utils.adapters.loading import load_adapter, load_merged
from utils.adapters.merging import export_merged
from utils.adapters.publishing import push
from utils.adapters.recipes import modelfile, serving_commands
from utils.adapters.saving import save_adapter

__all__ = [
    "AdapterError",
    "export_gguf",
    "export_lora",
    "export_merged",
    "load_adapter",
    "load_merged",
    "modelfile",
    "push",
    "save_adapter",
    "serving_commands",
]
