"""Template bytes, the rules of a template, and the Jinja form."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.prompts.chat_jinja import chat_jinja
from utils.records import Record

# Written out once more, by hand, so that a change of the constants cannot pass unseen.
WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a "
    "response that appropriately completes the request.\n\n### Instruction:\n%s\n\n### Input:\n%s\n\n### Response:\n"
)
WITHOUT_INPUT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    "\n\n### Instruction:\n%s\n\n### Response:\n"
)
REVERSE = (
    "### Instruction:\nUse the Input below to create an instruction, which could have been used to generate the input "
    "using an LLM.\n\n### Input:\n%s\n\n### Response:\n"
)
PIECES = [
    "{",
    "}",
    "{instruction}",
    "{input!r}",
    "{{",
    "}}",
    "%s",
    "\\n",
    "\\",
    "\n",
    "\r\n",
    "'",
    '"',
    " ",
    "{% raw %}",
]
TEXT = st.lists(
    st.one_of(st.sampled_from([*PIECES, "### Response:\n", "</s>", "é", "e\u0301", "\u2028"]), st.text())
).map("".join)
RECORDS = st.builds(Record, instruction=TEXT, input=TEXT, output=TEXT)


def expected(record):
    return WITH_INPUT % (record.instruction, record.input) if record.input else WITHOUT_INPUT % record.instruction


@given(RECORDS)
def test_bytes_whatever_the_data(record):
    assert ALPACA.render(record) == (expected(record), record.output)
    assert REVERSE_INSTRUCTION.render(record) == (REVERSE % record.output, record.instruction)


@pytest.mark.parametrize("name", ["alpaca_en_demo", "rasbt_instruction_data", "dolly_3k"])
def test_bytes_on_real_rows(refdata, name):
    rows = json.loads((Path(refdata) / "instruct" / f"{name}.json").read_text(encoding="utf-8"))
    assert len(rows) > 900
    for row in rows:
        record = Record(row["instruction"], row.get("input", ""), row["output"])
        assert ALPACA.render(record) == (expected(record), row["output"])
        assert REVERSE_INSTRUCTION.render(record) == (REVERSE % row["output"], row["instruction"])


def test_one_space_is_an_input_and_the_empty_string_is_none():
    assert ALPACA.prompt(Record("a", " ")) == WITH_INPUT % ("a", " ")
    assert ALPACA.prompt(Record("a", "")) == WITHOUT_INPUT % "a"


@given(RECORDS)
def test_the_prompt_for_inference_is_that_of_training(record):
    for template in (ALPACA, REVERSE_INSTRUCTION):
        assert template.prompt(record) == template.render(record)[0]
        assert template.prompt(record).endswith("### Response:\n")


BOTH = {"text": "{instruction}{input}\n### Response:\n"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"text": "{instruction}\n"}, "no response marker"),
        ({"text": "{instruction}\n### Response:"}, "no response marker"),
        ({"text": "{output}\n### Response:\n"}, "before the prompt ends"),
        ({"text": "Hello\n### Response:\n"}, "shows nothing"),
        ({"text": "{question}\n### Response:\n"}, r"unknown field \{question\}"),
        ({"text": "{}\n### Response:\n"}, r"unknown field \{\}"),
        ({"text": "{instruction.__class__}\n### Response:\n"}, "unknown field"),
        ({"text": "{instruction!r}\n### Response:\n"}, r"unknown field \{instruction!r\}"),
        ({"text": "{instruction:>9}\n### Response:\n"}, r"unknown field \{instruction:>9\}"),
        ({"text": "{instruction\n### Response:\n"}, "not a format string"),
        ({"text": "{input}\n### Response:\n"}, "text_without_input"),
        (BOTH | {"text_without_input": BOTH["text"]}, "leave it and its header out"),
        (BOTH | {"text_without_input": "{instruction}\n"}, "text_without_input has no response marker"),
        ({"text_without_input": "{instruction}\n### Response:\n"}, "one text is enough"),
        ({"completion": "yes"}, "uses 0 fields"),
        ({"completion": "{output}{input}"}, "uses 2 fields"),
        ({"completion": "{output}{output}"}, "uses 2 fields"),
        ({"completion": "### Response:\n{output}"}, "holds the response marker"),
        ({"response_marker": "\n"}, "response_marker is"),
        ({"text": 3}, "text is 3"),
        ({"text": None}, "text is None"),
    ],
)
def test_a_wrong_template_says_what_is_wrong(change, complaint):
    with pytest.raises(ValueError, match=complaint) as caught:
        PromptTemplate(**({"name": "mine", "text": "{instruction}\n### Response:\n"} | change))
    assert "mine" in str(caught.value)


@pytest.mark.parametrize("value", [None, float("nan"), 7])
def test_a_field_that_is_no_text_is_named_instead_of_printed(value):
    with pytest.raises(ValueError, match=f"the record's input is {value}, which is not text"):
        ALPACA.render(Record("Why?", value, "So."))


def test_a_file_that_holds_no_object_is_no_template():
    with pytest.raises(ValueError, match="a template is an object with the keys"):
        PromptTemplate.from_dict(["name", "text"])


def test_a_doubled_brace_is_a_brace_also_in_the_marker():
    template = PromptTemplate(name="json", text='{{"q": "{instruction}", "a": {{', response_marker='"a": {')
    assert template.render(Record("why", output="{x}")) == ('{"q": "why", "a": {', "{x}")


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION])
def test_to_json_and_back(template):
    assert PromptTemplate.from_dict(json.loads(json.dumps(template.to_dict()))) == template


def test_from_dict_names_what_is_unknown_or_missing():
    with pytest.raises(ValueError, match=r"unknown field \['promt'\]"):
        PromptTemplate.from_dict({"name": "mine", "promt": ""})
    with pytest.raises(ValueError, match=r"lacks \['text'\]"):
        PromptTemplate.from_dict({"name": "mine"})


def test_messages():
    def roles(template, record):
        return [(message["role"], message["content"]) for message in template.messages(record)]

    full, bare = Record("i", "x", "o"), Record("i", "", "o")
    assert roles(ALPACA, full) == [("system", "i"), ("user", "x"), ("assistant", "o")]
    assert roles(ALPACA, bare) == [("user", "i"), ("assistant", "o")]
    assert roles(REVERSE_INSTRUCTION, bare) == [("user", "o"), ("assistant", "i")]


def run_jinja(template, messages):
    def refuse(message):
        raise ValueError(message)

    source = chat_jinja(template).replace("{% generation %}", "").replace("{% endgeneration %}", "")
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    return environment.from_string(source).render(messages=messages, bos_token="<s>", eos_token="</s>")


@given(RECORDS)
def test_jinja_renders_what_render_does(record):
    framed = PromptTemplate(
        name="it's \"framed\"", text="{{%'\\ é\U0001f600 {instruction}\n#A:\n", response_marker="#A:\n",
        completion=" {output}\n",
    )  # fmt: skip
    for template in (ALPACA, REVERSE_INSTRUCTION, framed):
        prompt, completion = template.render(record)
        messages = template.messages(record)
        assert run_jinja(template, messages) == "<s>" + prompt + completion + "</s>"
        assert run_jinja(template, messages[:-1]) == "<s>" + prompt


@pytest.mark.parametrize("roles", [["assistant"], ["user", "user"], ["system"], ["system", "assistant"]])
def test_jinja_refuses_a_chat_that_the_model_never_saw(roles):
    chat = [{"role": role, "content": "a"} for role in roles]
    for template in (ALPACA, REVERSE_INSTRUCTION):
        with pytest.raises(ValueError, match=f"{template.name} takes"):
            run_jinja(template, chat)
    with pytest.raises(ValueError, match="reverse_instruction takes"):
        run_jinja(REVERSE_INSTRUCTION, [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}])
