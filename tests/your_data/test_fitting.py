"""Rows as ids: what does not fit is listed with its row in the file, and why."""

from itertools import groupby
from types import SimpleNamespace

import pytest
from chat_fixture import CHATML, THINKS
from models_fixture import TEXTS, small_config, small_tokenizer

from utils.errors import DataError
from utils.prompts import ALPACA, ChatTemplate
from utils.records import Conversion, Record, Turn
from utils.your_data import Account, fit_rows

MODEL = SimpleNamespace(config=small_config())  # of which only the context is read


def account(task: str, long: int) -> Account:
    """Eight rows to train on, numbered from 11, of which one is far too long, and four to test with."""
    records = [Record("Name the city.", text, text.split()[3], task, row=11 + at) for at, text in enumerate(TEXTS[:12])]
    at = long - 11
    records[at] = Record("Name the city.", " ".join(TEXTS), "Oslo", task, row=long)
    return Account(records[:8], records[8:], [], {"used": 8}, Conversion(records, [], 12))


def test_a_row_that_is_shortened_is_listed_with_its_number():
    fitted = fit_rows(account("classification", long=13), ALPACA, MODEL, small_tokenizer(), max_length=128)
    [note] = fitted.left_out
    assert (note["row"], note["stage"]) == (13, "shortened") and note["reason"].startswith("input cut from")
    assert note["excerpt"].startswith("Amina went to Oslo") and len(fitted.train.records) == 8


def test_a_row_that_has_to_be_whole_is_left_out_and_listed():
    fitted = fit_rows(account("extraction", long=20), ALPACA, MODEL, small_tokenizer(), max_length=128)
    [note] = fitted.left_out
    assert (note["row"], note["stage"]) == (20, "too long")
    assert fitted.counts == {"used": 8, "train": 8, "validation": 0, "test": 3}


def test_no_row_that_fits_is_an_error():
    with pytest.raises(DataError, match="no row fits into 16 tokens"):
        fit_rows(account("extraction", long=13), ALPACA, MODEL, small_tokenizer(), max_length=16)


def chats(*texts: str) -> Account:
    told = [Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(texts)]
    record = Record(told[-2].content, "", told[-1].content, "instruction", history=tuple(told[:-2]))
    return Account([record], [record], [], {"used": 1}, Conversion([record], [], 1))


def test_every_answer_of_a_conversation_is_learned_where_the_template_allows_it():
    tokenizer = small_tokenizer()
    own, rows = ChatTemplate(name="chat"), chats("Who?", "Ann " * 9, "And where?", "Oslo")
    with pytest.raises(DataError, match="no chat template of its own: set template to alpaca"):
        fit_rows(rows, own, MODEL, tokenizer, max_length=200)
    for jinja, loss_on, runs in ((CHATML, "all", ["Ann " * 9 + "</s>", "Oslo</s>"]), (THINKS, "last", ["Oslo</s>"])):
        tokenizer.chat_template = jinja
        fitted = fit_rows(rows, own, MODEL, tokenizer, max_length=200)
        labels = [label for row in fitted.train.rows for label in row["labels"]]
        found = [list(run) for learned, run in groupby(labels, lambda label: label != -100) if learned]
        assert [tokenizer.decode(run) for run in found] == runs and fitted.loss_on == loss_on
        assert fitted.new_tokens == 8 + max(map(len, found))  # one answer, not all of them together
