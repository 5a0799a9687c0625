"""What a run costs is said before its first step, and a dry run ends there."""

import pytest

from utils.training import Plan
from utils.your_data import DryRun, Progress

PLAN = Plan(rows=100, tokens=9000, steps=50, seconds=360.0)


def test_the_price_elsewhere_is_that_of_the_measured_time():
    said = []
    Progress(said.append, epochs=1, validation=0, price_per_hour=2.5).announce(PLAN)
    assert said == [
        "100 rows, 9,000 tokens, 50 steps: about 6 minutes on this machine",
        "at 2.5 an hour: about 0.25 on a machine that is as fast as this one",
    ]


def test_without_a_price_there_is_none():
    said = []
    Progress(said.append, epochs=1, validation=0).announce(PLAN)
    assert len(said) == 1


def test_a_dry_run_ends_before_the_first_step():
    said = []
    with pytest.raises(DryRun) as stopped:
        Progress(said.append, epochs=1, validation=0, dry_run=True).announce(PLAN)
    assert said[0].endswith("on this machine") and "nothing was trained" in said[-1]
    assert stopped.value._render_traceback_() == [str(stopped.value)], "Jupyter would show a traceback"


def progress(*, epochs, validation, times):
    said, times = [], iter(times)
    return Progress(said.append, epochs=epochs, validation=validation, clock=lambda: next(times)), said


def test_before_the_first_step_there_is_a_guess_of_the_time():
    for seconds, words in ((4, "10 seconds"), (52, "50 seconds"), (88, "90 seconds"), (250, "4 minutes")):
        one, said = progress(epochs=2, validation=0, times=[0])
        one.announce(Plan(rows=1200, tokens=90_000, steps=300, seconds=seconds))
        assert said == [f"1,200 rows, 90,000 tokens, 300 steps: about {words} on this machine"]
    one, said = progress(epochs=2, validation=60, times=[0])
    one.announce(Plan(rows=110, tokens=1, steps=1, seconds=120))
    assert said == ["110 rows, 1 tokens, 1 step: about 4 minutes on this machine"]  # measuring takes as long again


def test_each_validation_loss_is_a_line_with_the_time_left():
    one, said = progress(epochs=2, validation=10, times=[0, 0, 5, 10, 10])
    one.announce(Plan(rows=80, tokens=8000, steps=20, seconds=60))
    history = [{"step": 0, "epoch": 0.0, "heldout_loss": 3.0}]
    one.follow(history)
    history.append({"step": 1, "epoch": 0.1, "loss": 2.5})
    one.follow(history)  # no line: the training loss of one step says little
    history.append({"step": 2, "epoch": 0.2, "heldout_loss": 2.0})
    one.follow(history)
    one.follow(history)  # nothing new
    assert said[1:] == [
        "epoch 0.00 of 2: loss on validation rows 3.000; 0:00 gone, about 1:14 to go",
        "epoch 0.20 of 2: loss on validation rows 2.000; 0:10 gone, about 1:30 to go",
    ]


def test_without_validation_rows_there_are_ten_lines():
    one, said = progress(epochs=1, validation=0, times=range(100))
    one.announce(Plan(rows=80, tokens=8000, steps=40, seconds=60))
    history = []
    for step in range(11, 41):  # a run that goes on after ten steps
        history.append({"step": step, "epoch": step / 40, "loss": 1.0})
        one.follow(history)
    assert len(said) - 1 == 8  # of ten, two were before it was interrupted
    assert said[-1] == "epoch 1.00 of 1: loss 1.000; 0:30 gone, about 0:00 to go"


@pytest.mark.parametrize(
    ("losses", "measured"),
    [
        ([3.0, 2.0, 1.0, 1.1, 1.2, 1.3, 1.4], 6),  # it only rises
        ([3.0, 2.0, 1.0, 1.1, 1.05, 0.9, 1.0, 1.1, 1.2, 0.1], 9),  # it came down once more
        ([3.0, 2.0, 1.9, 1.8, 1.7], 5),
        ([1.0, 2.0, 2.0, 2.0, 2.0, 2.0], 5),  # before the first step there was no training to go back to
        ([3.0, 1.0, 1.1, 1.2, 1.3], 5),
    ],
)
def test_training_ends_where_the_validation_loss_no_longer_comes_down(losses, measured):
    one, said = progress(epochs=1, validation=10, times=range(100))
    one.announce(Plan(rows=80, tokens=8000, steps=len(losses) - 1, seconds=60))
    history, ended = [], []
    for step, loss in enumerate(losses):
        history.append({"step": step, "epoch": step / (len(losses) - 1), "heldout_loss": loss})
        ended.append(one.follow(history))
        if ended[-1]:
            break
    assert len(ended) == measured
    assert ended[-1] == said[-1].endswith("training ends here.") == (measured < len(losses))
