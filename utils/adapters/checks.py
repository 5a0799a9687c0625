"""What an adapter folder says, checked before anything is loaded: base and templates are those of the training."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.files import read_json
from utils.models import base_identity
from utils.prompts import PromptTemplate


class AdapterError(ValueError):
    """A folder is no usable adapter, or base or template are not those it was trained with."""


def read_adapter(
    folder: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    templates: Sequence[PromptTemplate] = (),
) -> tuple[dict[str, Any], str, dict[str, PromptTemplate]]:
    """Check an adapter folder before anything is loaded.

    Returns:
        The provenance, the base to load (a folder or a Hub name), and the templates by name, the default one first.

    Raises:
        AdapterError: no finished adapter, a base that is missing, or a template that differs from the saved one.
    """
    folder = Path(folder)
    if not (folder / "provenance.json").is_file():
        there = "has no provenance.json (saving was interrupted?)" if folder.is_dir() else "does not exist"
        raise AdapterError(f"{folder} {there}: pass a folder that save_adapter wrote")
    provenance = read_json(folder / "provenance.json")
    saved = {t.name: t for t in map(PromptTemplate.from_dict, read_json(folder / "prompt_templates.json"))}
    for template in templates:
        _check_template(template, saved)
    name = provenance["base"]["name"]
    if base is None:
        base = folder / name if (folder / name / "config.json").is_file() else name
        if name.startswith("..") and not (folder / name).is_dir():
            raise AdapterError(f"the base of {folder} is no longer at {name}: pass base= with its folder or Hub name")
    return provenance, str(base), saved


def _check_template(template: PromptTemplate, saved: Mapping[str, PromptTemplate]) -> None:
    if template.name not in saved:
        raise AdapterError(f"the adapter was not trained with the template {template.name!r}, but with {list(saved)}")
    old, new = saved[template.name].to_dict(), template.to_dict()
    for key in old:
        if old[key] != new[key]:
            raise AdapterError(
                f"the template {template.name!r} differs from the one in training: its {key} "
                f"is {new[key]!r}, was {old[key]!r}; use the template that load_adapter returns"
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
