"""What the data cards promise: counts, guidelines, and that nothing in the tests has been seen before."""

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from utils.quality import lint
from utils.records import from_labels, near_duplicates
from utils.series import LABELS, data_cards, load_tasks
from utils.series.data_cards import DATA, EXTRA, NAMES, SPLITS, load_rows, read_rows

RUN = 8  # a text that measures and shares so many consecutive words with a training text is too near to it
TEXT = {"hotel_reviews": "Text", "entity_phrases": "text", "documents": "document", "instructions": "input"}
LEAST = {"hotel_reviews": 600, "entity_phrases": 400, "documents": 400, "instructions": 300}  # training rows
MEASURED_KINDS = 14  # those of documents_test.jsonl; the others are there to tell them from
CARD = (DATA / "README.md").read_text(encoding="utf-8")
EACH = pytest.mark.parametrize("name", NAMES)
SPLIT = pytest.mark.parametrize("split", SPLITS)


def texts_of(name: str, split: str) -> list[str]:
    """What a row is about; for an instruction without input the question. Common questions about a text may recur."""
    return [row[TEXT[name]] or row["instruction"] for row in load_rows(name, split)]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def plain(text: str) -> str:
    """The words alone, between spaces, so that `in` finds whole words only."""
    return f" {' '.join(words(text))} "


def runs(text: str) -> set[str]:
    found = words(text)
    return {" ".join(found[i : i + RUN]) for i in range(len(found) - RUN + 1)}


@pytest.fixture(scope="module")
def training() -> list[str]:
    messy = [row["Text"] or "" for row in read_rows(DATA / "messy_reviews.csv")]
    return [text for name in NAMES for text in texts_of(name, "training")] + messy


@pytest.fixture(scope="module")
def measured() -> list[str]:
    """Every text that something is measured on, development rows included."""
    texts = [text for name in NAMES for split in ("development", "test") for text in texts_of(name, split)]
    texts += [row["Text"] for row in read_rows(DATA / "hotel_reviews_terse_test.csv")]
    texts += [row["document"] for row in read_rows(DATA / "article_examples.jsonl")]
    texts += [row["document"] for row in read_rows(DATA / "forward_pairs_test.jsonl")]
    return texts + [row["question"] for row in read_rows(DATA / "general_questions.jsonl")]


# --- the files -----------------------------------------------------------------------------------------------------


def test_checksums_hold():
    listed = dict(line.split("  ")[::-1] for line in (DATA / "checksums.txt").read_text().splitlines())
    splits = {f"{name}{part}.{end}" for name, end in NAMES.items() for part in SPLITS.values()}
    assert listed.keys() == {path.name for path in data_cards.dataset_files()} == splits | EXTRA.keys()
    for name, digest in listed.items():
        found = hashlib.sha256((DATA / name).read_bytes()).hexdigest()
        assert found == digest, f"{name} has changed: run python -m utils.series.data_cards, and see data/README.md"


def test_the_tables_of_the_card_are_counted_from_the_files():
    found = data_cards.with_part(CARD, data_cards.TABLE, data_cards.dataset_table())
    assert found == CARD, "run python -m utils.series.data_cards"


def test_the_command_writes_card_and_checksums(tmp_path, monkeypatch):
    monkeypatch.setattr(data_cards, "DATA", tmp_path)
    begin, end = data_cards.TABLE
    (tmp_path / "README.md").write_text(f"# Cards\n{begin}\nold\n{end}\n", encoding="utf-8")
    assert data_cards.main() == 0
    assert data_cards.dataset_table() in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / "checksums.txt").read_text(encoding="utf-8") == data_cards.checksums()


@EACH
def test_there_are_enough_rows_and_none_comes_twice(name):
    rows = {split: load_rows(name, split) for split in SPLITS}
    assert len(rows["training"]) >= LEAST[name] and len(rows["development"]) == 100 and len(rows["test"]) >= 140
    # Two questions about one text are two rows.
    every = [row for split in rows.values() for row in split]
    keys = [(row["instruction"] if name == "instructions" else "", plain(row[TEXT[name]])) for row in every]
    assert [key for key, n in Counter(keys).items() if n > 1] == []


@EACH
@SPLIT
def test_rows_have_the_fields_that_the_card_names(name, split):
    fields = {
        "hotel_reviews": ["Label", "Text"],
        "entity_phrases": ["text", "phrases"],
        "documents": ["kind", "document", "instruction", "slots"],
        "instructions": ["instruction", "input", "output"],
    }[name]
    assert all(f"| `{field}` |" in CARD for field in fields)
    for row in load_rows(name, split):
        assert list(row) == fields
        texts = [value for value in row.values() if isinstance(value, str)]
        assert all(text == text.strip() for text in texts)
        assert row[TEXT[name]] or name == "instructions"


