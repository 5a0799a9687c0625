"""What the linter found: findings with a row and a message, of which some are kept and all are counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from utils.quality.rules import RULES
from utils.records import Record
from utils.text import excerpt

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    row: index of the record in the list, None for a finding about the whole of it.
    other: index of the record that the message compares it with, as "row 3", if it does.
    """

    rule: str
    severity: str
    row: int | None
    message: str
    excerpt: str
    other: int | None = None


class Found(NamedTuple):
    """A finding on its way: with its whole text, and the severity of its rule if none is given."""

    rule: str
    row: int | None
    message: str
    text: str
    severity: str = ""
    other: int | None = None


class Findings(list[Finding]):
    """The findings that were kept, sorted by row.

    counts, rows: how many there are of each (severity, rule), and in how many rows, with those that were not kept.
    """

    def __init__(self, found: Iterable[Found], *, rows: int, keep: int | None) -> None:
        """Count all, keep all errors (whoever drops their rows needs each) and the first `keep` of any other rule."""
        super().__init__()
        self.counts: Counter[tuple[str, str]] = Counter()
        marks: dict[tuple[str, str], bytearray] = {}
        for one in found:
            severity = one.severity or RULES[one.rule].severity
            key = severity, one.rule
            self.counts[key] += 1
            if one.row is not None:
                marks.setdefault(key, bytearray(rows))[one.row] = 1
            if keep is None or severity == "error" or self.counts[key] <= keep:
                self.append(Finding(one.rule, severity, one.row, one.message, excerpt(one.text), one.other))
        self.rows = Counter({key: sum(marks[key]) if key in marks else 0 for key in self.counts})
        self.sort(key=lambda finding: -1 if finding.row is None else finding.row)


def message_in_file(finding: Finding, records: Sequence[Record]) -> str:
    """The message with the number that the other row has in its file, in place of its index in the list."""
    if finding.other is None:
        return finding.message
    return finding.message.replace(f"row {finding.other}", f"row {records[finding.other].row}", 1)


def summary(findings: Sequence[Finding]) -> list[dict[str, str | int]]:
    """One row per rule that found something: rule, severity, findings, rows, fix; errors first, then by number.

    `pandas.DataFrame(summary(findings))` is the table, `.plot.barh(x="rule", y="findings")` the plot.
    """
    if isinstance(findings, Findings):
        counts, rows = findings.counts, findings.rows
    else:
        counts = Counter((finding.severity, finding.rule) for finding in findings)
        rows = Counter((severity, rule) for severity, rule, row in _places(findings) if row is not None)
    return [
        {"rule": rule, "severity": severity, "findings": count, "rows": rows[severity, rule], "fix": RULES[rule].fix}
        for (severity, rule), count in sorted(counts.items(), key=lambda c: (SEVERITIES.index(c[0][0]), -c[1], c[0][1]))
    ]


def _places(findings: Iterable[Finding]) -> Iterator[tuple[str, str, int | None]]:
    return iter({(finding.severity, finding.rule, finding.row) for finding in findings})
