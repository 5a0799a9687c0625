"""Write the parts of README.md that come from elsewhere: `python -m utils.series.readme`, the end of `make notebooks`.

The examples and scores are what notebooks 04 and 05 printed and recorded, the table of notebooks is what their first
cells say, the figures of a GPU are those of the results file that `tests/benchmarks/gpu.py` left, and the picture shows
`FLOW`. Notebooks are not run here: the committed ones are read.
"""

import json
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import nbformat

from utils.files import ROOT
from utils.notebook import read_results
from utils.series.flow import PICTURE, flow_svg
from utils.series.running import find_notebooks
from utils.series.setup_cell import address_in, badge

EXAMPLES = "<!-- examples: written by `make notebooks` -->", "<!-- end of examples -->"
MISMATCH = "<!-- mismatch: written by `make notebooks` -->", "<!-- end of mismatch -->"
RESULTS = "<!-- results: written by `make notebooks` -->", "<!-- end of results -->"
GPU = "<!-- gpu: written by `make notebooks` -->", "<!-- end of gpu -->"
GPU_RESULTS = Path("tests") / "benchmarks" / "gpu-training.json"
NOTEBOOKS = "<!-- notebooks: written by `make notebooks` -->", "<!-- end of notebooks -->"
SHOWN = {"labels": "A hotel review", "phrases": "A sentence", "reverse": "A document"}  # as notebook 04 calls the tasks
# The first row of `answers_table` as text: what was shown, what was wanted, and two answers after their signs.
ANSWERS = r"(.+?)\n {4}wanted: .+?\n {2}\S [^:\n]+: +(.*?)\n {2}\S [^:\n]+: +(.*?)(?:\n\n|\s*\Z)"
ROWS = {  # what a reader of the table sees: the recorded name, without its prefix
    "Hotel reviews: the right label": "label_accuracy",
    "Names and places: F1 of exact phrases": "span_f1",
    "Instruction for a document: names, dates, places right": "reverse_slot_recall",
    "Instruction for a document: right to the letter": "reverse_exact",
    "Short questions: right to the letter": "instructions_exact",
    "150 bare lists of points, unlike the training rows: the right label": "terse_label_accuracy",
}
METHODS = {  # prefix of the recorded name: head of its column
    "base": "base, same prompt",
    "base_own_form": "base, its own chat form",
    "constant": "constant answer",
    "simple": "TF-IDF, dictionary or nearest row",
    "tuned": "fine-tuned",
}
FORMS = {  # what the adapter is asked with: the recorded name of its cost, behind the name of the task
    "without the preamble": "no_preamble",
    "with the sentence wrapped, as the article prints it": "the_article_s_wrapped_line",
    "without the newline after `### Response:`": "no_newline_after_the_marker",
    "with a space after `### Response:`": "a_space_after_the_marker",
    "in the form `User:` / `Assistant:`": "user_assistant",
    "in Llama 2's chat form": "llama_2_chat",
    "with the bare text": "bare_user_input",
}
MEASURED = {"reverse": "slot_recall", "phrases": "span_f1", "labels": "label_accuracy"}
TASKS = {"reverse": "slots of instructions", "phrases": "F1 of phrases", "labels": "right labels"}
GOALS = {  # after it you can …
    "01": "bring rows, phrases, documents and instruction files into one form, and see what is wrong with them",
    "02": "render a record in two directions, and point at the token where the prompt ends and the answer begins",
    "03": "train adapters on a 4-bit model with `SFTTrainer`, with the loss where you want it",
    "04": "ask with the template of the training, cut the answer cleanly, and score the model among its opponents",
    "05": "say what a score is worth, and what a wrong template costs",
    "07": "go from a file of your own to an adapter and a report, in a notebook or as a job",
}


