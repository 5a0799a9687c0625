"""Curated pairs as files: every export form, the scores of all texts, and the rejected ones with their reasons."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from utils.curation.bare_texts import BareTexts
from utils.curation.filters import Judged
from utils.errors import DataError
from utils.files import shown, write_json, write_jsonl
from utils.prompts import ALPACA
from utils.records import (
    save_records,
    to_alpaca,
    to_messages,
    to_prompt_completion,
    to_sharegpt,
    to_text,
    to_watsonx,
)


def new_folder(path: str | os.PathLike[str]) -> Path:
    """A folder for the results, made if need be.

    Raises:
        DataError: there is something in it already: nothing of somebody else's is overwritten.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{shown(folder)} exists and is not an empty folder", "name a new one for the results")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_pairs(judged: Sequence[Judged], given: BareTexts, folder: Path) -> dict[str, int]:
    """Write the pairs that were kept in every export form, with `scores.jsonl` and `rejected.jsonl` beside them.

    Args:
        judged: of `given.texts`, in their order.

    Returns:
        Rows of each file, by its name.
    """
    pairs = [one.draft.pair for one in judged if one.kept]
    forms = {
        "messages.jsonl": to_messages(pairs),
        "sharegpt.jsonl": to_sharegpt(pairs),
        "prompt_completion.jsonl": to_prompt_completion(pairs, ALPACA),
        "text.jsonl": to_text(pairs, ALPACA),
        "watsonx.jsonl": to_watsonx(pairs, ALPACA),
        "scores.jsonl": list(_scores(judged, given.names)),
        "rejected.jsonl": list(_rejected(judged, given)),
    }
    write_json(folder / "alpaca.json", to_alpaca(pairs))
    save_records(pairs, folder / "records.jsonl")
    for name, rows in forms.items():
        write_jsonl(folder / name, rows)
    return {"alpaca.json": len(pairs), "records.jsonl": len(pairs)} | {name: len(rows) for name, rows in forms.items()}


def _scores(judged: Sequence[Judged], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for one, name in zip(judged, names, strict=True):
        yield {
            "text": name,
            "instruction": one.draft.instruction,
            "kept": one.kept,
            "over_constant": round(one.fit.over_constant, 4),
            "over_neighbour": round(one.fit.over_neighbour, 4),
            "agreement": round(one.draft.agreement, 4),
            "samples": list(one.draft.samples),
        }


def _rejected(judged: Sequence[Judged], given: BareTexts) -> Iterator[dict[str, Any]]:
    for note in given.notes:
        yield {"text": note.row, "stage": note.stage, "reasons": [note.reason], "excerpt": note.excerpt}
    for one, name in zip(judged, given.names, strict=True):
        if not one.kept:
            reasons = [f"{which}: {why}" for which, why in one.reasons.items()]
            yield {"text": name, "stage": "curated", "reasons": reasons, "instruction": one.draft.instruction}
