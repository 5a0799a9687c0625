"""Rows with errors: which they are, and what becomes of them: the run stops, they are dropped, or they are kept.

What this module does not do: find errors (`utils.quality` does), or mend any.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from utils.quality import RULES, Finding, message_in_file, prompt_of, spelling
from utils.records import Conversion, Record
from utils.text import counted, excerpt

Row = dict[str, str | int]  # row (its number in the file), stage, reason, excerpt


def problems(conversion: Conversion, findings: Sequence[Finding]) -> list[str]:
    """What should stop a run, one sentence part each: labels that are not allowed, and errors without a safe fix."""
    unknown = Counter(note.reason for note in conversion.rejected if note.reason.startswith("unknown label"))
    found = [f"{counted(count, 'row')} with {reason}" for reason, count in unknown.most_common(3)]
    errors = [finding for finding in findings if _is_fault(finding)]
    for rule, count in Counter(finding.rule for finding in errors).items():
        first = next(finding for finding in errors if finding.rule == rule)
        where = "" if first.row is None else f" ({first.excerpt!r})"
        found.append(f"{rule} × {count:,}, such as {first.message}{where}")
    return found


def faulty_rows(
    conversion: Conversion, records: Sequence[Record], findings: Sequence[Finding]
) -> tuple[list[Row], set[int]]:
    """Every row that `problems` speaks of, by its number in the file, and the indices of those among the records.

    Of rows that contradict each other all are faulty, since only a person knows which is right. Of a label that is
    spelt in two ways, the rows with the rarer spelling are.
    """
    reasons: defaultdict[int, list[str]] = defaultdict(list)
    in_conflict = set()
    for finding in findings:
        if not _is_fault(finding) or finding.row is None:
            continue
        if finding.rule != "conflict":
            reasons[finding.row].append(f"{finding.rule}: {message_in_file(finding, records)}")
        elif prompt_of(records[finding.row]) == prompt_of(records[finding.other]):
            in_conflict.add(prompt_of(records[finding.row]))
        else:  # twins
            for at, other in ((finding.row, finding.other), (finding.other, finding.row)):
                number = records[other].row
                reasons[at].append(f"conflict: row {number} but for case and punctuation, another answer")
    same = defaultdict(list)
    for at, record in enumerate(records):
        if prompt_of(record) in in_conflict:
            same[prompt_of(record)].append(at)
    for members in same.values():
        for at in members:
            others = [records[other].row for other in members if records[other].output != records[at].output]
            reasons[at].append(f"conflict: row {', '.join(map(str, others[:3]))} has the same prompt, another answer")
    if any(finding.rule == "label_variant" for finding in findings):
        for at, usual in _rarer_spellings(records).items():
            reasons[at].append(f"label_variant: {records[at].output!r}, elsewhere {usual!r}")
    unknown = [note for note in conversion.rejected if note.reason.startswith("unknown label")]
    rows: list[Row] = [_row(note.row, note.reason, note.excerpt) for note in unknown]
    for at, why in sorted(reasons.items()):
        record = records[at]
        rows.append(_row(record.row, "; ".join(why), excerpt(record.input or record.instruction or record.output)))
    return sorted(rows, key=lambda row: row["row"]), set(reasons)


def _is_fault(finding: Finding) -> bool:
    return finding.severity == "error" and not RULES[finding.rule].safe


def _row(number: int, reason: str, start: str) -> Row:
    return {"row": number, "stage": "checking", "reason": reason, "excerpt": start}


def _rarer_spellings(records: Sequence[Record]) -> dict[int, str]:
    """Index of each record whose label is spelt in another way elsewhere, and more often: {index: usual spelling}."""
    counts, spellings = Counter(record.output for record in records), defaultdict(list)
    for label in counts:
        spellings[spelling(label)].append(label)
    usual = {
        label: max(group, key=lambda one: counts[one])
        for group in spellings.values()
        for label in group
        if len(group) > 1
    }
    return {at: usual[r.output] for at, r in enumerate(records) if usual.get(r.output, r.output) != r.output}
