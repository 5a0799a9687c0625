"""Notes about rows, from reading to the report: which row, at which stage, why, and how it starts."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

FEW = 3  # different values that a grouped reason still names
_VALUE = re.compile(r"""(\d[\d.,:]*(?<![.,:])|(?<!\w)'(?:[^'\\]|\\.)*'|(?<!\w)"(?:[^"\\]|\\.)*")""")


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a row.

    row: its number in the file; 1 is the first after any header.
    stage: what was done with it then, in one word, such as "converted".
    """

    row: int
    stage: str
    reason: str
    excerpt: str


def grouped_reasons(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Reasons that differ only in numbers and quoted values, as one with its count; the most frequent first.

    A value that is the same in all stays, up to three are named, and more become "…".

    >>> grouped_reasons(["3 fields instead of 2", "5 fields instead of 2", "text is empty"])
    [('3 / 5 fields instead of 2', 2), ('text is empty', 1)]
    """
    groups: defaultdict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for reason, count in Counter(reasons).items():
        parts = _VALUE.split(reason)  # words and values in turn
        groups[tuple(parts[::2])][tuple(parts[1::2])] += count
    found = []
    for words, values in groups.items():
        joined = [_joined(dict.fromkeys(column)) for column in zip(*values, strict=True)] + [""]
        found.append(("".join(word + value for word, value in zip(words, joined, strict=True)), values.total()))
    return sorted(found, key=lambda item: -item[1])


def _joined(values: Iterable[str]) -> str:
    values = list(values)
    return " / ".join(values) if len(values) <= FEW else "…"
