"""What notebook 07 decides before it trains (template, rows, what stops it), what it says meanwhile, and how to ask.

What this module does not do: read the file (`columns`), or judge its rows (`utils.quality`).
"""

import json
import random
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import DataError
from utils.files import read_text
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.quality import RULES, Finding
from utils.records import Conversion, Record, split
from utils.text import counted
from utils.your_data.columns import file_row, locate

if TYPE_CHECKING:
    from utils.training import History, Plan

MIN_RECORDS = 10  # fewer leave a test set of one row or two, which says nothing
BASE_ROWS = 48  # test rows that the base is asked about; it seldom stops by itself, so its answers take long
FEWEST_FOR_VALIDATION, VALIDATION_ROWS = 40, (4, 32)  # training rows from which some are spared; least and most of them


def choose_template(name: str, task: str) -> PromptTemplate:
    """ALPACA or REVERSE_INSTRUCTION by name ("": the one that fits the task), or a template from a JSON file.

    Raises:
        DataError: neither, or a file that holds no template; the message names its fault.
    """
    known = {template.name: template for template in (ALPACA, REVERSE_INSTRUCTION)}
    name = name or ("reverse_instruction" if task == "documents" else "alpaca")
    if name in known:
        return known[name]
    path = Path(locate(name))
    if not path.is_file():
        raise DataError(f"template {name!r} is neither a file nor one of {', '.join(known)}")
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"template file {path.name} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"template file {path.name} holds a {type(content).__name__}, not an object with name and text")
    try:
        return PromptTemplate.from_dict({"name": path.stem} | content)
    except ValueError as error:
        raise DataError(f"template file {path.name}: {error}") from None


def draw(conversion: Conversion, *, limit: int, seed: int) -> tuple[list[Record], list[int]]:
    """At most `limit` records, drawn by chance, in their old order (0: all), and the row of the file behind each."""
    left_out = {note.row for note in conversion.rejected}
    rows = [row for row in range(1, conversion.rows_in + 1) if row not in left_out]
    every = range(len(rows))
    chosen = sorted(random.Random(seed).sample(every, limit)) if 0 < limit < len(rows) else every
    return [conversion.records[i] for i in chosen], [file_row(conversion, rows[i]) for i in chosen]


def check_enough(records: Sequence[Record], template: PromptTemplate) -> None:
    """Refuse records that nothing can be learned from.

    Raises:
        DataError: fewer than `MIN_RECORDS`, or all with the same answer.
    """
    if len(records) < MIN_RECORDS:
        raise DataError(
            f"{len(records)} usable records are too few to train and to test on: at least {MIN_RECORDS} are needed"
        )
    answers = {template.render(record)[1] for record in records}
    if len(answers) == 1:
        raise DataError(
            f"all {len(records):,} records have the same answer, {answers.pop()[:60]!r}: there is nothing to learn; "
            f"choose another answer_column, or a template other than {template.name!r}"
        )


def spare_validation(train: Sequence[Record], *, seed: int) -> tuple[list[Record], list[Record]]:
    """Divide training rows once more: (train, validation), without a leak between them.

    The validation rows say which weights to keep, so they must not be test rows. They are a tenth of the training rows,
    4 to 32; there are none where fewer than 40 rows are to be trained on, or these are so alike that 4 can't be spared.

    >>> [len(part) for part in spare_validation([Record("Say it", str(i), "x") for i in range(50)], seed=1)]
    [45, 5]
    """
    fewest, most = VALIDATION_ROWS
    if len(train) < FEWEST_FOR_VALIDATION:
        return list(train), []
    wished = min(most, max(fewest, round(len(train) / 10)))
    try:
        with warnings.catch_warnings(action="ignore"):  # that there are fewer: whoever calls this counts them
            rest, validation = split(train, test_fraction=wished / len(train), seed=seed)
    except DataError:
        return list(train), []
    return (rest, validation) if len(validation) >= fewest else (list(train), [])


class Progress:
    """What is said while `fine_tune` runs: pass `announce` as its on_start and `follow` as its on_log.

    Args:
        say: gets each line, such as `print`.
        epochs: passes over the training rows.
        validation: held-out rows. Measuring them eleven times is added to the time that the plan names; without a
            backward pass, a row takes about a third of what a training row takes.
    """

    def __init__(
        self, say: Callable[[str], None], *, epochs: float, validation: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.say, self.epochs, self.validation, self.clock = say, epochs, validation, clock

    def announce(self, plan: "Plan") -> None:
        """One line before the first step: how much there is to do, and how long it will take."""
        self.steps, self.started, self.first, self.said = plan.steps, self.clock(), None, None
        self.guess = plan.seconds * (1 + 11 * self.validation / 3 / (plan.rows * self.epochs))
        minutes, seconds = round(self.guess / 60), max(10, round(self.guess / 10) * 10)
        time_needed = f"{minutes} minutes" if seconds > 90 else f"{seconds} seconds"
        amount = f"{counted(plan.rows, 'row')}, {plan.tokens:,} tokens, {counted(plan.steps, 'step')}"
        self.say(f"{amount}: about {time_needed} on this machine")

    def follow(self, history: "History") -> None:
        """A line at each loss on validation rows; without such rows, ten times during the run."""
        last, now = history[-1], self.clock()
        step = last["step"]
        self.first = self.first or (step, now)
        if last == self.said:  # the trainer's last log holds no new loss
            return
        if "heldout_loss" in last:
            loss = f"loss on validation rows {last['heldout_loss']:.3f}"
        elif self.validation or step * 10 // self.steps == (step - 1) * 10 // self.steps:
            return
        else:
            loss = f"loss {last['loss']:.3f}"
        self.said, done = last, step - self.first[0]
        ahead = max(0, self.steps - step)
        left = (now - self.first[1]) / done * ahead if done else self.guess * ahead / self.steps
        times = f"{_clock(now - self.started)} gone, about {_clock(left)} to go"
        self.say(f"epoch {last['epoch']:4.2f} of {self.epochs:g}: {loss}; {times}")


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02}"


def how_to_ask(record: Record, template: PromptTemplate) -> str:
    """Python that asks the adapter in the folder `adapter` about another text, as it was trained with this record."""
    asked = "Record('your instruction')"
    if template.data_field == "output":
        asked = "Record('', output='your text')"
    elif template.data_field == "input" and record.task != "instruction":
        asked = f"Record({record.instruction!r}, 'your text')"
    return (
        "from utils.inference import generate, load_adapter\nfrom utils.records import Record\n\n"
        f"model, tokenizer, templates = load_adapter('adapter')\nrecord = {asked}\n"
        f"print(generate(model, tokenizer, [record], templates[{template.name!r}])[0].text)"
    )


def problems(conversion: Conversion, findings: Sequence[Finding]) -> list[str]:
    """What should stop a run, one sentence part each: labels that are not allowed, and errors without a safe fix."""
    unknown = Counter(note.reason for note in conversion.rejected if note.reason.startswith("unknown label"))
    found = [f"{counted(count, 'row')} with {reason}" for reason, count in unknown.most_common(3)]
    errors = [f for f in findings if f.severity == "error" and not RULES[f.rule].safe]
    for rule, count in Counter(finding.rule for finding in errors).items():
        first = next(finding for finding in errors if finding.rule == rule)
        where = "" if first.row is None else f" ({first.excerpt!r})"
        found.append(f"{rule} × {count:,}, such as {first.message}{where}")
    return found
