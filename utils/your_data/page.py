"""The report of a run, section by section, and the other files of the folder that people read.

What this module does not do: write HTML (`report` does), or compute anything.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.evaluation import TUNED, ask_a_person
from utils.prompts import ChatTemplate, PromptTemplate
from utils.quality import summary
from utils.your_data.account import Account
from utils.your_data.artefacts import FAULTS, NOTEBOOK
from utils.your_data.asking_form import ASK, BLOCKS, COMMANDS
from utils.your_data.choices import CHOSEN, Choices
from utils.your_data.fitting import Fitted
from utils.your_data.judgement import Judgement, readable
from utils.your_data.preparation import warnings_of
from utils.your_data.report import Code, Picture, Report, Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Pictures:
    """The figures of the report; `reliability` is None unless labels were chosen."""

    lengths: "Figure"
    losses: "Figure"
    scores: "Figure"
    reliability: "Figure | None" = None


def build_report(
    settings: Mapping[str, Any],
    template: PromptTemplate | ChatTemplate,
    rows: Account,
    fitted: Fitted,
    judged: Judgement,
    *,
    choices: Choices | None,
    answers: Sequence[Mapping[str, str]],
    training: Mapping[str, float],
    memory: str,
    pictures: Pictures,
) -> Report:
    """Put the sections together.

    Args:
        settings: the parameters that the report lists.
        answers: some of them, drawn by chance, from `evaluation.some_answers`.
        training: numbers of the run that do not differ from run to run.
        memory: a sentence.
    """
    main = judged.main.replace("_", " ")
    heading = readable(judged.main)
    first = f"{heading[0].upper()}{heading[1:]} {judged.table.loc[TUNED, main]} "
    first += f"on {len(fitted.test.records):,} rows that were not "
    name = Path(str(settings["data_path"])).name
    lead = "\n".join([first + "trained on.", judged.lead])
    report = Report(f"{name}: {settings['task']}", lead, outcome=judged.outcome)
    report.add("Scores", "Each with its 95 % interval. The base model was asked about the first test rows only; every "
               "difference is between scores of the same rows.",
               judged.table.rename(columns=readable), *judged.sentences,
               Picture(pictures.scores, "The same scores as bars with their intervals"))  # fmt: skip
    confused = [] if judged.confused is None else ["Labels that are taken for one another:", judged.confused]
    confused = confused if confused and len(judged.confused) else []
    report.add("What goes wrong", _in_percent(judged.mistakes), judged.form(), *map(_in_percent, confused))
    report.add(f"{len(answers)} answers, drawn by chance", Rows(list(answers), mark=_mark))
    if choices:
        _add_choices(report, choices, pictures)
    _add_data(report, template, rows, fitted, pictures)
    numbers = [
        {"number": name.replace("_", " "), "value": f"{value:,}" if isinstance(value, int) else f"{value:.3g}"}
        for name, value in training.items()
    ]
    report.add("Training", kept(training), Picture(pictures.losses, "Loss over the training steps"), Rows(numbers),
               f"Memory (estimate): {memory}.")  # fmt: skip
    report.add(
        "Parameters", Rows([{"parameter": one, "value": value} for one, value in settings.items() if value != ""])
    )
    report.add("Use the adapter", *how_to_ask(fitted))
    return report


def kept(training: Mapping[str, float]) -> str:
    """Which weights a run has kept."""
    if "best_step" not in training:
        return "Too few rows to spare any for validation: the weights of the last step are kept."
    return f"The weights of step {training['best_step']} are kept: the lowest loss on the validation rows."


def how_to_ask(fitted: Fitted) -> list[str | Code]:
    """How the folder is used: as a command, and in three lines of Python."""
    text = example(fitted)
    return [
        "In the project's folder, with the path of the folder of this report in place of OUT. A file may be JSON "
        "Lines, CSV, TSV, or a text a line; its rows are read and answered as they come.",
        Code(COMMANDS),
        Code(ASK.format(folder="OUT", text=text)),
    ]


def example(fitted: Fitted, most: int = 60) -> str:
    """The beginning of a text that the model can be asked about."""
    record = fitted.test.records[0]
    return (record.input or record.instruction or record.output)[:most]


def folder_readme(settings: Mapping[str, Any], fitted: Fitted, judged: Judgement, choices: Choices | None) -> str:
    """What is what in the output folder, and how to use it; Markdown."""
    name = Path(str(settings["data_path"])).name
    probability = ", with the probability of each label" if choices else ""
    return f"""# {name}: {settings["task"]}

