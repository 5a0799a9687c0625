"""The adapter folder: what makes an adapter usable elsewhere, and safe from the wrong base or template.

    adapter_model.safetensors, adapter_config.json    PEFT's; the base's location is one that resolves elsewhere, too
    tokenizer.json, chat_template.jinja, …            the tokenizer, with each template as a chat template
    prompt_templates.json                             the templates as data
    provenance.json                                   identity of base and data, library versions, numbers of the run
    README.md                                         the model card, written from all of these

What this module does not do: tell base models apart (`utils.identity`), load any (`utils.inference`), or keep
checkpoints (`utils.safe_trainer`).
"""

import json
import os
import platform
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from utils import smollm2
from utils.identity import AdapterError, base_identity
from utils.templates import PromptTemplate
from utils.tokens import set_chat_template

_CARD = """---
library_name: peft
pipeline_tag: text-generation
tags: [lora, sft]
---

# A LoRA adapter for {base}

Trained on the base in {how}. It belongs to exactly this base (weights sha256 `{hash}…`) and to the prompt templates
{templates}, saved in `prompt_templates.json` and as the tokenizer's chat templates: another prompt costs quality.

| measured in the run | |
|---|---|
{rows}

Training data: fingerprint `{fingerprint}`. Made with {libraries}.

```python
from utils.inference import generate, load_adapter

model, tokenizer, templates = load_adapter("this/folder")
answers = generate(model, tokenizer, records, templates["{first}"])
```
"""
LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "datasets")


def save_adapter(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: str | os.PathLike[str],
    *,
    templates: Sequence[PromptTemplate],
    fingerprint: str,
    metrics: Mapping[str, float],
) -> Path:
    """Write everything that inference needs beside the adapter's weights; the folder can then be moved.

    Args:
        model: what `fine_tune` returned as `.model`.
        templates: those it was trained with. The first becomes the tokenizer's default chat template, further ones
            are saved as chat templates under their names.
        fingerprint: of the training records (`records.fingerprint`).
        metrics: numbers for the model card: `TrainingResult.metrics` and, if there are any, scores.

    Raises:
        ValueError: no template, or two of one name.
    """
    names = [template.name for template in templates]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"templates are {names}: pass each template that the model was trained with, once")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "provenance.json").unlink(missing_ok=True)  # written last: a folder without it is not finished
    base_model = model.get_base_model()
    base = base_identity(base_model.config._name_or_path, seen_from=folder)
    model.save_pretrained(folder, save_embedding_layers=False)  # "auto" would ask the Hub about the vocabulary
    config = _read_json(folder / "adapter_config.json")
    location = smollm2.LOCATION if base["name"] == smollm2.NAME else base["name"]
    _write_json(folder / "adapter_config.json", config | {"base_model_name_or_path": location})
    _save_tokenizer(tokenizer, folder, templates)
    _write_json(folder / "prompt_templates.json", [template.to_dict() for template in templates])
    provenance = {
        "base": base,
        "quantization": "nf4" if getattr(base_model, "is_loaded_in_4bit", False) else None,
        "data_fingerprint": fingerprint,
        "libraries": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "metrics": dict(metrics),
    }
    (folder / "README.md").write_text(_card(provenance, names), encoding="utf-8")
    _write_json(folder / "provenance.json", provenance)
    return folder


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
    provenance = _read_json(folder / "provenance.json")
    saved = {t.name: t for t in map(PromptTemplate.from_dict, _read_json(folder / "prompt_templates.json"))}
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


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path, templates: Sequence[PromptTemplate]) -> None:
    for stale in (*folder.glob("chat_template.jinja"), *(folder / "additional_chat_templates").glob("*.jinja")):
        stale.unlink()
    before, chat = tokenizer.chat_template, {}
    for template in templates:
        try:
            set_chat_template(tokenizer, template)
            chat["default" if template is templates[0] else template.name] = tokenizer.chat_template
        except ValueError as error:  # rather an adapter without a chat template than an hour of training lost
            warnings.warn(str(error), stacklevel=3)
    tokenizer.chat_template = chat if len(chat) > 1 else chat.get("default")
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = before


def _card(provenance: Mapping[str, Any], templates: Sequence[str]) -> str:
    base, metrics, libraries = (provenance[key] for key in ("base", "metrics", "libraries"))
    rows = "\n".join(f"| {name.replace('_', ' ')} | {value:,.4g} |" for name, value in metrics.items())
    return _CARD.format(
        base=base["name"],
        how="4-bit NormalFloat with double quantisation" if provenance["quantization"] else "full precision",
        hash=base["weights_sha256"][:16],
        templates=", ".join(f"`{name}`" for name in templates),
        first=templates[0],
        rows=rows,
        fingerprint=provenance["data_fingerprint"],
        libraries=", ".join(f"{name} {number}" for name, number in libraries.items()),
    )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
