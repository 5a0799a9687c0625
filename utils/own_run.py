"""What notebook 07 decides between reading a file and training on it: template, rows, what stops it; and how to ask.

What this module does not do: read the file (`utils.own_data`), or judge its rows (`utils.quality`).
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from utils.conversion import Conversion, Record
from utils.own_data import file_row, locate
from utils.quality import RULES, Finding
from utils.tables import DataError, counted, read_text
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate

MIN_RECORDS = 10  # fewer leave a test set of one row or two, which says nothing


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