@EACH
def test_any_beginning_of_the_training_rows_is_balanced(name):
    groups = {
        "hotel_reviews": lambda row: (row["Label"], len(words(row["Text"])) > 15),
        "entity_phrases": lambda row: len(row["phrases"]) > 1,
        "documents": lambda row: row["kind"],
        "instructions": lambda row: row["input"] == "",
    }[name]
    found = [groups(row) for row in load_rows(name)]
    shares = {group: n / len(found) for group, n in Counter(found).items()}
    for size in (40, 100, 200):
        counts = Counter(found[:size])
        assert all(abs(counts[group] - share * size) <= 4 for group, share in shares.items()), size


# --- the guidelines ------------------------------------------------------------------------------------------------


@SPLIT
def test_review_labels_are_balanced(split):
    counts = Counter(row["Label"] for row in load_rows("hotel_reviews", split))
    assert counts.keys() == set(LABELS) and len(set(counts.values())) == 1


def test_half_of_the_training_reviews_of_each_label_are_short_remarks():
    for label in LABELS:
        lengths = [len(row["Text"].split()) for row in load_rows("hotel_reviews") if row["Label"] == label]
        assert 0.4 < sum(length <= 15 for length in lengths) / len(lengths) < 0.6
        assert max(lengths) > 100


def test_terse_reviews_are_short_and_balanced():
    rows = read_rows(DATA / "hotel_reviews_terse_test.csv")
    assert Counter(row["Label"] for row in rows) == dict.fromkeys(LABELS, 75)
    assert max(len(words(row["Text"])) for row in rows) <= 8
    assert not [row["Text"] for row in rows if row["Text"].endswith(".")]


@SPLIT
def test_phrases_stand_in_their_text_in_order(split):
    rows = load_rows("entity_phrases", split)
    for number, row in enumerate(rows, 1):
        at = 0
        for phrase in row["phrases"]:
            found = re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)").search(row["text"], at)
            assert found, f"row {number}: {phrase!r} does not follow in {row['text']!r}"
            at = found.end()
            title = r"(the|a|an|mr|ms|mrs|miss|dr|prof|professor|captain|sir|aunt|auntie|uncle|brother|sister|father) "
            assert not re.match(title, phrase.casefold()), f"row {number}: {phrase!r}"
            assert not phrase.endswith(("'s", "’s")), f"row {number}: {phrase!r}"
        assert len(row["phrases"]) == len(set(row["phrases"]))
    assert 0.1 < sum(not row["phrases"] for row in rows) / len(rows) < 0.2


def wordings() -> dict[str, list[str]]:
    """The fixed wordings of the instructions by kind, as the card lists them."""
    found = defaultdict(list)
    for kind, wording in re.findall(r"^\| `(\w+)` \| ((?:Write|List|Extract) .+\.) \|$", CARD, re.MULTILINE):
        found[kind].append(wording)
    return found


@pytest.mark.parametrize("file", [*(f"documents{part}.jsonl" for part in SPLITS.values()), "article_examples.jsonl"])
def test_instructions_of_documents_follow_the_wording_of_their_kind(file):
    kinds = wordings()
    for number, row in enumerate(read_rows(DATA / file), 1):
        fitting = [text for text in kinds[row["kind"]] if text.count("{") == len(row["slots"])]
        named = [re.findall(r"\{(\w+)\}", text) for text in fitting]
        expected = [
            text.format(**dict(zip(names, row["slots"], strict=True)))
            for text, names in zip(fitting, named, strict=True)
        ]
        assert row["instruction"] in expected, f"row {number}"
        for slot in row["slots"]:  # where it opens a sentence of the document, its first letter is a capital
            forms = [slot] if "_test" in file else [slot, slot[0].upper() + slot[1:]]
            assert any(form in row["document"] for form in forms), f"row {number}: {slot!r} is not in the document"


def test_the_kinds_that_are_measured_are_evenly_many_and_all_in_training():
    training, test = (Counter(row["kind"] for row in load_rows("documents", split)) for split in ("training", "test"))
    development = Counter(row["kind"] for row in load_rows("documents", "development"))
    assert test.keys() == development.keys() < training.keys() == wordings().keys()
    assert len(test) == MEASURED_KINDS and len(set(test.values())) == 1
    assert max(development.values()) - min(development.values()) <= 1
    assert min(training[kind] for kind in test) >= 25 and min(training.values()) >= 10
    # A list of names, a poem, a note are told from the others only if they are there.
    assert {"members", "names", "poem", "todo", "note"} < training.keys() - test.keys()


