"""The linter: what is wrong with records before a GPU minute is spent on them. Findings are data; nothing is printed.

`RULES` documents each rule with its fix, `apply_safe_fixes` applies the fixes that need no judgement.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from utils.quality.findings import Findings, Found
from utils.quality.fixes import prompt_of
from utils.quality.record_checks import check_record
from utils.records import Record, label_sets, task_instructions
from utils.text import counted

MAX_CHARACTERS = 2000
MIN_LABEL_ROWS = 10
MAX_IMBALANCE = 10
MAX_SHARE = 0.8  # of one label: a model that always gives it looks good already
OUTLIER = 10  # times the median length; only where there are MANY records
MANY = 20
KEEP = 10_000  # findings of a rule; nobody reads more, and a million would fill the memory


def lint(records: Sequence[Record], *, test: Sequence[Record] = (), keep: int | None = KEEP) -> Findings:
    """Check records by every rule of `RULES` but "label_error" (see `label_errors`). Sorted by row.

    Cost grows about linearly with the amount of text; tests/benchmarks/bench_records.py measures it.

    Args:
        records: what is checked.
        test: records that are held out; what leaks into them is an error.
        keep: findings that are kept of each rule, the first ones; None keeps all. Errors are kept all, and
            `summary` counts all.

    >>> [finding.rule for finding in lint([Record("Say hello", "", "As an AI language model, I …")])]
    ['refusal']
    """
    return Findings(_lint(records, test), rows=len(records), keep=keep)


def _lint(records: Sequence[Record], test: Sequence[Record]) -> Iterator[Found]:
    labels, of_tasks = label_sets(records), task_instructions(records)
    for row, record in enumerate(records):
        yield from check_record(row, record, is_task=record.instruction in of_tasks)
    yield from _lint_lengths(records, of_tasks)
    yield from _lint_repeats(records, labels.keys())
    yield from _lint_similar(records, test, labels.keys())
    for instruction, counts in labels.items():
        yield from _lint_labels(instruction, counts)


def _lint_lengths(records: Sequence[Record], of_tasks: set[str]) -> Iterator[Found]:
    sizes = []
    for record in records:
        own = "" if record.instruction in of_tasks else record.instruction
        told = (turn.content for turn in record.history if turn.role != "system" or turn.content not in of_tasks)
        sizes.append(sum(map(len, (own, record.input, record.output, *told))))
    usual = median(sizes) if len(sizes) >= MANY else MAX_CHARACTERS
    for row, (record, size) in enumerate(zip(records, sizes, strict=True)):
        if size > min(MAX_CHARACTERS, OUTLIER * usual):
            message = f"{size:,} characters" + (f", the median is {usual:,.0f}" if len(sizes) >= MANY else "")
            yield Found("too_long", row, message, record.input or record.instruction or record.output)
    for instruction in sorted(of_tasks):
        if len(instruction) > MAX_CHARACTERS:
            yield Found("too_long", None, f"an instruction of {len(instruction):,} characters", instruction)


def spelling(label: str) -> str:
    """What labels have in common that are spelt in two ways: no case, spaces, hyphens, dots or slashes."""
    return re.sub(r"[\s_./-]+", "", label.casefold()) or label


def _lint_repeats(records: Sequence[Record], label_tasks: Iterable[str]) -> Iterator[Found]:
    prompts: dict[tuple, dict[str, int]] = {}
    for row, record in enumerate(records):
        outputs = prompts.setdefault(prompt_of(record), {})
        first = outputs.setdefault(record.output.strip(), row)
        if first != row:
            yield Found("duplicate", row, f"repeats row {first}", record.input or record.instruction, other=first)
        elif len(outputs) > 1 and record.task != "document":
            other = next(iter(outputs.values()))
            severity = "error" if record.instruction in label_tasks or record.task == "extraction" else "info"
            yield Found("conflict", row, f"same prompt as row {other}, other output", record.output, severity, other)


def _lint_similar(records: Sequence[Record], test: Sequence[Record], label_tasks: Iterable[str]) -> Iterator[Found]:
    # what needs numpy, which nothing else here does
    from utils.records import clusters, contexts, continued, near_duplicates, own_texts, words

    together = [*records, *test]
    about = contexts(together)
    texts = own_texts(together, about)
    pairs = near_duplicates(texts, within=about)
    for i, j, similarity in pairs:
        a, b = together[i], together[j]
        if j >= len(records) or prompt_of(a) == prompt_of(b):  # equal prompts are a duplicate or a conflict
            continue
        if a.task == "question" and similarity < 1 and a.output.strip() != b.output.strip():
            continue  # "where did it begin" and "when did it begin" are two questions about one text
        is_twin = similarity == 1 and a.instruction == b.instruction and a.instruction in label_tasks
        if is_twin and a.output.strip() != b.output.strip() and words(texts[i]) == words(texts[j]):
            yield Found("conflict", j, f"row {i} but for case and punctuation, other output", texts[j], other=i)
        else:
            difference = "" if a.output.strip() == b.output.strip() else ", other output"
            yield Found("near_duplicate", j, f"like row {i} (Jaccard {similarity:.2f}{difference})", texts[j], other=i)
    known, goes_on = {(i, j) for i, j, _ in pairs}, continued(together)
    for i, j in goes_on:
        if j < len(records) and (i, j) not in known:
            yield Found("near_duplicate", j, f"row {i} is a part of the same conversation", texts[j], other=i)
    if not test:
        return
    # Not all pairs of a cluster are listed: whatever is in a cluster with a test row leaks, as `split` has it.
    leaders = clusters(len(together), [*known, *goes_on])
    first_test_row: dict[int, int] = {}
    for j in range(len(records), len(together)):
        first_test_row.setdefault(leaders[j], j - len(records))
    for i, leader in enumerate(leaders[: len(records)]):
        if leader in first_test_row:
            yield Found("leakage", i, f"like test row {first_test_row[leader]}", texts[i])


def _lint_labels(instruction: str, counts: Counter[str]) -> Iterator[Found]:
    (most, high), (least, low) = counts.most_common()[0], counts.most_common()[-1]
    if len(counts) == 1:
        yield Found("label_imbalance", None, f"{most!r} is the only label", instruction)
    elif high > MAX_IMBALANCE * low or high > MAX_SHARE * counts.total():
        message = f"{counted(high, 'row')} of {most!r}, {low:,} of {least!r}"
        yield Found("label_imbalance", None, message, instruction)
    spelt: dict[str, str] = {}
    for label, count in counts.items():
        if count < MIN_LABEL_ROWS:
            yield Found("rare_label", None, f"{counted(count, 'row')} of {label!r}", instruction)
        if (other := spelt.setdefault(spelling(label), label)) != label:
            yield Found("label_variant", None, f"{label!r} and {other!r}", instruction)
