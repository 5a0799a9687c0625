import re

import pytest
from models_fixture import RECORDS, trained  # noqa: F401  (a fixture)

from utils.adapters import AdapterError, modelfile, serving_commands
from utils.adapters.recipes import _go_template
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.records import Record

BRACES = PromptTemplate(
    name="braces", text='{{"q": "{instruction}"}} {{{{ """ {{ .Prompt }}\nA:\n', response_marker="A:\n"
)
TEMPLATES = [ALPACA, REVERSE_INSTRUCTION, BRACES]


def go(template: str, system: str, prompt: str) -> str:
    """The part of Go's template language that a Modelfile here uses, in the words of its documentation."""
    choice = r"(?s)\{\{ if \.System \}\}(.*)\{\{ else \}\}(.*)\{\{ end \}\}(\{\{ \.Response \}\})"
    if whole := re.fullmatch(choice, template):
        template = (whole[1] if system else whole[2]) + whole[3]
    values = {".System": system, ".Prompt": prompt, ".Response": ""}

    def value(action: re.Match) -> str:
        inner = action[1].strip()
        return values[inner] if inner in values else inner[1:-1].replace('\\"', '"')

    return re.sub(r'\{\{((?: "(?:[^"\\]|\\.)*" )|[^{}"]*)\}\}', value, template)


def text_of_template(file: str) -> str:
    return re.search(r'(?s)^TEMPLATE """(.*?)"""$', file, flags=re.MULTILINE)[1]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
@pytest.mark.parametrize("given", ["the \\ input {{ .System }} {x}", ""])
def test_ollamas_template_gives_our_prompt(template, given):
    record = Record(instruction='Say {{ it }} """ so.', input=given, output="out {{ .Prompt }}")
    *asked, _ = template.messages(record)
    said = {message["role"]: message["content"] for message in asked}
    assert go(_go_template(template), said.get("system", ""), said["user"]) == template.prompt(record)
    assert '"""' not in _go_template(template)  # it would end the Modelfile's string


def test_a_modelfile_holds_model_template_stop_and_greedy_settings(trained):  # noqa: F811
    file = modelfile(trained.adapter, "merged-f16.gguf", context=512)
    assert go(text_of_template(file), RECORDS[0].instruction, RECORDS[0].input) == ALPACA.prompt(RECORDS[0])
    for line in ("FROM ./merged-f16.gguf", 'PARAMETER stop "</s>"', "PARAMETER temperature 0", "PARAMETER num_ctx 512"):
        assert line in file.splitlines()
    assert "not run by this project" in file
    other = modelfile(trained.adapter, "merged-f16.gguf", template="reverse_instruction")
    assert text_of_template(other) == _go_template(REVERSE_INSTRUCTION)
    with pytest.raises(AdapterError, match="'chatml'"):
        modelfile(trained.adapter, "merged-f16.gguf", template="chatml")


def test_every_command_line_says_whether_it_was_run(trained):  # noqa: F811
    commands = serving_commands(trained.adapter, "merged")
    assert list(commands) == ["llama.cpp", "vLLM", "vLLM, adapter beside the base", "TGI"]
    for engine, text in commands.items():
        remark, command = text.split("\n")
        assert ("not run" in remark) == (engine != "llama.cpp")
        assert str(trained.adapter.parent) not in command  # no path of this machine
    assert "--max-lora-rank 16" in commands["vLLM, adapter beside the base"]
