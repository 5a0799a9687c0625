"""The laws of the seam: with the bundled tokenizer, with real ones, and with small ones made like those of others.

The reference is always the tokenizer's own call on the whole text; `utils.prompts` encodes that for doubtful rows only.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seam_laws import ARROW, BARE, RECORDS, SPACED, TEMPLATES, check_laws
from tokenizers import Tokenizer, models
from tokenizers_fixture import like_gpt2, like_llama3, tokenizer, whole_text_ids  # noqa: F401
from transformers import PreTrainedTokenizerFast

from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PlainEncoder, PromptTemplate, encode
from utils.records import Record


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
    assert note.row == 1 and note.stage == "seam" and note.reason.startswith("' y")
    (note,) = encode([Record("Why?", output="\nyes")], ALPACA, like_llama3(), max_length=None).notes
    assert note.reason.startswith(r"':\n\n' became one token")


def test_of_two_splits_that_are_equally_likely_the_whole_text_decides():
    scores = {"<unk>": 0.0, "</s>": 0.0, "a": -1.37, "-": -1.1, ">": -1.7, "#": -2.13, "##": -3.31}
    unigram = Tokenizer(models.Unigram(list(scores.items()), unk_id=0))
    unigram = PreTrainedTokenizerFast(tokenizer_object=unigram, unk_token="<unk>", eos_token="</s>")
    records = [Record("a" * n, output="###") for n in range(40)]  # '#', '##' or '##', '#': the rounding decides
    assert len({tuple(row["input_ids"][-3:]) for row in check_laws(records, ARROW, unigram).rows}) == 2


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
