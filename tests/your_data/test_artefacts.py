"""A folder that holds a report holds everything, and what the job did not write is never removed or overwritten."""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from utils.files import ROOT, write_jsonl
from utils.your_data import ParameterError, artefacts
from utils.your_data.ownership import LIST

NEW = {name: f"new {name}" for name in artefacts.NAMES}


def write_all(folder, text="new"):
    for name in artefacts.NAMES[1:]:
        artefacts.staged(folder, name).write_text(text)
    artefacts.staged(folder, "adapter").mkdir(exist_ok=True)
    (artefacts.staged(folder, "adapter") / "weights").write_text(text)


def train(folder):
    """What a training run leaves in its folder."""
    made = artefacts.checkpoints(folder)
    (made / "checkpoint-5").mkdir(parents=True)
    (made / "checkpoint-5" / "adapter_model.safetensors").write_text("weights")
    (made / "checkpoint-5" / "contents.json").write_text('{"adapter_model.safetensors": "its hash"}')
    (made / "run.json").write_text("{}")
    (made / "best.safetensors").write_text("weights")


def run(output_dir, text="new"):
    """A whole run, as notebook and job do it."""
    folder = artefacts.start(str(output_dir))
    artefacts.write_faults(folder, [{"row": 1}])
    (folder / artefacts.RUNNING).write_text(text)
    train(folder)
    write_all(folder, text)
    artefacts.publish(folder)
    artefacts.publish_notebook(folder)
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


WHOLE = {*artefacts.NAMES, artefacts.FAULTS, artefacts.NOTEBOOK, LIST}


def test_files_get_their_names_together(tmp_path):
    folder = artefacts.start(str(tmp_path / "a" / "b"))
    (folder / "notes.txt").write_text("the reader's own")
    train(folder)
    write_all(folder)
    assert not names(folder) & set(artefacts.NAMES)
    artefacts.publish(folder)
    assert names(folder) == {*artefacts.NAMES, LIST, "notes.txt"}
    assert (folder / "adapter" / "weights").read_text() == "new"


def test_nothing_changes_while_a_file_is_missing(tmp_path):
    folder = run(tmp_path / "out", "old")
    write_all(artefacts.start(str(folder)))
    artefacts.staged(folder, "metrics.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"metrics\.json"):
        artefacts.publish(folder)
    assert (folder / "report.html").read_text() == (folder / "adapter" / "weights").read_text() == "old"


def test_a_second_run_replaces_the_first_and_a_broken_one_is_cleared(tmp_path):
    for text in ("first", "second"):
        folder = run(tmp_path / "out", text)
    assert {(folder / name).read_text() for name in artefacts.NAMES[1:]} == {"second"}
    artefacts.start(str(folder))
    train(folder)
    write_all(folder, "broken off")
    artefacts.start(str(folder))
    assert names(folder) == WHOLE | {artefacts.CHECKPOINTS}


def test_rows_stay_one_a_line_whatever_they_hold(tmp_path):
    rows = [{"text": "a\u2028b\nc"}, {"text": "half \ud83d"}]
    path = write_jsonl(artefacts.staged(tmp_path, "rejected.jsonl"), rows)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == rows


def test_a_dry_run_writes_its_checkpoints_elsewhere(tmp_path):
    assert not artefacts.checkpoints(tmp_path, dry_run=True).is_relative_to(tmp_path)


# --- what is not the job's ---

OURS = ["adapter", "checkpoints", "checkpoint-5", "run.json", "report.html", "README.md", "notebook.ipynb",
        "adapter.unfinished", "metrics.json.unfinished", "best.safetensors", "unfinished", "rejected.jsonl",
        "faulty_rows.jsonl", "written.json", "weights"]  # fmt: skip
PART = st.sampled_from([*OURS, "w.pt", "other"])
CLAIMED = re.compile(r"(adapter|metrics\.json)\.unfinished.*|checkpoints/(run\.json|best\.safetensors|unfinished/.*)")
TREES = st.dictionaries(st.lists(PART, min_size=1, max_size=3).map("/".join), st.text("ab", max_size=3), max_size=6)


def plant(folder: Path, tree: dict[str, str]) -> dict[str, str]:
    """Write the files of a tree that do not stand in each other's way; those that are there now, by path."""
    for path, text in tree.items():
        target = folder / path
        if any(parent.is_file() for parent in target.parents) or target.is_dir() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return contents(folder)


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def survived(before: dict[str, str], after: dict[str, str]) -> bool:
    """Every file is there with its text; what was moved aside lies under NAME.kept…, with its text."""
    return all(after.get(path) == text or _moved(path, text, after) for path, text in before.items())


def _moved(path: str, text: str, after: dict[str, str]) -> bool:
    first, _, rest = path.partition("/")
    places = [name for name in after if name.startswith(f"{first}.kept")]
    return any(after[name] == text and name.partition("/")[2] == rest for name in places)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_nothing_that_was_there_before_is_ever_lost(tree):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "out")
        folder.mkdir()
        before = plant(folder, tree)
        try:
            run(folder)
        except ParameterError as error:
            assert "was not written by the job" in str(error)
            assert contents(folder) == before
        else:
            assert survived(before, contents(folder))
            assert not any(path.split("/")[0] in WHOLE | {artefacts.CHECKPOINTS} for path in before)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, st.sampled_from(["between two runs", "after it was killed", "while it trained"]))
