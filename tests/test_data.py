"""What the data cards promise: counts, guidelines, and that nothing in the tests has been seen before."""

import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
from collections import Counter
from itertools import islice
from math import prod

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from data.making import banks, base_model, cards, corpus, datasets
from data.making.cards import DATA, NAMES, load
from data.making.compose import COMPLAINT, INSTRUCTIONS, NON_COMPLAINT
from utils.similarity import near_duplicates
from utils.templates import ALPACA, REVERSE_INSTRUCTION

MODEL = DATA / "base_model"
RUN = 8  # a test text that shares so many consecutive words with a training text is too near to it
SAMPLE = 40_000  # pretraining texts that are looked through
SIDES = pytest.mark.parametrize("test", [False, True], ids=["train", "test"])
EACH = pytest.mark.parametrize("name", NAMES)
TEXT = {"hotel_reviews": "Text", "entity_phrases": "text", "documents": "document", "instructions": "input"}


def texts_of(name: str, *, test: bool) -> list[str]:
    """What a row is about; for an instruction without input the question. Common questions about a text may recur."""
    return [row[TEXT[name]] or row["instruction"] for row in load(name, test=test)]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def plain(text: str) -> str:
    """The words alone, between spaces, so that `in` finds whole words only."""
    return f" {' '.join(words(text))} "


def runs(text: str, length: int) -> set[str]:
    found = words(text)
    return {" ".join(found[i : i + length]) for i in range(len(found) - length + 1)}


@pytest.fixture(scope="module")
def stream() -> list[str]:
    return list(islice(corpus.texts(base_model.SEED), SAMPLE))


@pytest.fixture(scope="module")
def bank_texts() -> list[str]:
    """Every bank as one text; in the rows of the JSON bank the escapes are resolved."""
    rows = [value for line in banks.lines("instruction_rows.jsonl") for value in json.loads(line).values()]
    return [path.read_text(encoding="utf-8") for path in sorted(banks.BANKS.iterdir())] + rows


@pytest.fixture(scope="module")
def training_texts() -> list[str]:
    messy = [row["Text"] for row in cards.read(DATA / "messy_reviews.csv")]
    return [text for name in NAMES for text in texts_of(name, test=False)] + messy


# --- the files -----------------------------------------------------------------------------------------------------


def test_checksums_hold():
    listed = dict(line.split("  ")[::-1] for line in (DATA / "checksums.txt").read_text().splitlines())
    assert listed.keys() == {path.name for path in cards.dataset_files()}
    assert {f"{name}{part}.{end}" for name, end in NAMES.items() for part in ("", "_test")} < listed.keys()
    for name, digest in listed.items():
        found = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        assert found == digest, f"{name} has changed: see data/README.md"


def test_the_tables_of_the_card_are_counted_from_the_files():
    card = (DATA / "README.md").read_text(encoding="utf-8")
    assert cards.with_tables(card) == card, "run python -m data.making.cards"
    for kind, wording in INSTRUCTIONS.items():
        assert f"| `{kind}` | {wording} |" in card


def test_a_card_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="'datasets' 0 times"):
        cards.with_tables("# Data cards\n")


def test_composing_again_gives_the_committed_files(tmp_path):
    datasets.main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.{end}" for name, end in NAMES.items()}
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (DATA / path.name).read_bytes(), path.name


@EACH
def test_there_are_enough_rows_and_none_comes_twice(name):
    train, test = load(name), load(name, test=True)
    assert len(train) >= 400 and len(test) >= 120
    # Two questions about one text are two rows.
    keys = [(row["instruction"] if name == "instructions" else "", row[TEXT[name]]) for row in train + test]
    assert [key for key, n in Counter(keys).items() if n > 1] == []


# --- the guidelines ------------------------------------------------------------------------------------------------


@SIDES
def test_review_labels_are_balanced(test):
    rows = load("hotel_reviews", test=test)
    counts = Counter(row["Label"] for row in rows)
    assert counts.keys() == {COMPLAINT, NON_COMPLAINT}
    assert min(counts.values()) / len(rows) > 0.45
    assert all(row["Text"].strip() for row in rows)


