"""How long the rows are in tokens, and the one thing that may be cut when a row is too long: the end of its data.

What this module does not do: decide what happens to a long record (`encoding.encode` is told), or cut an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from utils.prompts.plain_text import PlainEncoder
from utils.prompts.templates import PromptTemplate

if TYPE_CHECKING:
    from utils.records import Record


def length_audit(lengths: Sequence[int], *, max_length: int) -> dict[str, float]:
    """Percentiles of token counts, each the length of a real record, and how many are over `max_length`.

    >>> length_audit([10, 20, 30, 400], max_length=256)
    {'records': 4, 'p50': 20, 'p90': 400, 'p99': 400, 'longest': 400, 'over': 1, 'share_over': 0.25}
    """
    if not lengths:
        raise ValueError("no lengths to audit: encode at least one record")
    ordered, over = sorted(lengths), sum(length > max_length for length in lengths)
    ranks = {f"p{p}": ordered[-(-p * len(ordered) // 100) - 1] for p in (50, 90, 99)}
    return {"records": len(ordered), **ranks, "longest": ordered[-1], "over": over, "share_over": over / len(ordered)}


def shorten(
    records: Mapping[int, "Record"], template: PromptTemplate, encoder: PlainEncoder, *, room: Mapping[int, int]
) -> dict[int, "Record"]:
    """The records with as much of `template.data_field` as lets their prompt have `room[row]` tokens.

    A record is left out if no character of its data can stay, or if the template shows none. The place of the cut is
    found by halving, all records in step, so that the tokenizer is called once a step and not once a record.
    """
    field, found = template.data_field, {}
    spans = {row: (0, len(getattr(record, field))) for row, record in records.items()} if field else {}
    while sizes := {row: sum(span) // 2 for row, span in spans.items() if span[1] - span[0] > 1}:
        cut = {
            row: replace(records[row], **{field: getattr(records[row], field)[: sizes[row]].rstrip()}) for row in sizes
        }
        ids, _ = encoder.ids([template.prompt(record) for record in cut.values()])
        for (row, record), prompt in zip(cut.items(), ids, strict=True):
            fits = len(prompt) <= room[row]
            spans[row] = (sizes[row], spans[row][1]) if fits else (spans[row][0], sizes[row])
            if fits and getattr(record, field):
                found[row] = record
    return found
