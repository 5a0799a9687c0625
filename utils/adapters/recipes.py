"""What other engines are told about an adapter: a Modelfile for Ollama, command lines for vLLM and TGI.

All of it follows from the adapter folder. llama.cpp runs in the tests of this project; Ollama, vLLM and TGI do not,
and each text says so.
"""

import os
from pathlib import Path
from types import SimpleNamespace

from transformers import AutoTokenizer

from utils.adapters.checks import AdapterError, read_adapter
from utils.files import read_json
from utils.prompts import PromptTemplate

_NOT_RUN = "written from the adapter folder; not run by this project"


def modelfile(folder: str | os.PathLike[str], model: str, *, template: str | None = None, context: int = 2048) -> str:
    """The text of a Modelfile for `ollama create`: model, prompt template, where to stop, greedy decoding.

    Ollama has its own template language and reads no Jinja, so without TEMPLATE it would guess a chat format.

    Args:
        folder: what `save_adapter` wrote.
        model: the GGUF file, seen from the Modelfile.
        template: the name of one of the adapter's templates (default: its first).
        context: tokens of prompt and answer.

    Raises:
        AdapterError: no adapter, or a template that it was not trained with.
    """
    chosen, tokenizer = _template(folder, template), AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    lines = [
        f"# {_NOT_RUN}.",
        "# ollama create my-model -f Modelfile && ollama run my-model",
        f"FROM ./{model}",
        f'TEMPLATE """{_go_template(chosen)}"""',
        f'PARAMETER stop "{tokenizer.eos_token}"',
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {context}",
    ]
    return "\n".join(lines) + "\n"


def serving_commands(folder: str | os.PathLike[str], merged: str = "merged", *, context: int = 2048) -> dict[str, str]:
    """Command lines for llama.cpp, vLLM and TGI, with what was run and what was not as a comment on top.

    Args:
        folder: what `save_adapter` wrote.
        merged: the folder that `export_merged` wrote; its GGUF file is expected beside it, as `<merged>-f16.gguf`.
        context: tokens of prompt and answer.

    Raises:
        AdapterError: no adapter.
    """
    read_adapter(folder)
    config, shown = read_json(Path(folder) / "adapter_config.json"), Path(folder).name
    rank = max(8, 1 << (config["r"] - 1).bit_length())  # vLLM takes powers of two, from 8
    commands = {
        "llama.cpp": (
            "the same server, from the package xllamacpp, is run by the tests of this project",
            f"llama-server --model {merged}-f16.gguf --jinja --host 127.0.0.1 --ctx-size {context}",
        ),
        "vLLM": (_NOT_RUN, f"vllm serve ./{merged} --max-model-len {context}"),
        "vLLM, adapter beside the base": (
            f"{_NOT_RUN}; the base is not rounded to 4 bits there, so answers differ from those in training",
            f"vllm serve {config['base_model_name_or_path']} --enable-lora --lora-modules {shown}=./{shown} "
            f"--max-lora-rank {rank} --chat-template ./{shown}/chat_template.jinja --max-model-len {context}",
        ),
        "TGI": (_NOT_RUN, f"text-generation-launcher --model-id ./{merged} --max-total-tokens {context}"),
    }
    return {engine: f"# {remark}\n{command}" for engine, (remark, command) in commands.items()}


def _template(folder: str | os.PathLike[str], name: str | None) -> PromptTemplate:
    _, templates = read_adapter(folder)
    if name is not None and name not in templates:
        raise AdapterError(f"the adapter was not trained with the template {name!r}, but with {list(templates)}")
    return templates[name] if name else next(iter(templates.values()))


def _go_template(template: PromptTemplate) -> str:
    """The template in Go's language: what the system says and what the user says stand for the record's fields."""
    both, alone = (_go_text(template, given) for given in ("given", ""))
    choice = both if both == alone else "{{ if .System }}" + both + "{{ else }}" + alone + "{{ end }}"
    return choice + "{{ .Response }}"


def _go_text(template: PromptTemplate, given_input: str) -> str:
    # Fields that can be told from any text stand for the values; the template itself says which of them it shows.
    marks = {name: f"\x00{name}\x00" for name in ("instruction", "input", "output")}
    record = SimpleNamespace(**(marks | ({} if given_input else {"input": ""})))
    *asked, _ = template.messages(record)
    text = template.prompt(record).replace("{{", '{{ "{{" }}').replace('"""', '""{{ "\\"" }}')
    for message in asked:
        field = ".System" if message["role"] == "system" else ".Prompt"
        text = text.replace(message["content"], "{{ " + field + " }}")
    return text
