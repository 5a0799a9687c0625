"""A folder that holds a report holds everything; until then nothing bears the name of a finished file."""

import json

import pytest

from utils.your_data import artefacts


def write_all(folder, text="new"):
    for name in artefacts.NAMES[1:]:
        artefacts.staged(folder, name).write_text(text)
    artefacts.staged(folder, "adapter").mkdir()
    (artefacts.staged(folder, "adapter") / "weights").write_text(text)


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_files_get_their_names_together(tmp_path):
    folder = artefacts.start(tmp_path / "a" / "b")
    (folder / artefacts.CHECKPOINTS).mkdir()
    (folder / "notes.txt").write_text("the reader's own")
    write_all(folder)
    assert not names(folder) & set(artefacts.NAMES)
    artefacts.publish(folder)
    assert names(folder) == {*artefacts.NAMES, "notes.txt"}
    assert (folder / "adapter" / "weights").read_text() == "new"


def test_nothing_changes_while_a_file_is_missing(tmp_path):
    write_all(tmp_path)
    artefacts.staged(tmp_path, "metrics.json").unlink()
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(FileNotFoundError, match=r"metrics\.json"):
        artefacts.publish(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old" and not (tmp_path / "adapter").exists()


def test_a_second_run_replaces_the_first_and_a_broken_one_is_cleared(tmp_path):
    for text in ("first", "second"):
        artefacts.start(tmp_path)
        write_all(tmp_path, text)
        artefacts.publish(tmp_path)
    assert {(tmp_path / name).read_text() for name in artefacts.NAMES[1:]} == {"second"}
    write_all(tmp_path, "broken off")
    (tmp_path / artefacts.CHECKPOINTS).mkdir()
    artefacts.start(tmp_path)
    assert names(tmp_path) == {*artefacts.NAMES, artefacts.CHECKPOINTS}


def test_rows_stay_one_a_line_whatever_they_hold(tmp_path):
    rows = [{"text": "a\u2028b\nc"}, {"text": "half \ud83d"}]
    artefacts.write_jsonl(tmp_path, "rejected.jsonl", rows)
    lines = artefacts.staged(tmp_path, "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
