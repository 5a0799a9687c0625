"""Count what `data/` holds: `python -m utils.series.data_cards`, after any change of a dataset.

It writes the tables of `data/README.md` and `data/checksums.txt`; no row is changed.
"""

import csv
import sys
from collections import Counter
from pathlib import Path
from statistics import median

from utils.files import ROOT, read_json, read_jsonl, sha256
from utils.series.pages import with_part

DATA = ROOT / "data"
TABLE = "<!-- datasets: counted by utils/series/data_cards.py -->", "<!-- datasets: end -->"
NAMES = {"hotel_reviews": "csv", "entity_phrases": "jsonl", "documents": "jsonl", "instructions": "json"}
SPLITS = {"training": "", "development": "_dev", "test": "_test"}  # and how the names of their files end
EXTRA = {  # what is measured or shown apart from the splits
    "hotel_reviews_terse_test.csv": "reviews in another manner, a second test set",
    "article_examples.jsonl": "lists of names and requests for time off, as in the article",
    "general_questions.jsonl": "questions that training must not make worse",
    "bare_texts.jsonl": "texts that notebook 06 writes instructions for, with hidden references",
    "forward_pairs_test.jsonl": "pairs that its forward models are measured on",
    "messy_reviews.csv": "the dirty file of notebook 01",
    "support_messages.jsonl": "the file that stands for the reader's own in notebook 07",
    "support_messages_test.jsonl": "what it is tested with",
}


def dataset_files(folder: Path = DATA) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".csv", ".json", ".jsonl"))


def read_rows(path: Path) -> list[dict]:
    """The rows of a dataset file, as dictionaries."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    return read_json(path) if path.suffix == ".json" else read_jsonl(path)


def load_rows(name: str, split: str = "training", *, folder: Path = DATA) -> list[dict]:
    """The rows of one of `NAMES` in one of `SPLITS`."""
    return read_rows(folder / f"{name}{SPLITS[split]}.{NAMES[name]}")


def division(rows: list[dict]) -> str:
    """In one line, how the rows divide: by label, phrases, kind or input, whichever they have."""
    if "Label" in rows[0]:
        return ", ".join(f"{n} {label}" for label, n in sorted(Counter(row["Label"] for row in rows).items()))
    if "phrases" in rows[0]:
        return f"{sum(len(r['phrases']) for r in rows)} phrases, {sum(not r['phrases'] for r in rows)} rows with none"
    if many := next((field for field in ("kind", "category") if field in rows[0]), None):
        kinds = Counter(row[many] for row in rows)
        low, high = min(kinds.values()), max(kinds.values())
        noun = "kinds" if many == "kind" else "categories"
        return f"{len(kinds)} {noun} with {low if low == high else f'{low} to {high}'} rows each"
    return f"{sum(not row['input'] for row in rows)} without input" if "input" in rows[0] else ""


def median_words(rows: list[dict]) -> int:
    """How many words the row in the middle has, without its label or answer (a document's answer: its instruction)."""
    fields = ("Text", "text", "document", "question")
    texts = (next((r[f] for f in fields if f in r), f"{r.get('instruction')} {r.get('input')}") for r in rows)
    return int(median(len(text.split()) for text in texts))


def dataset_table(folder: Path = DATA) -> str:
    """Two Markdown tables: the datasets by split, and the other files."""
    lines = ["| dataset | split | rows | they divide into | median length in words |", "|---|---|---:|---|---:|"]
    for name in NAMES:
        for split in SPLITS:
            rows = load_rows(name, split, folder=folder)
            lines.append(f"| `{name}` | {split} | {len(rows)} | {division(rows)} | {median_words(rows)} |")
    lines += ["", "| other file | what for | rows | they divide into |", "|---|---|---:|---|"]
    for name, purpose in EXTRA.items():
        rows = read_rows(folder / name)
        divided = "" if name == "messy_reviews.csv" else division(rows)  # its labels are part of the dirt
        lines.append(f"| `{name}` | {purpose} | {len(rows)} | {divided} |")
    return "\n".join(lines)


def checksums(folder: Path = DATA) -> str:
    """One line a dataset file, as `sha256sum --check` reads it."""
    digests = [(sha256(path), path.name) for path in dataset_files(folder)]
    return "".join(f"{digest}  {name}\n" for digest, name in digests)


def main() -> int:
    """The command; returns its exit status."""
    card = DATA / "README.md"
    card.write_text(with_part(card.read_text(encoding="utf-8"), TABLE, dataset_table()), encoding="utf-8")
    (DATA / "checksums.txt").write_text(checksums(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
