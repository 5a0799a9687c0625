"""utils/training_choices.py: what is recorded is that of today's code and data, and reads back as it was scored."""

import json
import shutil
from dataclasses import replace

import pytest

from utils import training_choices
from utils.inference import Answer
from utils.notebook import project_root
from utils.tasks import DATA, load_tasks, score_task
from utils.training_choices import (
    ASKED,
    CODE,
    MIX,
    RECORD,
    RUNS,
    SCORES,
    SETTINGS,
    fingerprint,
    main,
    read_record,
    recorded_score,
)


def mixed_in(name: str) -> dict[str, int]:
    """The tasks that a run learns, with their numbers of rows."""
    return {task: rows for task, rows in (MIX | RUNS[name].get("mix", {})).items() if rows}


# --- what is committed ---


@pytest.fixture(scope="module")
def record() -> dict:
    path = project_root() / RECORD
    assert path.is_file(), f"{RECORD} is not there: run `make choices`"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_record_is_of_todays_code_and_data(record):
    assert record["depends_on"] == fingerprint(), "code, data or settings have changed: run `make choices`"
    assert (record["mix"], record["settings"], record["asked"]) == (MIX, SETTINGS, ASKED)


def test_the_record_holds_every_run_and_all_that_it_learned(record):
    assert list(read_record()) == list(RUNS), "run `make choices`"
    for name, run in record["runs"].items():
        mix = mixed_in(name)
        assert run["rows"] == sum(mix.values())
        assert run["steps"] == -(-run["rows"] // SETTINGS["batch_size"]) * SETTINGS["epochs"]
        assert run["scores"].keys() == mix.keys()
        assert {len(rows) for rows in run["scores"].values()} == {ASKED}
        assert 0 <= run["stopped"] <= 1
        for task in SCORES:
            score = recorded_score(run, task)
            assert (score is None) == (task not in mix)
            assert score is None or 0 <= score.value <= 1


# --- how it is made ---


def test_there_are_rows_enough_for_every_run():
    tasks = load_tasks(evaluate_on="dev")
    for name in RUNS:
        assert all(len(tasks[task].train) >= rows for task, rows in mixed_in(name).items())
    assert all(len(task.test) >= ASKED for task in tasks.values())


@pytest.mark.parametrize("task", SCORES)
def test_a_score_comes_back_from_json_as_it_was(task):
    every = load_tasks(evaluate_on="dev")[task]
    asked = replace(every, test=every.test[:ASKED], slots=every.slots[:ASKED])
    right = [asked.wanted(record) for record in asked.test]
    answers = [Answer(text if row % 3 else "nothing of the kind", True, 0, 0) for row, text in enumerate(right)]
    score = score_task(asked, answers)[SCORES[task]]
    run = json.loads(json.dumps({"scores": {task: score.rows.tolist()}}))
    again = recorded_score(run, task)
    assert 0 < score.value < 1
    assert (again.value, again.rows.tolist()) == (score.value, score.rows.tolist())
    assert recorded_score({"scores": {}}, task) is None


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own, with the code and the data that the fingerprint is taken of."""
    (tmp_path / "utils").mkdir()
    for name in CODE:
        shutil.copy(project_root() / "utils" / f"{name}.py", tmp_path / "utils")
    shutil.copytree(DATA, tmp_path / "data")
    monkeypatch.setattr(training_choices, "project_root", lambda: tmp_path)
    monkeypatch.setattr(training_choices, "DATA", tmp_path / "data")
    return tmp_path


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize("file", ["data/hotel_reviews.csv", "data/documents.jsonl", "data/instructions_dev.json"])
def test_the_fingerprint_changes_with_the_data(project, file):
    before = fingerprint()
    append(project / file, "\n")
    assert fingerprint() != before


@pytest.mark.parametrize("name", CODE)
def test_the_fingerprint_changes_with_the_code(project, name):
    before = fingerprint()
    append(project / "utils" / f"{name}.py", "\nANOTHER = 1\n")
    assert fingerprint() != before


def test_the_fingerprint_does_not_change_with_words_or_test_rows(project):
    before = fingerprint()
    append(project / "data" / "documents_test.jsonl", "\n")
    code = project / "utils" / "training.py"
    text = code.read_text(encoding="utf-8")
    first, docstring, rest = text.split('"""', 2)
    changed = f'{first}"""Other words.\n\n{docstring}"""{rest}\n# a comment\n'.replace('    """Train', '    """Teach')
    assert changed.count("Teach")
    code.write_text(changed, encoding="utf-8")
    assert fingerprint() == before


def test_each_run_is_written_when_it_ends_and_those_of_other_code_are_dropped(project, monkeypatch):
    monkeypatch.setattr(training_choices, "set_environment", lambda headless: None)
    monkeypatch.setattr(training_choices, "run_one", lambda name, report: {"name": name})
    first, second, *_ = RUNS
    with pytest.raises(FileNotFoundError, match="make choices"):
        read_record(project / RECORD)
    assert main([second]) == 0
    assert main([first]) == 0
    assert read_record(project / RECORD) == {name: {"name": name} for name in (first, second)}  # in the order of RUNS
    append(project / "utils" / "tokens.py", "\nANOTHER = 1\n")
    assert main([second]) == 0
    assert list(read_record(project / RECORD)) == [second]
