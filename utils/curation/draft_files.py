"""Drafts and their fits in a file: whoever tries another filter need not ask a model again.

A module of its own: the only one of this folder that touches files of drafts.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from utils.curation.drafts import Draft
from utils.curation.fit import Fit
from utils.files import read_jsonl, write_jsonl


def save_drafts(drafts: Sequence[Draft], fits: Sequence[Fit], path: str | os.PathLike[str]) -> Path:
    """Write drafts with their fits as JSON Lines; `load_drafts` gives both back.

    Raises:
        ValueError: not one fit for each draft.
    """
    return write_jsonl(path, [asdict(draft) | asdict(fit) for draft, fit in zip(drafts, fits, strict=True)])


def load_drafts(path: str | os.PathLike[str]) -> tuple[list[Draft], list[Fit]]:
    """Read what `save_drafts` wrote.

    Raises:
        DataError: the file cannot be read.
    """
    rows = read_jsonl(path)
    drafts = [Draft(row["text"], row["instruction"], tuple(row["samples"]), row["stopped"]) for row in rows]
    return drafts, [Fit(row["over_constant"], row["over_neighbour"]) for row in rows]