@SIDES
def test_phrases_stand_in_their_text_in_order(test):
    rows = load("entity_phrases", test=test)
    for number, row in enumerate(rows, 1):
        at = 0
        for phrase in row["phrases"]:
            found = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)").search(row["text"], at)
            assert found, f"row {number}: {phrase!r} does not follow in {row['text']!r}"
            at = found.end()
            assert not re.match(r"(the|a|an|mr|ms|mrs|dr|professor) ", phrase.casefold()), f"row {number}: {phrase!r}"
            possessive = phrase.endswith(("'s", "’s")) and phrase not in banks.lines("cities.txt")  # St. John's
            assert not possessive, f"row {number}: {phrase!r}"
        assert len(row["phrases"]) == len(set(row["phrases"]))
    assert 0.05 < sum(not row["phrases"] for row in rows) / len(rows) < 0.2


@SIDES
def test_instructions_of_documents_follow_the_wording_of_their_kind(test):
    rows = load("documents", test=test)
    for number, row in enumerate(rows, 1):
        names = re.findall(r"\{(\w+)\}", INSTRUCTIONS[row["kind"]])
        expected = INSTRUCTIONS[row["kind"]].format(**dict(zip(names, row["slots"], strict=True)))
        assert row["instruction"] == expected, f"row {number}"
        for slot in row["slots"]:
            # Where a composed document opens a sentence with a slot, the first letter is a capital.
            forms = [slot] if test else [slot, slot[0].upper() + slot[1:]]
            assert any(form in row["document"] for form in forms), f"row {number}: {slot!r} is not in the document"
    counts = Counter(row["kind"] for row in rows)
    assert counts.keys() == INSTRUCTIONS.keys() and min(counts.values()) > 0.9 * max(counts.values())


@SIDES
def test_instruction_rows_are_short_and_a_third_has_no_input(test):
    rows = load("instructions", test=test)
    assert 0.28 < sum(row["input"] == "" for row in rows) / len(rows) < 0.39
    for row in rows:
        assert row.keys() == {"instruction", "input", "output"}
        assert row["instruction"].strip() and row["output"].strip() and len(row["output"].split()) <= 15


# --- nothing in the tests has been seen before ---------------------------------------------------------------------


@EACH
def test_no_test_text_nearly_repeats_a_training_text(name):
    train, test = texts_of(name, test=False), texts_of(name, test=True)
    near = [(i, j) for i, j, _ in near_duplicates(train + test) if i < len(train) <= j]
    assert [(train[i], test[j - len(train)]) for i, j in near] == []


def test_no_test_text_shares_a_run_of_words_with_what_was_trained_on(training_texts, bank_texts, stream):
    """In the training files, in the banks, and in texts composed for pretraining."""
    wanted = {run: text for name in NAMES for text in texts_of(name, test=True) for run in runs(text, RUN)}
    for text in (*training_texts, *bank_texts, *stream):
        for run in runs(text, RUN) & wanted.keys():
            pytest.fail(f"{wanted[run]!r} shares {run!r} with {text[:200]!r}")


def test_no_short_test_text_is_a_training_text_or_an_entry_of_a_bank(training_texts, bank_texts):
    """What has fewer words than a run, or the same words in other marks."""
    known = {plain(text) for text in training_texts} | {plain(line) for text in bank_texts for line in text.split("\n")}
    test = [text for name in NAMES for text in texts_of(name, test=True)]
    assert [text for text in test if plain(text) in known] == []


def test_no_question_without_input_was_asked_before_in_the_same_words(training_texts, bank_texts, stream):
    rng = random.Random(0)
    composed = [datasets.without_input(rng)[0] for _ in range(20_000)]
    seen = "\n".join(plain(text) for text in (*training_texts, *bank_texts, *stream, *composed))
    questions = [row["instruction"] for row in load("instructions", test=True) if not row["input"]]
    assert [question for question in questions if plain(question) in seen] == []


def test_what_composes_never_opens_a_test_file():
    modules = [path for path in (DATA / "making").glob("*.py") if path.name != "cards.py"]  # which only counts rows
    assert {path.stem for path in modules} >= {"banks", "compose", "corpus", "datasets", "base_model"}
    for path in modules:
        source = path.read_text(encoding="utf-8")
        # No name of one, and no way to come upon one by going through the folder.
        assert not re.search(r"_test\b|glob\(|iterdir|listdir|scandir|import.*cards|making\.cards", source), path.name