def test_nothing_that_comes_later_is_ever_lost(tree, when):
    with tempfile.TemporaryDirectory() as place:
        folder = artefacts.start(str(Path(place, "out")))
        if when == "between two runs":
            run(folder)
        else:
            train(folder)
        ours = contents(folder)
        foreign = {path: text for path, text in plant(folder, tree).items() if path not in ours}
        if when != "between two runs":  # files with the names that this run is about to write are its own
            foreign = {path: text for path, text in foreign.items() if not CLAIMED.fullmatch(path)}
        try:
            if when == "while it trained":
                write_all(folder)
                artefacts.publish(folder)
            else:
                run(folder)
        except (ParameterError, FileExistsError, NotADirectoryError, IsADirectoryError):
            pass
        assert survived(foreign, contents(folder))


def test_the_case_in_which_two_folders_were_emptied(tmp_path):
    (tmp_path / "checkpoints" / "other").mkdir(parents=True)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "checkpoints" / "other" / "w.pt").write_text("x")
    with pytest.raises(ParameterError, match="adapter was not written by the job: move it, or choose another folder"):
        artefacts.start(str(tmp_path))
    (tmp_path / "adapter").rmdir()
    with pytest.raises(ParameterError, match="checkpoints was not written by the job"):
        artefacts.start(str(tmp_path))
    assert (tmp_path / "checkpoints" / "other" / "w.pt").read_text() == "x"


def test_a_file_that_somebody_has_changed_is_theirs(tmp_path):
    folder = run(tmp_path / "out")
    (folder / "report.html").write_text("with my remarks")
    with pytest.raises(ParameterError, match=r"report\.html was changed after the job wrote it"):
        artefacts.start(str(folder))


def test_what_is_changed_while_the_job_runs_is_kept_under_another_name(tmp_path):
    folder = artefacts.start(str(run(tmp_path / "out", "old")))
    write_all(folder)
    (folder / "adapter" / "notes.txt").write_text("mine")
    (folder / "report.html").write_text("with my remarks")
    artefacts.publish(folder)
    assert (folder / "adapter.kept" / "notes.txt").read_text() == "mine"
    assert (folder / "report.html.kept").read_text() == "with my remarks"
    assert (folder / "adapter" / "weights").read_text() == (folder / "report.html").read_text() == "new"


@pytest.mark.parametrize("name", ["adapter", "checkpoints", "report.html", "written.json"])
def test_a_symbolic_link_is_refused_before_training(tmp_path, name):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "w.pt").write_text("x")
    folder = tmp_path / "out"
    folder.mkdir()
    os.symlink(target, folder / name)
    with pytest.raises(ParameterError, match=f"{name} is a symbolic link"):
        artefacts.start(str(folder))
    assert (target / "w.pt").read_text() == "x"


def test_a_folder_that_is_a_link_itself_is_used(tmp_path):
    (tmp_path / "disk").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "out")
    run(tmp_path / "out")
    run(tmp_path / "out")
    assert names(tmp_path / "disk") == WHOLE


@pytest.mark.parametrize("place", ["", " ", ".", "..", str(ROOT), "data", "data/mine", "utils", ".git/x", "notebooks"])
def test_the_project_itself_is_never_an_output_folder(place):
    with pytest.raises(ParameterError, match="output_dir is"):
        artefacts.start(place)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ParameterError, match="cannot be made"):
        artefacts.start(str(tmp_path / "file" / "out"))
    with pytest.raises(ParameterError, match="cannot be made: File name too long"):
        artefacts.start(str(tmp_path / ("x" * 300)))


def test_a_list_that_is_not_the_jobs_is_refused(tmp_path):
    (tmp_path / LIST).write_text('{"chapters": 3}')
    with pytest.raises(ParameterError, match=r"written\.json was not written by the job"):
        artefacts.start(str(tmp_path))


def test_a_folder_that_was_moved_is_still_known(tmp_path):
    shutil.move(run(tmp_path / "out"), tmp_path / "moved")
    assert names(run(tmp_path / "moved")) == WHOLE
