"""How long the rows are in tokens, and what may go when a row is too long: the end of its data, or the first turns.

An answer is never cut.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Literal

from utils.records import exchanges, without_first_exchange

if TYPE_CHECKING:
    from utils.prompts.rows import Row
    from utils.records import Record

TooLong = Literal["refuse", "drop", "shorten"]
Code = Callable[[list["Record"]], list["Row"]]


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


def within(
    records: list["Record"],
    rows: list["Row"],
    code: Code,
    field: str | None,
    *,
    max_length: int | None,
    too_long: TooLong,
) -> list[tuple["Record", "Row"]]:
    """Records and rows as the policy for long ones leaves them.

    Raises:
        ValueError: `too_long` is "refuse" and there is a long one.
    """
    fitted = list(zip(records, rows, strict=True))
    long = [at for at, row in enumerate(rows) if row.usable and row.size > (max_length or inf)]
    if long and too_long == "refuse":
        longest = max(long, key=lambda at: rows[at].size)
        raise ValueError(
            f"{len(long)} of {len(records)} records have more than max_length={max_length} tokens, the first ones in "
            f"rows {long[:5]}, the longest in row {longest} ({rows[longest].size}): raise max_length, or say "
            "too_long='drop' or too_long='shorten'"
        )
    for at in long:
        fitted[at] = records[at], rows[at].unusable("too long", f"{rows[at].size} tokens, {max_length} allowed")
    if long and too_long == "shorten":
        cut = shorten({at: records[at] for at in long}, field, code, max_length=max_length)
        for (at, (record, reason)), row in zip(cut.items(), code([one for one, _ in cut.values()]), strict=True):
            fitted[at] = record, row if row.note else row._replace(note=("shortened", reason))
    return fitted


def shorten(
    records: Mapping[int, "Record"], field: str | None, code: Code, *, max_length: int
) -> dict[int, tuple["Record", str]]:
    """The records that fit into `max_length` tokens without the end of their data or their first exchanges.

    Args:
        field: the field with the data, `template.data_field`. Of a conversation earlier exchanges go instead.
        code: makes the rows of records, of which only the size is read; one of size 0 was refused.

    Returns:
        The shortened records, each with what was done to it; those of which nothing would be left are missing.
    """
    single = {row: record for row, record in records.items() if not record.history}
    chats = {row: record for row, record in records.items() if record.history}
    found = _with_less_data(single, field, code, max_length) if field else {}
    return found | _with_fewer_exchanges(chats, code, max_length)


def _with_less_data(records, field: str, code: Code, max_length: int) -> dict[int, tuple["Record", str]]:
    """As much data as there is room for. The place of the cut is found by halving, all records in step, so that the
    tokenizer is called once a step and not once a record."""
    found, spans = {}, {row: (0, len(getattr(record, field))) for row, record in records.items()}
    while middles := {row: sum(span) // 2 for row, span in spans.items() if span[1] - span[0] > 1}:
        cut = {}
        for row, middle in middles.items():
            cut[row] = replace(records[row], **{field: getattr(records[row], field)[:middle].rstrip()})
        for (row, record), made in zip(cut.items(), code(list(cut.values())), strict=True):
            fits = 0 < made.size <= max_length
            spans[row] = (middles[row], spans[row][1]) if fits else (spans[row][0], middles[row])
            if fits and getattr(record, field):
                before, after = len(getattr(records[row], field)), len(getattr(record, field))
                found[row] = record, f"{field} cut from {before} to {after} characters"
    return found


def _with_fewer_exchanges(records, code: Code, max_length: int) -> dict[int, tuple["Record", str]]:
    found, left, gone = {}, dict(records), 0
    while left := {row: without_first_exchange(record) for row, record in left.items() if record.history}:
        gone += 1
        for (row, record), made in zip(list(left.items()), code(list(left.values())), strict=True):
            if 0 < made.size <= max_length:
                found[row] = record, f"the first {gone} of {len(exchanges(records[row]))} exchanges left out"
                del left[row]
    return found
