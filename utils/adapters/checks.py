"""An adapter folder, checked before anything is loaded: its files are whole, base and templates those of training."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open

from utils.errors import DataError
from utils.files import read_json
from utils.models import base_identity
from utils.prompts import PromptTemplate, template_from_dict

WEIGHTS = "adapter_model.safetensors"
_IDENTITY = {"name", "config", "weights_sha256"}
_POINTER = b"version https://git-lfs"
_AGAIN = "copy the folder again, or save the adapter again"


class AdapterError(ValueError):
    """A folder is not a usable adapter, or base or template are not those it was trained with."""


def read_adapter(
    folder: str | os.PathLike[str], *, templates: Sequence[PromptTemplate] = ()
) -> tuple[dict[str, Any], dict[str, PromptTemplate]]:
    """Check an adapter folder before anything is loaded.

    Returns:
        The provenance, and the templates by name, the default one first.

    Raises:
        AdapterError: not a finished adapter, a file that is damaged, or a template that differs from the saved one.
    """
    folder = Path(folder)
    if not (folder / "provenance.json").is_file():
        there = "has no provenance.json (saving was interrupted?)" if folder.is_dir() else "does not exist"
        raise AdapterError(f"{folder} {there}: pass a folder that save_adapter wrote")
    provenance = _read(folder, "provenance.json")
    identity = provenance.get("base")
    if not isinstance(identity, dict) or not identity.keys() >= _IDENTITY or "quantization" not in provenance:
        raise AdapterError(f"{folder / 'provenance.json'} does not say which base the adapter is for: {_AGAIN}")
    if _read(folder, "adapter_config.json").get("peft_type") != "LORA":
        raise AdapterError(f"{folder / 'adapter_config.json'} is not that of a LoRA adapter: {_AGAIN}")
    _check_weights(folder / WEIGHTS)
    saved = _read_templates(folder)
    for template in templates:
        _check_template(template, saved)
    return provenance, saved


def find_base(folder: str | os.PathLike[str], provenance: Mapping[str, Any]) -> str:
    """Where the base of an adapter is: a folder, seen from the adapter's, or the name that it was loaded by.

    Raises:
        AdapterError: it is no longer where it was.
    """
    folder, name = Path(folder), provenance["base"]["name"]
    if (folder / name / "config.json").is_file():
        return str(folder / name)
    if name.startswith("..") and not (folder / name).is_dir():
        raise AdapterError(f"the base of {folder} is no longer at {name}: pass base= with its folder or Hub name")
    return name


def _read(folder: Path, name: str, kind: type = dict) -> Any:
    """The content of a JSON file that holds an object (or a list)."""
    try:
        content = read_json(folder / name)
    except DataError as error:
        raise AdapterError(f"{folder}: {error.problem}. {_AGAIN.capitalize()}") from None
    if not isinstance(content, kind) or not content:
        raise AdapterError(f"{folder / name} holds {str(content)[:60]}, which save_adapter did not write: {_AGAIN}")
    return content


def _read_templates(folder: Path) -> dict[str, PromptTemplate]:
    try:
        templates = [template_from_dict(each) for each in _read(folder, "prompt_templates.json", list)]
    except AdapterError:
        raise
    except Exception as error:  # whatever else a damaged entry leads to: a missing key, a value of another kind
        raise AdapterError(
            f"{folder / 'prompt_templates.json'} holds no prompt templates ({error}): {_AGAIN}"
        ) from None
    return {template.name: template for template in templates}


def _check_weights(path: Path) -> None:
    """Refuse weights that cannot be read, or that are not numbers."""
    if not path.is_file():
        raise AdapterError(f"{path.parent} has no {path.name}: {_AGAIN}")
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise AdapterError(f"{path} is a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`")
    try:
        with safe_open(path, "pt") as file:
            bad = [name for name in file.keys() if not torch.isfinite(file.get_tensor(name)).all()]  # noqa: SIM118
            empty = not file.keys()
    except (SafetensorError, OSError, ValueError) as error:
        raise AdapterError(f"{path} cannot be read, it is empty or cut off ({error}): {_AGAIN}") from None
    if bad or empty:
        what = f"holds weights that are not numbers, in {bad[0]}" if bad else "holds no weights"
        raise AdapterError(f"{path} {what}: {_AGAIN}")


def check_fit(model: PeftModel, folder: str | os.PathLike[str]) -> None:
    """Refuse weights other than those that the adapter's layers have; PEFT would leave a layer without any untrained.

    Raises:
        AdapterError: naming a layer, and how many others there are.
    """
    expected = {
        name: tuple(value.shape)
        for name, value in get_peft_model_state_dict(model, save_embedding_layers=False).items()
    }
    with safe_open(Path(folder, WEIGHTS), "pt") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    wrong = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if wrong:
        is_, was = found.get(wrong[0], "missing"), expected.get(wrong[0], "not there")
        raise AdapterError(
            f"the weights in {folder} are not those of its adapter: {wrong[0]} is {is_}, should be {was}, and "
            f"{len(wrong) - 1} more of {len(expected)} differ: {_AGAIN}"
        )


def _check_template(template: PromptTemplate, saved: Mapping[str, PromptTemplate]) -> None:
    if template.name not in saved:
        raise AdapterError(f"the adapter was not trained with the template {template.name!r}, but with {list(saved)}")
    old, new = saved[template.name].to_dict(), template.to_dict()
    for key in old:
        if old[key] != new.get(key):
            raise AdapterError(
                f"the template {template.name!r} differs from the one in training: its {key} "
                f"is {new.get(key)!r}, was {old[key]!r}; use the template that load_adapter returns"
            )


def check_base(base: str | os.PathLike[str], saved: Mapping[str, Any]) -> None:
    """Refuse a base (already in the cache, if it is from the Hub) other than the one the adapter was trained on.

    Raises:
        AdapterError: naming the settings that differ, or the weights if all settings are equal.
    """
    found = base_identity(base)
    old, new = saved["config"], found["config"]
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    differences = [f"{key} is {new.get(key)}, was {old.get(key)}" for key in keys[:5]]
    if not keys and saved["weights_sha256"] != found["weights_sha256"]:
        differences = ["all settings are equal but the weights differ: the base was trained again"]
    if differences:
        raise AdapterError(
            f"this adapter was trained on {saved['name']}, and {base} is another model "
            f"({'; '.join(differences)}): pass the right base=, or train again"
        )
