"""A run that is killed with `kill -9` and resumed ends, bit for bit, like one that nothing interrupted."""

import json
import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
from models_fixture import RECORDS, save_model
from safetensors.torch import load_file, save_file
from transformers import Trainer

from utils.models import load_base
from utils.prompts import ALPACA, encode
from utils.training import checks, fine_tune
from utils.training.checks import TrainingError

# 52 rows in batches of 16: 4 steps an epoch, the last one short; checkpoints at 3, 6, 9 and 12 lie inside epochs.
STEPS, EVERY = 12, 3


def settings(base: Path, folder: Path) -> dict:
    model, tokenizer = load_base(base)
    rows = encode(RECORDS, ALPACA, tokenizer, max_length=256).rows
    return {
        "model": model, "tokenizer": tokenizer, "rows": rows[:52], "heldout": rows[52:], "output_dir": folder / "run",
        "epochs": 3, "learning_rate": 1e-2, "checkpoint_every": EVERY,
    }  # fmt: skip


def train(base: Path, folder: Path, die_at: int | None, in_save: bool, resume: bool) -> None:
    """Runs in a process of its own, and kills it after `die_at` steps (None: never), perhaps amid saving."""

    def die(*args) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_log(history: list[dict]) -> None:
        if history[-1]["step"] == die_at:
            if not in_save:
                die()
            Trainer._save_rng_state = die  # by then adapter and optimiser are written, and the rest is not

    result = fine_tune(**settings(base, folder), resume=resume, on_log=on_log)
    save_file(
        {name: p.detach().clone() for name, p in result.model.named_parameters() if p.requires_grad}, folder / "end"
    )
    (folder / "history.json").write_text(json.dumps(result.history))


def run(*args) -> int:
    # A fork server has the libraries loaded once, and each child starts from there in a tenth of a second.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["utils.training.fine_tuning", "models_fixture"])
    process = context.Process(target=train, args=args)
    process.start()
    process.join()
    return process.exitcode


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("resume") / "base")


@pytest.fixture(scope="module")
def uninterrupted(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert run(base, folder, None, False, False) == 0
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
@pytest.mark.parametrize(
    ("die_at", "in_save", "newest"),
    [
        pytest.param(2, False, None, id="before the first checkpoint"),
        pytest.param(4, False, 3, id="at the end of an epoch"),
        pytest.param(7, False, 6, id="inside an epoch"),
        pytest.param(6, True, 3, id="while writing a checkpoint"),
        pytest.param(STEPS, False, 9, id="after the last step, before its checkpoint"),
    ],
)
def test_a_run_killed_and_resumed_ends_like_an_uninterrupted_one(
    base, uninterrupted, tmp_path, die_at, in_save, newest
):
    assert run(base, tmp_path, die_at, in_save, False) == -signal.SIGKILL
    steps = [int(path.name.split("-")[1]) for path in (tmp_path / "run").glob("checkpoint-*")]
    assert max(steps, default=None) == newest
    assert run(base, tmp_path, None, False, True) == 0
    expected, found = load_file(uninterrupted / "end"), load_file(tmp_path / "end")
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)
    assert json.loads((tmp_path / "history.json").read_text()) == json.loads(
        (uninterrupted / "history.json").read_text()
    )


def test_a_resume_with_other_settings_or_rows_is_refused_with_the_difference(base, uninterrupted):
    run_settings = settings(base, uninterrupted)
    with pytest.raises(TrainingError, match="another run.*learning_rate: 0.01 → 0.02"):
        fine_tune(**run_settings | {"learning_rate": 0.02}, resume=True)
    with pytest.raises(TrainingError, match="another run.*rows: "):
        fine_tune(**run_settings | {"rows": run_settings["rows"][::-1]}, resume=True)


def test_a_resume_on_another_base_is_refused(base, uninterrupted, tmp_path):
    again = settings(save_model(tmp_path / "base", seed=1), uninterrupted)
    with pytest.raises(TrainingError, match="another run.*base: "):
        fine_tune(**again, resume=True)


def test_a_run_killed_while_it_removes_an_older_one_is_not_resumed(base, tmp_path, monkeypatch):
    first = settings(base, tmp_path) | {"epochs": 1}
    fine_tune(**first)

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(checks.shutil, "rmtree", lambda path, **k: k or die())
        fine_tune(**settings(base, tmp_path) | {"epochs": 1})
    with pytest.raises(TrainingError, match="cannot resume"):
        fine_tune(**settings(base, tmp_path) | {"epochs": 1}, resume=True)


