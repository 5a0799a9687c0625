"""Rows as ids: what does not fit is listed with its row in the file, and why."""

from types import SimpleNamespace

import pytest
from models_fixture import TEXTS, small_config, small_tokenizer

from utils.errors import DataError
from utils.prompts import ALPACA
from utils.records import Conversion, Record
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