def test_the_article_examples_are_five_lists_of_names_and_five_requests():
    rows = read_rows(DATA / "article_examples.jsonl")
    assert Counter(row["kind"] for row in rows) == {"members": 5, "time_off": 5}


@SPLIT
def test_instruction_rows_are_short_and_a_third_has_no_input(split):
    rows = load_rows("instructions", split)
    assert 0.3 < sum(row["input"] == "" for row in rows) / len(rows) < 0.36
    for row in rows:
        assert row["instruction"] and row["output"] and len(row["output"].split()) <= 15


def test_general_questions_have_answers():
    rows = read_rows(DATA / "general_questions.jsonl")
    assert len(rows) == 20 and all(row["question"].strip() and row["answers"] and all(row["answers"]) for row in rows)


@pytest.mark.parametrize("task", load_tasks().values(), ids=lambda task: task.name)
def test_the_linter_finds_no_error_in_the_training_rows(task):
    assert [finding for finding in lint(task.train, test=task.test) if finding.severity == "error"] == []


# --- nothing that measures has been seen before --------------------------------------------------------------------


def test_no_measured_text_nearly_repeats_a_training_text(training, measured):
    near = [(i, j) for i, j, _ in near_duplicates(training + measured) if i < len(training) <= j]
    assert [(training[i], measured[j - len(training)]) for i, j in near] == []


def test_no_measured_text_shares_a_run_of_words_with_a_training_text(training, measured):
    wanted = {run: text for text in measured for run in runs(text)}
    shared = [(run, text[:200]) for text in training for run in runs(text) & wanted.keys()]
    assert shared == []


def test_no_measured_text_is_a_training_text_in_other_marks(training, measured):
    known = {plain(text) for text in training}
    assert [text for text in measured if plain(text) in known] == []


def test_no_question_without_input_was_asked_before_in_the_same_words(training):
    seen = "\n".join(plain(text) for text in training)
    rows = load_rows("instructions", "development") + load_rows("instructions", "test")
    questions = [row["instruction"] for row in rows if not row["input"]]
    questions += [row["question"] for row in read_rows(DATA / "general_questions.jsonl")]
    assert [question for question in questions if plain(question) in seen] == []


@EACH
def test_no_development_text_is_near_a_test_text(name):
    development, test = texts_of(name, "development"), texts_of(name, "test")
    assert [(i, j) for i, j, _ in near_duplicates(development + test) if i < len(development) <= j] == []
    seen = {run for text in test for run in runs(text)}
    assert [text for text in development if runs(text) & seen] == []


def test_training_rows_were_not_composed(training):
    """A stock of parts shows itself: the same run of words in two rows. (The dirty file repeats rows on purpose.)"""
    rows = training[: -len(read_rows(DATA / "messy_reviews.csv"))]
    counts = Counter(run for text in rows for run in runs(text))
    assert [run for run, n in counts.items() if n > 1] == []


def test_nothing_says_what_was_not_so():
    """Who wrote the rows is said in the card, and by no other words."""
    assert "written one by one by a large language model" in CARD
    claims = re.compile(r"hand[- ]written|by hand|other (people|hands)", re.IGNORECASE)
    assert not claims.findall(CARD + Path(data_cards.__file__).read_text(encoding="utf-8"))


# --- the file that stands for the reader's own ---------------------------------------------------------------------

SUPPORT = [read_rows(DATA / f"support_messages{end}.jsonl") for end in ("", "_test")]


@pytest.mark.parametrize("rows", SUPPORT, ids=["training", "test"])
def test_support_messages_have_the_fields_and_labels_of_the_card(rows):
    assert {tuple(row) for row in rows} == {("message", "category")}
    labels = Counter(row["category"] for row in rows)
    assert len(labels) == 12 and all(f"- `{label}`: " in CARD for label in labels) and min(labels.values()) >= 10
    assert all(row["message"] == row["message"].strip() and row["message"] for row in rows)
    assert max(Counter(plain(row["message"]) for row in rows).values()) == 1


def test_no_support_message_of_the_test_is_near_a_training_message():
    train, test = ([row["message"] for row in rows] for rows in SUPPORT)
    assert [(i, j) for i, j, _ in near_duplicates(train + test) if i < len(train) <= j] == []
    seen = {run for text in train for run in runs(text)}
    assert [text for text in test if runs(text) & seen] == []


def test_support_messages_were_not_composed():
    counts = Counter(run for rows in SUPPORT for row in rows for run in runs(row["message"]))
    assert [run for run, n in counts.items() if n > 1] == []


def test_the_linter_finds_no_error_in_support_messages():
    settings = {"text": "message", "label": "category"}
    train, test = (from_labels(rows, **settings).records for rows in SUPPORT)
    assert [finding for finding in lint(train, test=test) if finding.severity == "error"] == []
