"""The adapter's model as a plain folder that any engine loads: no adapter, no 4-bit layers, our chat template.

Which weights the adapter is added to matters. It was trained beside 4-bit weights and made up for their rounding, so
these, expanded, are the ones that it belongs to; in the 16-bit weights that they were made from it gives other answers.
"""

import os
from pathlib import Path

import torch

from utils.adapters.checks import AdapterError, read_adapter
from utils.adapters.loading import load_merged
from utils.files import read_json, write_json, write_text

_CARD = """---
pipeline_tag: text-generation
tags: [merged, lora, sft]
---

# {base} with a LoRA adapter merged into it

Plain weights in {dtype}: the base in {how}, as in training, expanded again, plus the adapter. It was trained with the
prompt template `{template}`, which is the chat template here (a chat has the roles that `prompt_templates.json` shows).
Another prompt costs quality.
"""
# Marks of the answer for trainers; at inference nothing reads them, and some engines' Jinja does not know them.
_GENERATION_TAGS = ("{% generation %}", "{% endgeneration %}")


def export_merged(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    base: str | os.PathLike[str] | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Merge an adapter and write the model: weights in safetensors, tokenizer, chat template, card, provenance.

    Args:
        folder: what `save_adapter` wrote.
        out: a new or empty folder, or one that this function wrote.
        base: where the base is now, if it is not found where it was.
        dtype: of the weights on disk. float16 rounds them eight times more finely than bfloat16, and takes as much
            space; a model whose activations need bfloat16's range wants bfloat16.

    Raises:
        AdapterError: no usable adapter, `out` holds something else, or weights that `dtype` cannot hold.
        ModelError: the base cannot be loaded.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / "merged.json").is_file():
        raise AdapterError(f"{out.name} holds files that export_merged did not write: give a new folder")
    provenance, templates = read_adapter(folder)
    model, tokenizer = load_merged(folder, base=base)
    largest = max(weight.abs().max().item() for weight in model.parameters())
    if not largest <= torch.finfo(dtype).max:
        raise AdapterError(f"a weight is {largest:.3g}, more than {dtype} can hold: pass dtype=torch.bfloat16")
    out.mkdir(parents=True, exist_ok=True)
    (out / "merged.json").unlink(missing_ok=True)  # written last
    model.to(dtype).save_pretrained(out)
    config = read_json(out / "config.json")
    write_json(out / "config.json", {key: value for key, value in config.items() if key != "_name_or_path"})
    _save_tokenizer(tokenizer, out)
    write_json(out / "prompt_templates.json", [template.to_dict() for template in templates.values()])
    how = {"nf4": "4-bit NormalFloat"}.get(provenance["quantization"], "full precision")
    names = {"base": provenance["base"]["name"], "dtype": str(dtype).removeprefix("torch."), "how": how}
    write_text(out / "README.md", _CARD.format(template=next(iter(templates)), **names))
    write_json(out / "merged.json", {"dtype": names["dtype"], "adapter": provenance})
    return out


def _save_tokenizer(tokenizer, out: Path) -> None:
    chat = tokenizer.chat_template or {}
    chats = {"default": chat} if isinstance(chat, str) else dict(chat)
    for tag in _GENERATION_TAGS:
        chats = {name: text.replace(tag, "") for name, text in chats.items()}
    tokenizer.chat_template = chats if len(chats) > 1 else chats.get("default")
    tokenizer.save_pretrained(out)
