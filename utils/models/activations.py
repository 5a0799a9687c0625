"""What the forward pass keeps for the backward pass: not guessed from a formula, but run without contents.

One and two layers of the model run on fake tensors, which have shapes and nothing else, and what autograd keeps is
added up; other layers of their kind cost the same.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from peft import LoraConfig, get_peft_model
from peft.helpers import disable_input_dtype_casting
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForCausalLM, PretrainedConfig
from transformers import masking_utils as masks

from utils.models.base import quiet_peft


def kinds_of_layers(config: PretrainedConfig) -> list[str]:
    """For each layer what it is, where a model mixes kinds ("full_attention", "linear_attention")."""
    text = config.get_text_config()
    return list(getattr(text, "layer_types", None) or ["layer"] * text.num_hidden_layers)


def saved_bytes(
    config: PretrainedConfig, method: str, batch_size: int, length: int, rank: int, kinds: list[str]
) -> int:
    """Bytes that autograd keeps after a forward pass of layers of these kinds, weights not counted."""
    small = copy.deepcopy(config)
    text = small.get_text_config()
    text.num_hidden_layers = len(kinds)
    if getattr(text, "layer_types", None):
        text.layer_types = kinds
    dtype = torch.float32 if method == "full" else torch.bfloat16
    with torch.device("meta"), quiet_peft():
        model = AutoModelForCausalLM.from_config(small, dtype=dtype, trust_remote_code=False)
        if method != "full":
            model = get_peft_model(model, LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    with FakeTensorMode():
        # autocast does not know the meta device, but it knows the CPU that fake tensors claim to be on
        for module in model.modules():
            for tensors in (module._parameters, module._buffers):
                for name, tensor in tensors.items():
                    if tensor is not None:
                        fake = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
                        trained = tensor.requires_grad
                        tensors[name] = torch.nn.Parameter(fake, trained) if tensors is module._parameters else fake
        backbone = model.get_base_model().base_model if method != "full" else model.base_model
        ids = torch.zeros(batch_size, length, dtype=torch.long, device="cpu")
        with ExitStack() as stack:
            kept = stack.enter_context(saved_for_backward())
            stack.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))
            if method == "qlora":  # on a GPU, PEFT's 4-bit layers leave their input to autocast: no copy in 32 bits
                stack.enter_context(disable_input_dtype_casting(model))
            stack.enter_context(_without_needless_mask())
            backbone.train()(input_ids=ids, use_cache=False)
        return bytes_beside_weights(kept, model)


@contextmanager
def saved_for_backward() -> Iterator[dict[int, torch.UntypedStorage]]:
    """What autograd keeps of all that is computed inside, each storage once, however many tensors are views of it."""
    kept: dict[int, torch.UntypedStorage] = {}  # by identity, and alive, since an id is used again once it is free

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[id(tensor.untyped_storage())] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def bytes_beside_weights(kept: Mapping[int, torch.UntypedStorage], model: torch.nn.Module) -> int:
    """The size of what `saved_for_backward` found, without what the model holds anyway."""
    own = {id(tensor.untyped_storage()) for tensor in (*model.parameters(), *model.buffers())}
    return sum(storage.nbytes() for key, storage in kept.items() if key not in own)


@contextmanager
def _without_needless_mask() -> Iterator[None]:
    """A mask of rows of one length hides nothing and is not made; a fake tensor cannot be asked, so one would be."""
    before, masks.find_packed_sequence_indices = masks.find_packed_sequence_indices, lambda position_ids: None
    try:
        yield
    finally:
        masks.find_packed_sequence_indices = before
