"""The record of the whole loop: what came out, and the hashes of the code, data and settings that it came from."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from utils.curation.comparison import Forward, over_seeds
from utils.curation.loop import Settings
from utils.curation.loop_data import FILES
from utils.files import ROOT, digest, read_json, write_json

RECORD = ROOT / "notebooks" / "records" / "06_loop.json"
CODE = (  # what a number of the record depends on; a change elsewhere, as in a table, does not make it stale
    "utils/curation/comparison.py", "utils/curation/drafts.py", "utils/curation/filters.py", "utils/curation/fit.py",
    "utils/curation/loop.py", "utils/curation/loop_data.py", "utils/curation/names.py",
    "utils/curation/training_sets.py", "utils/prompts/templates.py", "utils/training/fine_tuning.py",
    "utils/training/row_losses.py", "utils/training/sft.py",
)  # fmt: skip


def dependencies(settings: Settings, *, root: Path = ROOT) -> dict[str, str]:
    """Hashes (SHA-256, 16 hex digits) of what a record depends on: `code`, `data`, `settings`."""
    text = json.dumps(asdict(settings), sort_keys=True).encode()
    return {
        "code": digest(root / path for path in CODE),
        "data": digest(root / "data" / name for name in FILES.values()),
        "settings": hashlib.sha256(text).hexdigest()[:16],
    }


def write_record(runs: Sequence[Mapping[str, Any]], settings: Settings, path: Path = RECORD) -> Path:
    """Write what `run_loop` gave for each seed, with what it depends on."""
    return write_json(path, {"depends_on": dependencies(settings), "settings": asdict(settings), "runs": list(runs)})


def read_record(path: Path = RECORD) -> dict[str, Any] | None:
    """The record, or None if nobody has made one."""
    return read_json(path) if path.is_file() else None


def stale_parts(record: Mapping[str, Any], *, root: Path = ROOT) -> list[str]:
    """Which of code, data and settings are no longer those that the record was made from; none if it is up to date."""
    given = dict(record["settings"])
    now = dependencies(Settings(**given | {"curve": tuple(given["curve"])}), root=root)
    return [part for part, digest in now.items() if record["depends_on"].get(part) != digest]


def recorded_arms(record: Mapping[str, Any]) -> dict[str, Forward]:
    """The forward models of a record by their training sets, each over all seeds."""
    return _over_runs([run["arms"] for run in record["runs"]])


def recorded_curve(record: Mapping[str, Any]) -> dict[int, Forward]:
    """The forward models by the number of bare texts, over all seeds; the whole of the texts is not among them."""
    return {int(size): one for size, one in _over_runs([run["curve"] for run in record["runs"]]).items()}


def _over_runs(runs: Sequence[Mapping[str, Any]]) -> dict[str, Forward]:
    return {name: over_seeds([Forward.from_dict(run[name]) for run in runs]) for name in runs[0]}
