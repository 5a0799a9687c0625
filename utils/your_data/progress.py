"""What is said while a model trains: how much there is to do, how long it takes, what it costs, how far it is.

A dry run ends where the first of these lines has been said, and a run where it only gets worse.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from utils.text import counted

if TYPE_CHECKING:
    from utils.training import History, Plan

PATIENCE = 3  # measurements above the lowest loss on validation rows, one after the other; a run has about ten


class DryRun(Exception):
    """Ends a run before its first step, because only its plan was wanted. Nothing is wrong."""

    def _render_traceback_(self) -> list[str]:  # what Jupyter shows in place of a traceback
        return [str(self)]


class Progress:
    """What is said while `fine_tune` runs: pass `announce` as its on_start and `follow` as its on_log.

    Args:
        say: gets each line, such as `print`.
        epochs: passes over the training rows.
        validation: held-out rows. Measuring them eleven times is added to the time that the plan names; without a
            backward pass, a row takes about a third of what a training row takes.
        price_per_hour: of a machine that is as fast as this one, in any currency; 0 if none is to be named.
        dry_run: stop after `announce`, with a `DryRun`.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        epochs: float,
        validation: int,
        price_per_hour: float = 0.0,
        dry_run: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.say, self.epochs, self.validation, self.clock = say, epochs, validation, clock
        self.price_per_hour, self.dry_run = price_per_hour, dry_run

    def announce(self, plan: "Plan") -> None:
        """Before the first step: how much there is to do, how long it will take, and what that costs.

        Raises:
            DryRun: that was all that was wanted.
        """
        self.steps, self.started, self.first, self.said = plan.steps, self.clock(), None, None
        self.guess = plan.seconds * (1 + 11 * self.validation / 3 / (plan.rows * self.epochs))
        minutes, seconds = round(self.guess / 60), max(10, round(self.guess / 10) * 10)
        time_needed = f"{minutes} minutes" if seconds > 90 else f"{seconds} seconds"
        amount = f"{counted(plan.rows, 'row')}, {plan.tokens:,} tokens, {counted(plan.steps, 'step')}"
        self.say(f"{amount}: about {time_needed} on this machine")
        if self.price_per_hour:
            cost = self.guess / 3600 * self.price_per_hour
            self.say(f"at {self.price_per_hour:g} an hour: about {cost:.2g} on a machine that is as fast as this one")
        if self.dry_run:
            self.say("dry run: two steps were timed, nothing was trained, no checkpoint was written")
            raise DryRun("a dry run ends here: set dry_run to False to train")

    def follow(self, history: "History") -> bool:
        """A line at each loss on validation rows; without such rows, ten times during the run.

        Returns:
            Whether training shall end, because the loss on validation rows no longer comes down.
        """
        last, now = history[-1], self.clock()
        step = last["step"]
        self.first = self.first or (step, now)
        if last == self.said:  # the trainer's last log holds no new loss
            return False
        if "heldout_loss" in last:
            loss = f"loss on validation rows {last['heldout_loss']:.3f}"
        elif self.validation or step * 10 // self.steps == (step - 1) * 10 // self.steps:
            return False
        else:
            loss = f"loss {last['loss']:.3f}"
        self.said, done = last, step - self.first[0]
        ahead = max(0, self.steps - step)
        left = (now - self.first[1]) / done * ahead if done else self.guess * ahead / self.steps
        times = f"{_clock(now - self.started)} gone, about {_clock(left)} to go"
        self.say(f"epoch {last['epoch']:4.2f} of {self.epochs:g}: {loss}; {times}")
        measured = [entry for entry in history if entry["step"] > 0 and "heldout_loss" in entry]
        best = min(measured, key=lambda entry: entry["heldout_loss"], default=last)
        if step == self.steps or best not in measured[:-PATIENCE]:
            return False
        self.say(f"It was lower in step {best['step']:.0f} and has not been since: training ends here.")
        return True


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"
