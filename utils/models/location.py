"""Where a base model is: the bundled one, a folder here or in the project, or a name on the Hub that can be reached."""

import os
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HFValidationError, RepositoryNotFoundError

from utils.bundled_model import smollm2
from utils.files import ROOT

BUNDLED = smollm2.NAME
WAY_ON = f"The bundled model needs neither network nor licence: load_base({BUNDLED!r})."


class ModelError(ValueError):
    """A base model cannot be loaded; the message says why and what to do."""


def local_folder(name: str | os.PathLike[str]) -> Path | None:
    """The folder that `name` means, here or in the project; None if there is none (then it may be a Hub name)."""
    if str(name) == BUNDLED:
        return smollm2.FOLDER if smollm2.is_ready() else None
    return next((path for path in (Path(name), ROOT / name) if path.is_dir()), None)


def locate(name: str | os.PathLike[str]) -> tuple[str, bool]:
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
        raise ModelError(f"{name} is not a folder: pass the folder that holds config.json. {WAY_ON}")
    return str(name), _reach_hub(str(name))


def _check_folder(folder: Path) -> None:
    there = sorted(path.name for path in folder.iterdir())
    if "config.json" not in there:
        if "adapter_config.json" in there:
            raise ModelError(f"{folder} holds an adapter, not a base model: use adapters.load_adapter")
        raise ModelError(f"{folder} is not a model folder: no config.json, but {there[:5] or 'nothing'}. {WAY_ON}")
    if not any(file.endswith((".safetensors", ".bin")) for file in there):
        raise ModelError(f"{folder} has a config.json but no weights (*.safetensors). {WAY_ON}")


def _reach_hub(name: str) -> bool:
    """Ask the Hub once whether we may have the model; True if it does not answer but the model is in the cache.

    One question with a short timeout, because from_pretrained retries for most of a minute before it gives up.
    """
    try:
        get_hf_file_metadata(hf_hub_url(name, "config.json"), timeout=5)
    except GatedRepoError:
        raise ModelError(
            f"{name} is behind a licence: accept it on https://huggingface.co/{name}, then log in with `hf auth "
            f"login`. {WAY_ON}"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelError(
            f"{name} is neither a folder here nor a model on the Hub (or it is private and you are not "
            f"logged in): check the spelling. {WAY_ON}"
        ) from None
    except EntryNotFoundError:
        raise ModelError(f"{name} is on the Hub but has no config.json: no transformers model. {WAY_ON}") from None
    except Exception as error:  # no network, offline mode, a proxy, a timeout: each library layer has its own class
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return True
        raise ModelError(
            f"{name} is not in the local cache and the Hub cannot be reached ({type(error).__name__}: "
            f"{error}): connect once to download it. {WAY_ON}"
        ) from None
    return False
