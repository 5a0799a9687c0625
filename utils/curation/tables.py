"""What curation did, to be read: a row for each filter, and the pairs themselves, best or worst first."""

from collections.abc import Sequence

import pandas as pd

from utils.curation.filters import Judged
from utils.curation.names import stands_in
from utils.evaluation import Score, quotient

KEPT, DROPPED = "✓", "✗"


def slots_named(instructions: Sequence[str], slots: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """For each instruction, how many of the names, dates and places it had to mention it does, and how many it had to.

    >>> slots_named(["Write to Ann."], [["Ann", "4 May"]])
    [(1, 2)]
    """
    return [
        (sum(stands_in(slot, instruction) for slot in wanted), len(wanted))
        for instruction, wanted in zip(instructions, slots, strict=True)
    ]


def slots_score(named: Sequence[tuple[int, int]], chosen: Sequence[bool]) -> Score:
    """The share of slots named in the chosen rows, as a `Score` over all rows, so that two choices can be compared.

    Args:
        named: from `slots_named`.
        chosen: for each row whether it takes part.
    """
    return quotient([pair if is_in else (0, 0) for pair, is_in in zip(named, chosen, strict=True)])


def filter_table(judged: Sequence[Judged], named: Sequence[tuple[int, int]] | None = None) -> pd.DataFrame:
    """A row for each filter that found anything: what it removes, what only it does, what leaving it out would cost.

    Args:
        named: `slots_named` of the drafts by the hidden references. With it there are three columns more: the share of
            slots that the instructions name, in what the filter removes, what only it removes, and what would be kept.

    Returns:
        The last two rows are all filters together (with what they keep), and none. A share of no slots is "–".
    """
    names = list(dict.fromkeys(name for one in judged for name in one.reasons))
    rows = {}
    for name in names:
        hit = [name in one.reasons for one in judged]
        alone = [one.reasons.keys() == {name} for one in judged]
        without = [not one.reasons.keys() - {name} for one in judged]
        rows[name] = _row(hit, alone, without, named)
    dropped, kept = [not one.kept for one in judged], [one.kept for one in judged]
    rows["all filters together"] = _row(dropped, None, kept, named)
    rows["no filter"] = _row([False] * len(judged), None, [True] * len(judged), named)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("filter")


def _row(
    removed: list[bool], alone: list[bool] | None, kept: list[bool], named: Sequence[tuple[int, int]] | None
) -> dict[str, int | str]:
    parts = {"removes": removed, "only it removes": alone, "kept without it": kept}
    row: dict[str, int | str] = {head: "" if part is None else sum(part) for head, part in parts.items()}
    for head, part in parts.items() if named is not None else ():
        row[f"slots right: {head}"] = "" if part is None else _share(named, part)
    return row


def _share(named: Sequence[tuple[int, int]], chosen: Sequence[bool]) -> str:
    pairs = [pair for pair, is_chosen in zip(named, chosen, strict=True) if is_chosen]
    right, wanted = (sum(column) for column in zip(*pairs, strict=True)) if pairs else (0, 0)
    return f"{right / wanted:.2f}" if wanted else "–"


def by_fit(judged: Sequence[Judged]) -> list[int]:
    """The places of the drafts, the one whose instruction does most for its text first."""
    return sorted(range(len(judged)), key=lambda at: judged[at].fit.over_constant, reverse=True)


def pair_rows(judged: Sequence[Judged]) -> list[dict[str, str]]:
    """Rows for `utils.show.answers_table`: whole text, instruction with ✓ or ✗, fit, and why it is dropped."""
    return [
        {
            "text": one.draft.text,
            "instruction": f"{KEPT if one.kept else DROPPED} {one.draft.instruction}",
            "fit": f"{one.fit.over_constant:+.2f}",
            "failed filters": "; ".join(f"{name} ({reason})" for name, reason in one.reasons.items()),
        }
        for one in judged
    ]
