"""Count what `data/` holds: writes the tables of `data/README.md` and `data/checksums.txt`.

The one module here that opens the test files, and it only counts their rows: nothing that composes imports it.
Run it after any change of a dataset: `python -m data.making.cards`.
"""

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from statistics import median

from data.making.banks import BANKS, document_bodies, lines

DATA = Path(__file__).resolve().parents[1]
NAMES = {"hotel_reviews": "csv", "entity_phrases": "jsonl", "documents": "jsonl", "instructions": "json"}


def dataset_files(folder: Path = DATA) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".json", ".jsonl"))


def read(path: Path) -> list[dict]:
    """The rows of a dataset file, as dictionaries."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    text = path.read_text(encoding="utf-8")
    # A JSON string may hold characters that `splitlines` takes for an end of line.
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.split("\n") if line]


def load(name: str, *, test: bool = False, folder: Path = DATA) -> list[dict]:
    return read(folder / f"{name}{'_test' if test else ''}.{NAMES[name]}")


def balance(name: str, rows: list[dict]) -> str:
    """In one line, how the rows divide."""
    if name == "hotel_reviews":
        return ", ".join(f"{n} {label}" for label, n in sorted(Counter(row["Label"] for row in rows).items()))
    if name == "entity_phrases":
        return f"{sum(len(r['phrases']) for r in rows)} phrases, {sum(not r['phrases'] for r in rows)} rows with none"
    if name == "documents":
        kinds = Counter(row["kind"] for row in rows)
        low, high = min(kinds.values()), max(kinds.values())
        return f"{len(kinds)} kinds with {low if low == high else f'{low} to {high}'} rows each"
    bare = sum(not row["input"] for row in rows)
    return f"{bare} without input ({bare / len(rows):.0%})"


def median_words(rows: list[dict]) -> int:
    """How many words the row in the middle has, without its label or answer."""
    # The instruction of a document is its answer.
    texts = [
        row.get("Text") or row.get("text") or row.get("document") or f"{row['instruction']} {row['input']}"
        for row in rows
    ]
    return int(median(len(text.split()) for text in texts))


def dataset_table() -> str:
    table = [
        "| dataset | training rows | they divide into | test rows | they divide into | median length in words |",
        "|---|---:|---|---:|---|---|",
    ]
    for name in NAMES:
        train, test = load(name), load(name, test=True)
        words = f"{median_words(train)} in training, {median_words(test)} in test"
        cells = (f"`{name}`", len(train), balance(name, train), len(test), balance(name, test), words)
        table.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*table, "", f"`messy_reviews.csv` has {len(read(DATA / 'messy_reviews.csv'))} rows."])


def bank_table() -> str:
    entries = {path.name: len(lines(path.name)) for path in sorted(BANKS.iterdir())}
    entries["documents.txt"] = sum(map(len, document_bodies().values()))  # bodies of several lines, not lines
    rows = [f"| `{name}` | {n:,} |" for name, n in entries.items()]
    return "\n".join(["| bank | entries |", "|---|---:|", *rows, f"| all | {sum(entries.values()):,} |"])


def checksums(folder: Path = DATA) -> str:
    """One line a dataset file, as `sha256sum --check` reads it."""
    digests = [(hashlib.sha256(path.read_bytes()).hexdigest(), path.name) for path in dataset_files(folder)]
    return "".join(f"{digest}  {name}\n" for digest, name in digests)


def with_tables(text: str) -> str:
    """The README with its tables counted afresh.

    Raises:
        ValueError: a marker is missing.
    """
    for name, table in (("datasets", dataset_table()), ("banks", bank_table())):
        begin, end = f"<!-- {name}: counted by data/making/cards.py -->", f"<!-- {name}: end -->"
        text, found = re.subn(f"(?s){begin}.*?{end}", lambda _, b=begin, t=table, e=end: f"{b}\n{t}\n{e}", text)
        if found != 1:
            raise ValueError(f"data/README.md has the markers of the table {name!r} {found} times: write them once")
    return text


def main() -> None:
    card = DATA / "README.md"
    card.write_text(with_tables(card.read_text(encoding="utf-8")), encoding="utf-8")
    (DATA / "checksums.txt").write_text(checksums(), encoding="utf-8")


if __name__ == "__main__":
    main()
