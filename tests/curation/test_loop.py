"""The whole loop on a small model: every arm is measured, and its record says when it is out of date."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
from models_fixture import save_model, small_config

from utils import curation
from utils import loop as command
from utils.curation import (
    AGAIN,
    CONSTANT_SET,
    CURATED,
    FIRST_SENTENCE,
    MACHINE,
    NEAREST,
    REFERENCE,
    SEED_PAIRS,
    Forward,
    Settings,
    better,
    dependencies,
    judge_drafts,
    load_loop_data,
    loop,
    loop_record,
    of_rows,
    read_record,
    recorded_arms,
    recorded_curve,
    run_loop,
    saved,
    stale_parts,
)
from utils.files import ROOT

ARMS = {SEED_PAIRS, CONSTANT_SET, MACHINE, CURATED, REFERENCE, FIRST_SENTENCE, NEAREST, AGAIN}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    base = save_model(tmp_path_factory.mktemp("loop") / "base", small_config(max_position_embeddings=512))
    return Settings(
        base=str(base), seed_rows=6, text_rows=5, test_rows=4, reverse_test_rows=3, write=2, samples=1,
        reverse_steps=2, forward_steps=2, batch_size=4, curve=(3,),
    )  # fmt: skip


@pytest.fixture(scope="module")
def short_data():
    """The project's rows with texts of one line: their length is not the subject here."""
    data = load_loop_data()
    parts = {name: [replace(record, output=record.output[:40].strip()) for record in getattr(data, name)[:8]]
             for name in ("seed", "heldout", "texts", "tests", "reverse_test")}  # fmt: skip
    return replace(data, **parts | {"heldout": parts["heldout"][:2]})