{judged.lead} (The scores are in `report.html`.)

| file | what it is |
|---|---|
| `report.html` | the report: scores, answers, data, training; one file without scripts, to be sent as it is |
| `adapter/` | the adapter with its tokenizer, template, the identity of its base, and how it is asked (`ask.json`) |
| `predictions.jsonl` | one line per test row: prompt, answer, expected answer{probability} |
| `rejected.jsonl` | one line per row that was not used, or was shortened: its number, the stage and the reason |
| `{FAULTS}` | one line per row that the linter calls wrong: look at these first |
| `metrics.json` | all numbers, the parameters and the template |
| `{NOTEBOOK}` | the notebook as it ran, if it ran as a job |
| `written.json` | what the job has written here; only that is replaced when it runs again |

## Ask it

From the project's folder, with the path of this folder in place of `OUT`:

{BLOCKS}

Notebook 08 of the series takes it elsewhere: merged weights, GGUF, a server.
"""


def _add_choices(report: Report, choices: Choices, pictures: Pictures) -> None:
    table = ask_a_person(choices.probabilities, choices.right)
    picture = [Picture(pictures.reliability, "How often labels are right, by their probability")]
    report.add(
        "Labels with a probability",
        "Here the model does not write: every allowed label is weighed as an answer, so no other can come out. "
        f"In the scores above it is called “{CHOSEN}”.",
        *choices.sentences(),
        *(picture if pictures.reliability else []),
        "Ask a person where the model is less sure than the threshold: what that costs, and what it leaves unseen.",
        table.map(lambda value: f"{value:.2f}"),
    )


def _add_data(
    report: Report, template: PromptTemplate | ChatTemplate, rows: Account, fitted: Fitted, pictures: Pictures
) -> None:
    counts = fitted.counts
    uses = {"train": "to train on", "validation": "to validate with", "test": "to test with"}
    parts = ", ".join(f"{counts[name]:,} {use}" for name, use in uses.items())
    data = f"{rows.conversion.summary()}. {counts['used']:,} were used, "
    data += f"{counts['after_cleaning']:,} left after cleaning"
    report.add("Data", f"{data}: {parts}.", *warnings_of(rows.findings))
    found = summary(rows.findings)
    report.add("What the linter found", Rows(found) if found else "Nothing.")
    reasons = Counter((row["stage"], row["reason"]) for row in fitted.left_out).most_common(12)
    unused = [{"stage": stage, "reason": reason, "rows": count} for (stage, reason), count in reasons]
    report.add("Rows not used, or shortened", Rows(unused) if unused else "None.")
    prompt, completion = template.render(fitted.train.records[0])
    report.add("Prompt and answer", f"What the model sees, in the template {template.name}:", Code(prompt),
               "What it learns to answer" + _learned(fitted), Code(completion),
               Picture(pictures.lengths, "Histogram of the number of tokens in the records"))  # fmt: skip


def _in_percent(part: Any) -> Any:
    """A table with its shares in percent; a text as it is."""
    shares = [] if isinstance(part, str) else [name for name in ("share", "of the true label") if name in part]
    return part.assign(**{name: [f"{share:.0%}" for share in part[name]] for name in shares}) if shares else part


def _learned(fitted: Fitted) -> str:
    """What carries a loss beside the answer that is shown."""
    if not any(record.history for record in fitted.train.records):
        return "; only this carries a loss:"
    if fitted.loss_on == "all":
        return ". The earlier answers of a conversation carry a loss, too:"
    return ". Of a conversation only the last answer carries a loss: the template writes earlier ones in another way:"


def _mark(row: Mapping[str, str]) -> str:
    return "right" if row[TUNED].startswith("✓") else "wrong"
