"""Load an adapter on the base that it was trained on, with the same quantisation: beside the weights, or merged."""

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from utils.adapters.checks import AdapterError, check_base, check_fit, find_base, read_adapter
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
        AdapterError: an unfinished or damaged folder, another base or another template; the message names the fault or
            the difference.
        ModelError: the base cannot be loaded.
    """
    provenance, saved = read_adapter(folder, templates=templates)
    tokenizer = _tokenizer(folder)
    return _attach(_base_of(folder, provenance, base), folder), tokenizer, saved


def load_merged(
    folder: str | os.PathLike[str], *, base: str | os.PathLike[str] | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The adapter's model as a plain one of full precision, with the adapter merged into the weights.

    The base is quantised first and then expanded, because the adapter was trained on the quantised weights: merged
    into the original ones it gives other answers.
    """
    provenance, _ = read_adapter(folder)
    tokenizer = _tokenizer(folder)
    model = _base_of(folder, provenance, base)
    if provenance["quantization"]:
        model = model.dequantize(dtype=find_device().dtype)
    return _attach(model, folder).merge_and_unload(), tokenizer


def _base_of(
    folder: str | os.PathLike[str], provenance: Mapping[str, Any], base: str | os.PathLike[str] | None
) -> PreTrainedModel:
    """The base that the adapter was trained on, quantised as it was then."""
    base = find_base(folder, provenance) if base is None else base
    model, _ = load_base(base, quantize=provenance["quantization"] is not None)
    check_base(base, provenance["base"])
    return model


def _tokenizer(folder: str | os.PathLike[str]) -> PreTrainedTokenizerBase:
    try:
        return AutoTokenizer.from_pretrained(
            folder, local_files_only=True, padding_side="left", trust_remote_code=False
        )
    except Exception as error:  # each part of a tokenizer has errors of its own
        raise AdapterError(f"the tokenizer in {folder} cannot be loaded: {type(error).__name__}: {error}") from error


def _attach(model: PreTrainedModel, folder: str | os.PathLike[str]) -> PeftModel:
    try:
        with quiet_peft():
            warnings.filterwarnings("ignore", message=".*missing adapter keys")  # `check_fit` refuses them
            model = PeftModel.from_pretrained(model, str(folder))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # keys or shapes that do not match, settings that no layer has
        raise AdapterError(f"the adapter in {folder} does not fit its base: {str(error)[:300]}") from error
    check_fit(model, folder)
    return model.eval()
