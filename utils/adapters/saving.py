"""The adapter folder: what makes an adapter usable elsewhere, and safe from the wrong base or template.

adapter_model.safetensors, adapter_config.json    PEFT's; the base's location is one that resolves elsewhere, too
tokenizer.json, chat_template.jinja, …            the tokenizer, with each template as a chat template
prompt_templates.json                             the templates as data
provenance.json                                   identity of base and data, library versions, numbers of the run
README.md                                         the model card, written from all of these
"""

import os
import platform
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from jinja2 import Template
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from utils.bundled_model import smollm2
from utils.files import read_json, write_json, write_text
from utils.models import base_identity, share_in_4_bits
from utils.prompts import PromptTemplate, set_chat_template, settled

_CARD = Template(
    """---
library_name: peft
pipeline_tag: text-generation
tags: [lora, sft]
---

# A LoRA adapter for {{ base.name }}

Trained on the base {% if quantization -%}
with {{ '{:.0%}'.format(quantized_share) }} of its weights in 4-bit NormalFloat with double quantisation, the others
in {{ precision }}
{%- else -%}
in {{ precision }}
{%- endif %}. It belongs to exactly this base (weights sha256 `{{ base.weights_sha256[:16] }}…`) and to the prompt
templates {% for name in templates %}`{{ name }}`{{ ", " if not loop.last }}{% endfor %}, saved in
`prompt_templates.json` and as the tokenizer's chat templates: another prompt costs quality.

| measured in the run | |
|---|---|
{% for name, value in metrics.items() -%}
| {{ name.replace("_", " ") }} | {{ "{:,.4g}".format(value) }} |
{% endfor %}
Training data: fingerprint `{{ data_fingerprint }}`. Made with \
{% for name, number in libraries.items() %}{{ name }} {{ number }}{{ ", " if not loop.last }}{% endfor %}.

```python
from utils.adapters import load_adapter
from utils.inference import generate

model, tokenizer, templates = load_adapter("this/folder")
answers = generate(model, tokenizer, records, templates["{{ templates[0] }}"])
```
"""
)
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
    config = read_json(folder / "adapter_config.json")
    location = smollm2.LOCATION if base["name"] == smollm2.NAME else base["name"]
    write_json(folder / "adapter_config.json", config | {"base_model_name_or_path": location})
    _save_tokenizer(tokenizer, folder, templates)
    write_json(folder / "prompt_templates.json", [settled(template, tokenizer).to_dict() for template in templates])
    provenance = {
        "base": base,
        "quantization": "nf4" if (share := share_in_4_bits(base_model)) else None,
        "quantized_share": share,  # of the base's weights
        "precision": str(base_model.dtype).removeprefix("torch."),  # of the others
        "data_fingerprint": fingerprint,
        "libraries": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "metrics": dict(metrics),
    }
    write_text(folder / "README.md", _CARD.render(provenance, templates=names))
    write_json(folder / "provenance.json", provenance)
    return folder


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
