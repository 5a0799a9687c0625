"""Load an adapter on the base that it was trained on, with the same quantisation: beside the weights, or merged."""

import os
from collections.abc import Sequence

from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from utils.adapters.checks import check_base, read_adapter
from utils.models import find_device, load_base, quiet_peft
from utils.prompts import PromptTemplate


def load_adapter(
    folder: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    templates: Sequence[PromptTemplate] = (),
) -> tuple[PeftModel, PreTrainedTokenizerBase, dict[str, PromptTemplate]]:
    """Load what `save_adapter` wrote, on the base it was trained on and with the same quantisation.

    The same steps as `AutoPeftModelForCausalLM.from_pretrained(folder)`, which takes the base from the path in the
    file and, unless told otherwise, without quantisation: other weights than the adapter was trained with.

    Args:
        base: where the base is now, if it is not found where it was.
        templates: templates that are going to be used; they have to be those of the training.

    Returns:
        The model in eval mode, its tokenizer (padding on the left, chat templates set), and the templates by name,
        the default one first.

    Raises:
        AdapterError: an unfinished folder, another base or another template; the message names the difference.
        ModelError: the base cannot be loaded.
    """
    provenance, base, saved = read_adapter(folder, base=base, templates=templates)
    model, _ = load_base(base, quantize=provenance["quantization"] is not None)
    check_base(base, provenance["base"])
    return _attach(model, folder), _tokenizer(folder), saved


def load_merged(
    folder: str | os.PathLike[str], *, base: str | os.PathLike[str] | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The adapter's model as a plain one of full precision, with the adapter merged into the weights.

    The base is quantised first and then expanded, because the adapter was trained on the quantised weights: merged
    into the original ones it gives other answers.
    """
    provenance, base, _ = read_adapter(folder, base=base)
    model, _ = load_base(base, quantize=provenance["quantization"] is not None)
    check_base(base, provenance["base"])
    if provenance["quantization"]:
        model = model.dequantize(dtype=find_device().dtype)
    return _attach(model, folder).merge_and_unload(), _tokenizer(folder)


def _tokenizer(folder: str | os.PathLike[str]) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left", trust_remote_code=False)


def _attach(model: PreTrainedModel, folder: str | os.PathLike[str]) -> PeftModel:
    with quiet_peft():
        return PeftModel.from_pretrained(model, str(folder)).eval()
