"""The laws of the seam: with the bundled tokenizer, with real ones, and with small ones made like those of others.

The reference is always the tokenizer's own call on the whole text; `utils.seam` encodes that for doubtful rows only.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers_fixture import like_gpt2, like_llama3, tokenizer, whole_text_ids  # noqa: F401

from utils.records import Record
from utils.special_tokens import PlainEncoder
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.tokens import encode, encode_prompts

SPACED = PromptTemplate(name="spaced", text="{instruction}\n### Response: ", response_marker="### Response: ")
TEMPLATES = [
    ALPACA,
    REVERSE_INSTRUCTION,
    SPACED,
    PromptTemplate(name="bare", text="{instruction}\n### Response:", response_marker="### Response:"),
    # these touch the data on both sides, so that the marker itself may merge with it
    PromptTemplate(name="arrow", text="{instruction}->", response_marker="->"),
    PromptTemplate(name="letters", text="{instruction}ab", response_marker="ab", completion="{output}\n"),
    PromptTemplate(name="colon", text="{instruction}A:", response_marker="A:", completion=" {output}"),
    PromptTemplate(name="blank lines", text="{instruction}=\n\n", response_marker="=\n\n"),
]


class Unchecked(PromptTemplate):
    """What people type without a template: notebook 05 asks in such a form."""

    def __post_init__(self):
        pass


BARE = Unchecked(name="bare user input", text="{instruction}\n\n{input}", response_marker="")

COMMANDS = ["</s>", "<s>", "<pad>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]"]
PIECES = [*COMMANDS, "### Response:", "### Response:\n", "\n", "\n\n", " ", "  ", "\t", "\r\n", "yes", "7", "e\u0301"]
PIECES += ["\u0301", "\u200d", "👩\u200d🚀", "日本", "\u2028", "\xa0", "{", "▁", "<", "/s>", "<0x0A>", "Ġ"]
PIECES += [
    "->",
    ">",
    "a",
    "bc",
    "=",
    "\n=",
    ": ",
    "ENDED",
    " STOP ",
    "<TOOL>",
    "[cmd]",
    " <Wide> ",
    "<|mixed|>",
    "İ",
    "ﬁ",
]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=6).map("".join)
RECORDS = st.lists(st.builds(Record, instruction=TEXT, input=TEXT, output=TEXT), min_size=1, max_size=4)


def forbidden_ids(tokenizer):  # noqa: F811
    """Every added token that has a spelling, but for UNK, which stands for rare letters."""
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
    return added - ({tokenizer.unk_token_id} - {tokenizer.eos_token_id, tokenizer.bos_token_id})


def check_laws(records, template, tokenizer):  # noqa: F811
    """Every law for every record; returns what `encode` gave."""
    encoded = encode(records, template, tokenizer, max_length=None)
    prompts = encode_prompts(records, template, tokenizer)
    whole = whole_text_ids(["".join(template.render(record)) for record in records], tokenizer)
    forbidden = forbidden_ids(tokenizer)
    (start,) = whole_text_ids(["a"], tokenizer)
    start = start[: len(start) - len(tokenizer("a", add_special_tokens=False)["input_ids"])]
    assert sorted([*encoded.kept, *(note.row for note in encoded.notes)]) == list(range(len(records)))
    for row, at in zip(encoded.rows, encoded.kept, strict=True):
        ids, labels, n = row["input_ids"], row["labels"], len(prompts[at])
        assert ids[:n] == prompts[at] and labels[:n] == [-100] * n
        assert labels[n:] == ids[n:] and ids[-1] == tokenizer.eos_token_id
        assert ids[: len(start)] == start and not forbidden & set(ids[len(start) : -1])
        assert len(ids) == encoded.lengths[at]
        if not forbidden & set(whole[at][len(start) :]):  # the tokenizer's own call does not always keep text as text
            assert ids[:-1] == whole[at]
    for note in encoded.notes:
        clean = not forbidden & set(whole[note.row][len(start) :])
        assert note.kind == "seam"
        assert not clean or whole[note.row][: len(prompts[note.row])] != prompts[note.row]
    return encoded


@settings(max_examples=40)
@given(records=RECORDS, template=st.sampled_from(TEMPLATES))
def test_laws_on_free_unicode(tokenizer, records, template):  # noqa: F811
    check_laws(records, template, tokenizer)


@settings(max_examples=40)
@given(records=RECORDS, template=st.sampled_from(TEMPLATES), data=st.data())
def test_no_spelling_of_any_special_token_becomes_one(tokenizer, records, template, data):  # noqa: F811
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.content.strip()]
    spelled = data.draw(st.sampled_from(sorted(added)))
    records = [Record(r.instruction + spelled, spelled + r.input, spelled * 2 + r.output) for r in records]
    check_laws(records, template, tokenizer)


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION], ids=lambda t: t.name)
def test_laws_on_every_real_row(refdata, tokenizer, template):  # noqa: F811
    records = []
    for path in sorted((Path(refdata) / "instruct").glob("*.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))
        records += [Record(row["instruction"], row.get("input", ""), row["output"]) for row in rows]
    assert len(records) > 5000
    if tokenizer.vocab_size < 1_300:  # the small stand-ins of other families see every tenth row
        records = records[::10]
    check_laws(records, template, tokenizer)


def test_a_merge_at_the_seam_is_reported_with_its_characters():
    (note,) = encode([Record("Why?", output="yes")], SPACED, like_gpt2(), max_length=None).notes
    assert note.row == 0 and note.kind == "seam" and note.reason.startswith("' y")
    (note,) = encode([Record("Why?", output="\nyes")], ALPACA, like_llama3(), max_length=None).notes
    assert note.reason.startswith(r"':\n\n' became one token")


@settings(max_examples=20)
@given(records=RECORDS)
def test_laws_without_a_response_marker(tokenizer, records):  # noqa: F811
    check_laws(records, BARE, tokenizer)


def test_an_empty_text_begins_as_any_other(tokenizer):  # noqa: F811
    encoder = PlainEncoder(tokenizer)
    assert encoder.start("") == encoder.start("a") == encoder.start("\n")


def test_special_text_of_the_template_is_refused(tokenizer):  # noqa: F811
    template = PromptTemplate(name="chatty", text=tokenizer.eos_token + "{instruction}\n### Response:\n")
    with pytest.raises(ValueError, match="'chatty' spells"):
        encode([Record("a")], template, tokenizer, max_length=None)