def test_micro_batches_are_resumed_to_the_bit_as_well(base, tmp_path):
    """From each checkpoint, at the end of an epoch and inside one; the last step of an epoch has one micro batch."""
    ends = []
    for name, steps in (("whole", ()), ("parts", (2, 4, 5, 7))):
        run_settings = {"micro_batch_size": 4, "epochs": 2, "checkpoint_every": 1, "output_dir": tmp_path / name}
        for stop in (*steps, None):

            def interrupt(history, stop=stop):
                if history[-1]["step"] == stop:
                    raise KeyboardInterrupt

            try:
                result = fine_tune(**settings(base, tmp_path) | run_settings, resume=True, on_log=interrupt)
            except KeyboardInterrupt:
                continue
            ends.append([p.detach() for p in result.model.parameters() if p.requires_grad])
    assert all(map(torch.equal, *ends))


def test_a_run_that_on_log_ends_keeps_its_best_weights_and_ends_so_again(base, tmp_path):
    def end(history: list[dict]) -> bool:
        return history[-1]["step"] >= 5 and "heldout_loss" in history[-1]

    found = [fine_tune(**settings(base, tmp_path), on_log=end, resume=again) for again in (False, True)]
    first, second = ([p.detach() for p in one.model.parameters() if p.requires_grad] for one in found)
    assert all(map(torch.equal, first, second))
    assert found[0].history == found[1].history
    metrics = found[0].metrics
    assert metrics["steps"] == found[0].history[-1]["step"] < STEPS
    assert metrics["epochs"] == pytest.approx(metrics["steps"] / (STEPS / 3))
    losses = {entry["step"]: entry["heldout_loss"] for entry in found[0].history if "heldout_loss" in entry}
    assert metrics["heldout_loss"] == losses[metrics["best_step"]] == min(losses.values())


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def zeroed(path: Path) -> None:
    """What a power cut leaves of a file that was never written to the disk."""
    path.write_bytes(bytes(path.stat().st_size))


DAMAGE = {
    "cut weights": (cut, "adapter_model.safetensors", "is not as it was written"),
    "no optimizer": (Path.unlink, "optimizer.pt", "is missing"),
    "no scheduler": (Path.unlink, "scheduler.pt", "is missing"),
    "zeros in the state": (zeroed, "trainer_state.json", "is not as it was written"),
    "an empty list of contents": (emptied, "contents.json", "is not JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_checkpoint_is_passed_over_for_the_one_before(base, uninterrupted, tmp_path, damage):
    harm, name, message = DAMAGE[damage]
    folder = shutil.copytree(uninterrupted / "run", tmp_path / "run")
    harm(folder / "checkpoint-12" / name)
    with pytest.warns(UserWarning, match=rf"checkpoint-12 is damaged \({name} {message}"):
        result = fine_tune(**settings(base, tmp_path), resume=True)
    expected = load_file(uninterrupted / "end")
    assert all(expected[name].equal(p) for name, p in result.model.named_parameters() if p.requires_grad)
    assert checks.damage_of(folder / "checkpoint-12") is None


def test_without_any_whole_checkpoint_a_run_starts_over(uninterrupted, tmp_path):
    folder = shutil.copytree(uninterrupted / "run", tmp_path / "run")
    emptied(folder / checks.BEST)  # the weights of the lowest loss so far, which no checkpoint holds
    run = json.loads((folder / "run.json").read_text())
    with pytest.warns(UserWarning, match="is damaged"):
        assert checks.claim_folder(folder, run, resume=True) is None
    assert [path.name for path in folder.iterdir()] == ["run.json"]


@pytest.mark.parametrize("name", ["checkpoint-7", "unfinished"])
@pytest.mark.parametrize("resume", [True, False])
def test_checkpoints_of_another_program_are_not_touched(tmp_path, name, resume):
    theirs = tmp_path / name / "model.safetensors"
    theirs.parent.mkdir()
    theirs.write_text("weeks of work")
    with pytest.raises(TrainingError, match=f"{name} is not from a run of this project: use another output_dir"):
        checks.claim_folder(tmp_path, {"seed": 1}, resume=resume)
    assert theirs.read_text() == "weeks of work"


def test_resuming_a_finished_run_returns_its_result_at_once(base, uninterrupted):
    result = fine_tune(**settings(base, uninterrupted), resume=True)
    expected = load_file(uninterrupted / "end")
    assert all(expected[name].equal(p) for name, p in result.model.named_parameters() if p.requires_grad)