@pytest.fixture(scope="module")
def ran(small, short_data, tmp_path_factory):
    """The command, run once for two seeds: where its work lies, and what it takes to run it again."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        # What a model of random weights writes would pass no filter.
        patch.setattr(loop, "judge_drafts", lambda drafts, fits: judge_drafts(drafts, fits, {}))
        patch.setattr(curation, "load_loop_data", lambda: short_data)
        told = {"settings": small, "record": folder / "loop.json", "folder": folder / "work"}
        assert command.main(["--seeds", "1", "2"], **told) == 0
        yield told


def test_a_run_measures_every_arm_and_can_be_recorded(ran):
    record = read_record(ran["record"])
    arms = recorded_arms(record)
    assert arms.keys() == ARMS and {one.loss.rows.shape for one in arms.values()} == {(2, 4, 2)}
    assert recorded_curve(record).keys() == {3} and stale_parts(record) == []
    run = record["runs"][0]
    assert len(run["reverse"]) == len(run["reverse again"]) == 3 and len(run["kept"]) == 5
    assert "nats per token saved" in better(arms, CURATED, against=MACHINE)


def test_a_seed_that_has_ended_is_not_run_again(ran, monkeypatch):
    before = ran["record"].read_text(encoding="utf-8")
    monkeypatch.setattr(curation, "run_loop", None)  # it would fail
    assert command.main(["--seeds", "1", "2"], **ran) == 0
    assert ran["record"].read_text(encoding="utf-8") == before


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(ran, small, short_data, tmp_path):
    one, other = read_record(ran["record"])["runs"]
    again = json.loads(json.dumps(run_loop(short_data, small, seed=1, output_dir=tmp_path)))
    assert again == one and again["arms"] != other["arms"]


@pytest.mark.parametrize("part", ["code", "data", "settings"])
def test_a_record_is_stale_when_what_it_depends_on_has_changed(part, tmp_path):
    for name in (*loop_record.CODE, *(f"data/{name}" for name in loop_record.FILES.values())):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    settings = Settings()
    record = {
        "depends_on": dependencies(settings, root=tmp_path),
        "settings": vars(settings) | {"curve": list(settings.curve)},
    }
    assert stale_parts(record, root=tmp_path) == []
    if part == "settings":
        record["depends_on"]["settings"] = dependencies(replace(settings, samples=9), root=tmp_path)["settings"]
    else:
        changed = tmp_path / ("utils/curation/fit.py" if part == "code" else "data/bare_texts.jsonl")
        changed.write_text(changed.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert stale_parts(record, root=tmp_path) == [part]


@pytest.fixture(scope="module")
def committed() -> dict:
    return read_record()


def test_the_committed_record_is_that_of_todays_code_and_data(committed):
    assert stale_parts(committed) == [], "run `make loop`"
    assert len(committed["runs"]) >= 3 and recorded_arms(committed).keys() == ARMS


def test_notebook_06_says_of_the_training_sets_what_every_seed_shows(committed):
    for run in committed["runs"]:
        loss = {name: Forward.from_dict(arm).loss.value for name, arm in run["arms"].items()}
        assert loss[REFERENCE] < loss[MACHINE] < loss[CONSTANT_SET] - 0.05
        assert loss[MACHINE] - loss[REFERENCE] < 0.5 * (loss[CONSTANT_SET] - loss[MACHINE])
        assert abs(loss[FIRST_SENTENCE] - loss[CONSTANT_SET]) < 0.03 < loss[NEAREST] - loss[CONSTANT_SET]
        assert loss[CURATED] > loss[AGAIN] > loss[MACHINE] + 0.03 and loss[CURATED] > loss[CONSTANT_SET]
        assert loss[SEED_PAIRS] < loss[REFERENCE] + 0.02
        curve = [Forward.from_dict(run["curve"][size]).loss.value for size in sorted(run["curve"], key=int)]
        assert sorted([*curve, loss[CURATED]], reverse=True) == [*curve, loss[CURATED]]


def test_notebook_06_says_how_sure_that_is(committed):
    arms = recorded_arms(committed)
    for one, other in ((MACHINE, CONSTANT_SET), (REFERENCE, MACHINE), (AGAIN, CURATED), (MACHINE, AGAIN)):
        assert better(arms, one, against=other).endswith("is better.")
    for one, other in ((CURATED, MACHINE), (CURATED, CONSTANT_SET), (NEAREST, CONSTANT_SET)):
        assert better(arms, one, against=other).endswith("is worse.")
    for one, other in ((FIRST_SENTENCE, CONSTANT_SET), (SEED_PAIRS, REFERENCE)):
        assert better(arms, one, against=other).endswith("cannot tell the two apart.")
    sizes = recorded_curve(committed) | {committed["settings"]["text_rows"]: arms[CURATED]}
    assert all(saved(sizes, more, against=less).low > 0 for less, more in pairwise(sorted(sizes)))


def test_notebook_06_says_for_which_kinds_the_seed_is_enough(committed):
    names = {"seed": "seed_rows", "texts": "text_rows", "tests": "test_rows", "reverse": "reverse_test_rows"}
    data = load_loop_data().first(**{part: committed["settings"][name] for part, name in names.items()})
    arms, known = recorded_arms(committed), [kind in data.seed_kinds for kind in data.test_kinds]
    has, lacks = of_rows(arms, known), of_rows(arms, [not one for one in known])
    assert better(has, MACHINE, against=SEED_PAIRS).endswith("is worse.")
    assert better(lacks, REFERENCE, against=SEED_PAIRS).endswith("is better.")
    for part, one in ((has, REFERENCE), (lacks, MACHINE)):
        assert better(part, one, against=SEED_PAIRS).endswith("cannot tell the two apart.")


def test_a_second_round_brings_no_better_reverse_model_as_notebook_06_says(committed):
    for run in committed["runs"]:
        first, second = (sum(right for right, _ in run[when]) for when in ("reverse", "reverse again"))
        assert abs(second - first) < 0.1 * first
        assert sum(run["kept"]) < 0.5 * len(run["kept"]) and sum(run["kept"]) < sum(run["kept again"])
