"""Load a base model: the bundled one, any local folder, or a name on the Hub, in NF4 or in full precision.

Quantisation is QLoRA's: NF4 with double quantisation, on GPUs and CPUs alike (Dettmers et al. 2023,
https://arxiv.org/abs/2305.14314). What this module does not do: train, attach adapters (`utils.inference`), or run
code that comes with a model (`trust_remote_code` stays off).
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import PartialState
from bitsandbytes.functional import has_avx512bf16
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HFValidationError, RepositoryNotFoundError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from utils.bundled_model import smollm2
from utils.files import ROOT
from utils.models.nf4 import nf4_config, protect_nf4

BUNDLED = smollm2.NAME
_WAY_ON = f"The bundled model needs neither network nor licence: load_base({BUNDLED!r})."


class ModelError(ValueError):
    """A base model cannot be loaded; the message says why and what to do."""


@dataclass(frozen=True)
class Device:
    """Where to compute, and how precisely.

    Attributes:
        kind: "cuda", "mps" or "cpu".
        dtype: of the weights that are not quantised, and in which NF4 weights are multiplied.
        autocast: mixed precision during training, or None for none.
    """

    kind: str
    dtype: torch.dtype
    autocast: torch.dtype | None


def find_device() -> Device:
    """The best device of this machine with the precision that its hardware has."""
    if torch.cuda.is_available():
        # Asked plainly, torch also says yes where bf16 is only emulated, as on a T4, and slow.
        half = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        return Device("cuda", half, half)
    if torch.backends.mps.is_available():
        return Device("mps", torch.float32, None)
    # On a CPU the matrices of a training step gain from bf16; generation stays in fp32, where an answer does not
    # depend on which others share its batch.
    return Device("cpu", torch.float32, torch.bfloat16 if has_avx512bf16() else None)


def load_base(
    name: str | os.PathLike[str] = BUNDLED, *, quantize: bool = True
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model and its tokenizer onto the best device, ready to train or to generate.

    Args:
        name: "smollm2-135m" for the bundled model, a folder (relative ones are looked for here, then in the
            project), or a Hub name such as "Qwen/Qwen2.5-0.5B".
        quantize: keep the linear layers in NF4, about half a byte per weight. Where bitsandbytes cannot (Apple
            MPS), the model is loaded in full precision with a warning.

    Raises:
        ModelError: the bundled model has not been prepared, no such model, one behind a licence, no network, a folder
            that holds no model, damaged weights.
    """
    folder, local_only = _locate(name)
    device = find_device()
    if quantize and device.kind == "mps":
        warnings.warn(
            "4-bit weights need a CUDA GPU or a CPU; on Apple MPS the model is loaded in full precision "
            "and takes about eight times the memory.",
            stacklevel=2,
        )
        quantize = False
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=local_only, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=device.dtype,
            quantization_config=nf4_config(device.dtype) if quantize else None,
            device_map=_device_map(device),
            local_files_only=local_only,
            trust_remote_code=False,
        )
    except torch.OutOfMemoryError:
        raise ModelError(f"{name} does not fit into this GPU: choose a smaller model, or quantize=True") from None
    except Exception as error:  # the libraries raise a dozen types here; the reader needs one sentence
        raise ModelError(f"{name} could not be loaded: {type(error).__name__}: {error}. {_WAY_ON}") from error
    _check_tokenizer(name, model, tokenizer)
    protect_nf4(model)
    return model.eval(), tokenizer


def load_config(name: str | os.PathLike[str] = BUNDLED) -> PretrainedConfig:
    """A model's shape without its weights, for `memory.estimate` before anything large is loaded.

    Raises:
        ModelError: as `load_base`.
    """
    folder, local_only = _locate(name)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=local_only, trust_remote_code=False)
    except Exception as error:
        raise ModelError(f"{name} has no readable config.json: {type(error).__name__}: {error}. {_WAY_ON}") from error


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Around whatever attaches an adapter: PEFT 0.21 asks transformers 5 a question by its old name, with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def local_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder that `name` means, here or in the project; None if there is none (then it may be a Hub name)."""
    if str(name) == BUNDLED:
        return smollm2.FOLDER if smollm2.is_ready() else None
    return next((path for path in (Path(name), ROOT / name) if path.is_dir()), None)


def _locate(name: str | os.PathLike[str]) -> tuple[str, bool]:
    """What to hand to from_pretrained, and whether to stay away from the network."""
    if Path(name) in (Path(BUNDLED), Path(smollm2.LOCATION)):
        try:
            return str(smollm2.find().resolve()), True
        except smollm2.PrepareError as error:
            raise ModelError(str(error)) from None
    if folder := local_folder(name):
        _check_folder(folder)
        return str(folder.resolve()), True
    if Path(name).is_file() or Path(name).is_absolute() or str(name).startswith((".", "~")):
        raise ModelError(f"{name} is not a folder: pass the folder that holds config.json. {_WAY_ON}")
    return str(name), _reach_hub(str(name))


def _check_folder(folder: Path) -> None:
    there = sorted(path.name for path in folder.iterdir())
    if "config.json" not in there:
        if "adapter_config.json" in there:
            raise ModelError(f"{folder} holds an adapter, not a base model: use inference.load_adapter")
        raise ModelError(f"{folder} is no model folder: it has no config.json but {there[:5] or 'nothing'}. {_WAY_ON}")
    if not any(file.endswith((".safetensors", ".bin")) for file in there):
        raise ModelError(f"{folder} has a config.json but no weights (*.safetensors). {_WAY_ON}")


def _reach_hub(name: str) -> bool:
    """Ask the Hub once whether we may have the model; True if it does not answer but the model is in the cache.

    One question with a short timeout, because from_pretrained retries for most of a minute before it gives up.
    """
    try:
        get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=5)
    except GatedRepoError:
        raise ModelError(
            f"{name} is behind a licence: accept it on https://huggingface.co/{name}, then log in with `hf auth "
            f"login`. {_WAY_ON}"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelError(
            f"{name} is neither a folder here nor a model on the Hub (or it is private and you are not "
            f"logged in): check the spelling. {_WAY_ON}"
        ) from None
    except EntryNotFoundError:
        raise ModelError(f"{name} is on the Hub but has no config.json: no transformers model. {_WAY_ON}") from None
    except Exception as error:  # no network, offline mode, a proxy, a timeout: each library layer has its own class
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return True
        raise ModelError(
            f"{name} is not in the local cache and the Hub cannot be reached ({type(error).__name__}: "
            f"{error}): connect once to download it. {_WAY_ON}"
        ) from None
    return False


def _device_map(device: Device) -> dict[str, int | str]:
    # Under torchrun each process has its own GPU; asking for it on a CPU would start a process group for nothing.
    return {"": PartialState().local_process_index if device.kind == "cuda" else device.kind}


def _check_tokenizer(name: str | os.PathLike[str], model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f"{name}: the tokenizer has {len(tokenizer)} tokens, the model {rows} embeddings: "
            f"they do not belong together. {_WAY_ON}"
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{name}: the tokenizer has no end-of-sequence token, so answers could never end. {_WAY_ON}")
    if tokenizer.pad_token_id is None:  # Llama 2 has none; padding is masked by length, so EOS is a safe stand-in
        tokenizer.pad_token = tokenizer.eos_token