def examples(notebook: Path) -> str:
    """The first test record of three tasks, with both answers, as notebook 04 printed them.

    Raises:
        ValueError: the notebook does not show one of the tasks; execute it again.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    lines = []
    for task, what in SHOWN.items():
        found = [cell for cell in cells if cell.cell_type == "code" and cell.source.endswith(f'show("{task}")')]
        outputs = [output for cell in found for output in cell.outputs]
        printed = "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
        match = re.match(ANSWERS, printed, re.DOTALL)
        if not match:
            raise ValueError(f"{notebook.name} prints no answers with show({task!r}): execute it again")
        text, before, after = (" ".join(part.split()) for part in match.groups())
        lines += [f"| {what} | {_cell(text)} |", f"| the base, asked in its own form | {_cell(before)} |"]
        lines += [f"| **after fine-tuning** | **{_cell(after)}** |"]
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "\\|") or "(nothing)"


def results_table(notebook: Path) -> str:
    """A Markdown table of what notebook 04 recorded: every method on the same test rows.

    Raises:
        KeyError: the notebook recorded no such result of the fine-tuned model; execute it again.
    """
    results = read_results(notebook)
    lines = [f"| on test rows | {' | '.join(METHODS.values())} |", "|---|" + "---|" * len(METHODS)]
    for words, name in ROWS.items():
        values = {prefix: results.get(f"{prefix}_{name}") for prefix in METHODS} | {"tuned": results[f"tuned_{name}"]}
        best = max(value for value in values.values() if value is not None)
        cells = ["" if v is None else f"**{v:.2f}**" if v == best else f"{v:.2f}" for v in values.values()]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mismatch_table(notebook: Path) -> str:
    """A Markdown table of what notebook 05 recorded: what each other form of prompt costs, with its interval.

    Raises:
        KeyError: the notebook recorded no such result; execute it again.
    """
    results = read_results(notebook)
    heads = [f"{words} ({results[f'tuned_{task}_{MEASURED[task]}']:.2f})" for task, words in TASKS.items()]
    lines = [f"| asked | {' | '.join(heads)} |", "|---|" + "---|" * len(TASKS)]
    for words, form in FORMS.items():
        cells = []
        for task in TASKS:
            name = f"{task}_cost_{form if (task, form) != ('reverse', 'bare_user_input') else 'bare_document'}"
            if name in results:
                # a cost is a loss: its sign changes, and its two ends change places
                value, low, high = (0.0 - round(results[name + end], 2) for end in ("", "_high", "_low"))
                cells.append(f"{value:+.2f} [{low:+.2f}, {high:+.2f}]")
            else:
                cells.append("")
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join(lines)


def notebook_table(paths: Sequence[Path]) -> str:
    """A Markdown table of the notebooks: title, goal, time and need of a GPU as their first cells say, badge.

    Raises:
        ValueError: a notebook whose first cell says no time, or for which `GOALS` has nothing.
    """
    lines = ["| notebook | after it you can | time | GPU | |", "|---|---|---|---|---|"]
    for path in paths:
        cells = nbformat.read(path, as_version=4).cells
        first, number = cells[0].source, path.name[:2]
        title = re.match(r"# (.+)", first)
        time = re.search(r"\*\*Time\*\*: (.+?)\.?$", first, re.MULTILINE)
        if not (title and time and number in GOALS):
            raise ValueError(f"{path.name} needs a title, a line **Time**: … and a goal in utils/series/readme.py")
        [setup] = [cell.source for cell in cells if "setup" in cell.metadata.get("tags", [])]
        gpu = "no" if "No GPU" in first else "yes"
        link = f"[{title[1]}](notebooks/{path.name})"
        lines.append(f"| {link} | {GOALS[number]} | {time[1]} | {gpu} | {badge(*address_in(setup), path.name)} |")
    return "\n".join(lines)


def gpu_table(file: Path) -> str:
    """Markdown tables of what a GPU showed: our settings beside the guide's, and memory beside its estimate."""
    found = json.loads(file.read_text(encoding="utf-8"))
    [guide] = found["guide"]
    same = {key: guide[key] for key in ("model", "rows_at_a_time", "activation_checkpointing", "length")}
    [ours] = [row for row in found["ours"] if same.items() <= row.items()]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        f"Measured on one {found['device']} on {found['date']} ({versions}), with a model of the exact shape of",
        f"{guide['model']} and random weights, {guide['rows_at_a_time']} rows of {guide['length']:,} tokens at a time:",
        "",
        "| QLoRA, rank 64 | tokens/s | peak memory | share of the GPU's FLOPs |",
        "|---|---|---|---|",
    ]
    for words, row in (("the guide's settings", guide), ("`fine_tune`'s settings", ours)):
        speed, use = f"{row['tokens_per_second']:,}", f"{row['flops_utilisation']:.0%}"
        lines.append(f"| {words} | {speed} | {row['peak_gib']:.1f} GiB | {use} |")
    lines += ["", "| `memory.estimate` | rows × tokens | checkpointing | estimate | peak |", "|---|---|---|---|---|"]
    for row in found["ours"]:
        size = f"{row['rows_at_a_time']} × {row['length']:,}"
        memory = f"{row['estimated_gib']:.1f} GiB | {row['peak_gib']:.1f} GiB"
        lines.append(f"| {row['model']} | {size} | {'yes' if row['activation_checkpointing'] else 'no'} | {memory} |")
    return "\n".join(lines)


def with_part(readme: str, markers: tuple[str, str], part: str) -> str:
    """`readme` with `part` between its two markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = readme.partition(markers[0])
    _, end, after = rest.partition(markers[1])
    if not (begin and end):
        raise ValueError(f"README.md has lost a marker: {markers[0] if not begin else markers[1]}")
    return f"{before}{begin}\n{part}\n{end}{after}"


def written(readme: str) -> str:
    """README.md's text with its tables as the committed notebooks have it."""
    [inference] = find_notebooks(["04"])
    [evaluation] = find_notebooks(["05"])
    readme = with_part(readme, EXAMPLES, examples(inference))
    readme = with_part(readme, RESULTS, results_table(inference))
    readme = with_part(readme, MISMATCH, mismatch_table(evaluation))
    readme = with_part(readme, GPU, gpu_table(ROOT / GPU_RESULTS))
    return with_part(readme, NOTEBOOKS, notebook_table(find_notebooks()))


def main() -> int:
    """The command; returns its exit status."""
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / PICTURE).write_text(flow_svg(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
