"""Base models: loaded in 4 bits that are right, measured in bytes, and told apart."""

from utils.models.activations import bytes_beside_weights, saved_for_backward
from utils.models.architectures import ARCHITECTURES, architecture_table
from utils.models.base import Device, find_device, load_base, load_config, quiet_peft
from utils.models.expansion import expanded_for_generation, expanded_for_training, keep_freed_memory
from utils.models.identity import base_identity
from utils.models.location import BUNDLED, ModelError, local_folder
from utils.models.memory import GIB, MODELS, estimate
from utils.models.nf4 import nf4_config, protect_nf4, share_in_4_bits
from utils.models.tree_attention import attention_tree

__all__ = [
    "ARCHITECTURES",
    "BUNDLED",
    "Device",
    "GIB",
    "MODELS",
    "ModelError",
    "architecture_table",
    "attention_tree",
    "base_identity",
    "bytes_beside_weights",
    "estimate",
    "expanded_for_generation",
    "expanded_for_training",
    "find_device",
    "keep_freed_memory",
    "load_base",
    "load_config",
    "local_folder",
    "nf4_config",
    "protect_nf4",
    "quiet_peft",
    "saved_for_backward",
    "share_in_4_bits",
]
