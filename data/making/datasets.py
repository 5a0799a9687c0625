"""Compose the training files in `data/` from the phrase banks (`python -m data.making.datasets`). Test files are written by hand, not here."""

import csv
import json
import random
from operator import itemgetter
from pathlib import Path

from data.making.asking import about_a_text, without_input
from data.making.banks import lines
from data.making.compose import COMPLAINT, INSTRUCTIONS, NON_COMPLAINT, document, review, sentence

DATA = Path(__file__).resolve().parents[1]
SEED = 7
ROWS = {"hotel_reviews": 700, "entity_phrases": 700, "documents": 700, "instructions": 700}
INVENTED = 0.3  # share of made-up proper names


def distinct(make, n: int, *, key=json.dumps) -> list:
    """`n` results of `make()`, no two with the same `key(row)`."""
    found: dict[object, object] = {}
    while len(found) < n:
        row = make()
        found.setdefault(key(row), row)
    return list(found.values())


def hotel_reviews(rng: random.Random) -> list[tuple[str, str]]:
    """(label, text), half of each label."""
    turn = iter(range(10**9))

    def make() -> tuple[str, str]:
        label = (COMPLAINT, NON_COMPLAINT)[next(turn) % 2]
        return label, review(rng, label)

    return distinct(make, ROWS["hotel_reviews"])


def entity_phrases(rng: random.Random) -> list[dict]:
    def make() -> dict:
        text, phrases = sentence(rng, invented=INVENTED)
        return {"text": text, "phrases": list(dict.fromkeys(phrases))}

    return distinct(make, ROWS["entity_phrases"])


def documents(rng: random.Random) -> list[dict]:
    kinds = list(INSTRUCTIONS)
    turn = iter(range(10**9))

    def make() -> dict:
        kind = kinds[next(turn) % len(kinds)]
        text, instruction, slots = document(rng, kind, invented=INVENTED)
        return {"kind": kind, "document": text, "instruction": instruction, "slots": list(slots.values())}

    rows = distinct(make, ROWS["documents"])
    rng.shuffle(rows)
    return rows


def instructions(rng: random.Random) -> list[dict]:
    """Alpaca-shaped rows, a third without input; of both kinds half from the hand-written bank, the rest composed."""
    written = [json.loads(line) for line in lines("instruction_rows.jsonl")]
    lonely = ROWS["instructions"] // 3
    rows = half_composed(rng, lonely, [row for row in written if not row["input"]], lambda: without_input(rng))
    about_texts = [row for row in written if row["input"]]
    rows += half_composed(rng, ROWS["instructions"] - lonely, about_texts, lambda: about_a_text(rng, INVENTED))
    rng.shuffle(rows)
    return rows


def half_composed(rng: random.Random, n: int, written: list[dict], make) -> list[dict]:
    """`n` rows, half of them drawn from `written` if it has so many; one question, one answer."""
    drawn = rng.sample(written, min(len(written), n // 2))
    asked = {(row["instruction"], row["input"]) for row in drawn}
    composed = [row for row in distinct(make, n, key=itemgetter(0, 1)) if row[:2] not in asked]
    return drawn + [
        dict(zip(("instruction", "input", "output"), row, strict=True)) for row in composed[: n - len(drawn)]
    ]


def main(folder: Path = DATA) -> None:
    rng = random.Random(SEED)
    with (folder / "hotel_reviews.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("Label", "Text"), *hotel_reviews(rng)])
    for name, rows in (("entity_phrases", entity_phrases(rng)), ("documents", documents(rng))):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    text = json.dumps(instructions(rng), ensure_ascii=False, indent=1) + "\n"
    (folder / "instructions.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