# --- the pretraining text ------------------------------------------------------------------------------------------


def test_pretraining_texts_hold_no_template(bank_texts, stream):
    wording = [ALPACA.text, ALPACA.text_without_input, REVERSE_INSTRUCTION.text]
    assert "Use the Input below to create an instruction" in wording[2] and all("### Response" in t for t in wording)
    phrases = {run for text in wording for part in re.split(r"\{\w+\}|###.*", text) for run in runs(part, 4)}
    assert len(phrases) > 20
    seen = "\n".join(plain(text) for text in (*bank_texts, *stream))
    assert [phrase for phrase in phrases if f" {phrase} " in seen] == []
    marker = re.compile(r"###|(?im:^\W*(instruction|input|response):)|below is an instruction|</?s>|<pad>|<\|")
    assert [text for text in (*bank_texts, *stream) if marker.search(text)] == []


def test_the_corpus_is_the_same_for_the_same_seed():
    code = (
        "import hashlib; from itertools import islice; from data.making import corpus; "
        "print(hashlib.sha256('\\0'.join(islice(corpus.texts({}), 500)).encode()).hexdigest())"
    )

    def digest(seed: int, hashing: str) -> str:
        """In a process of its own, where sets have another order."""
        environment = os.environ | {"PYTHONHASHSEED": hashing}
        command = [sys.executable, "-c", code.format(seed)]
        return subprocess.check_output(command, cwd=DATA.parent, env=environment, text=True)

    assert digest(1, "1") == digest(1, "2") != digest(2, "1")


def test_the_banks_are_wide():
    for name in ("given_names.txt", "surnames.txt", "cities.txt", "organisations.txt"):
        assert len(banks.lines(name)) >= 500, name
    for name in ("reviews_positive.txt", "reviews_negative.txt"):
        assert len(banks.lines(name)) >= 2000, name
    assert len(banks.lines("sentence_frames.txt")) >= 500
    assert banks.document_bodies().keys() == INSTRUCTIONS.keys()
    assert min(map(len, banks.document_bodies().values())) >= 50


# --- the base model ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODEL)


@given(st.text())
@example("### Response:\nWe're  here\t\n\n\r\nＡＢＣ ﬁ é e\u0301 \u200b👩‍👩‍👧 北京 Łódź  ")
@example("</s> <pad><s>")
@example(" Amara, Amara\nAmara don't 2026 ")
def test_the_tokenizer_gives_any_text_back(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == text
    newline = tokenizer.convert_tokens_to_ids("Ċ")  # byte-level BPE writes the byte 10 so
    assert ids.count(newline) == text.count("\n")


def test_no_token_joins_a_newline_with_anything(tokenizer):
    assert [token for token in tokenizer.get_vocab() if "Ċ" in token] == ["Ċ"]


def test_the_tokenizer_has_three_distinct_special_tokens(tokenizer):
    ids = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert None not in ids and len(set(ids)) == 3
    assert len(tokenizer) <= base_model.VOCABULARY
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id not in tokenizer("a")["input_ids"]  # the end is set by training, not by the tokenizer


def test_the_base_model_is_a_small_llama(tokenizer):
    path = MODEL / "model.safetensors"
    assert path.stat().st_size <= 10_000_000
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["LlamaForCausalLM"] and config["vocab_size"] == len(tokenizer)
    with path.open("rb") as file:  # the head of a safetensors file: its length, then names, types and shapes as JSON
        head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    parameters = sum(prod(entry["shape"]) for name, entry in head.items() if name != "__metadata__")
    assert 3_000_000 <= parameters <= 5_000_000
    assert json.loads((MODEL / "pretraining.json").read_text(encoding="utf-8"))["parameters"] == parameters


def test_the_loss_of_pretraining_fell():
    log = json.loads((MODEL / "pretraining.json").read_text(encoding="utf-8"))
    loss = log["loss"]  # the mean of every 50 steps
    assert len(loss) == log["steps"] // 50 and log["tokens"] == log["steps"] * base_model.BATCH_TOKENS
    quarter = len(loss) // 4
    means = [sum(part) / len(part) for part in (loss[:quarter], loss[quarter:-quarter], loss[-quarter:])]
    assert means[0] > means[1] > means[2] and loss[-1] < 0.6 * loss[0]
