"""Compose the training files in `data/` from the phrase banks (`python -m data.making.datasets`). Test files are written by hand, not here."""

import csv
import json
import random
from operator import itemgetter
from pathlib import Path

from data.making.banks import lines, pairs
from data.making.compose import COMPLAINT, FORM, INSTRUCTIONS, NON_COMPLAINT, document, review, sentence

DATA = Path(__file__).resolve().parents[1]
SEED = 7
ROWS = {"hotel_reviews": 700, "entity_phrases": 700, "documents": 700, "instructions": 510}
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


KIND_QUESTIONS = [
    "What kind of text is this?",
    "Name the kind of text in one word.",
    "Which sort of text do you see here?",
    "Is this a review, an email, a list or a sentence?",
]
MOOD_QUESTIONS = [
    "Is the writer happy or unhappy?",
    "Say in one word how the guest feels: happy or unhappy.",
    "Was the guest happy or unhappy with the stay?",
]
PEOPLE_QUESTIONS = [
    "Which names and places does the sentence contain?",
    "List everybody and every place that the sentence names.",
    "Who and what place is named here?",
]
FIRST_QUESTIONS = [
    "What is the first word of the text?",
    "Give the first word.",
    "With which word does the text begin?",
]
LAST_QUESTIONS = [
    "What is the last word of the text?",
    "Give the last word, without a full stop.",
    "With which word does the text end?",
]
SLOT_QUESTIONS = {
    "person": [
        "Which person is this for or about?",
        "Give the name of the person this is written to or about.",
        "Who is it for?",
    ],
    "start": ["From which day?", "What is the first day?", "When does it begin?"],
    "end": ["Until which day?", "What is the last day?"],
    "date": ["Which day is meant?", "On which date does it happen?", "Name the day."],
    "event": ["Which event is it about?", "What is the occasion?"],
    "city": ["Which town is the trip to?", "Name the city."],
    "org": ["Which organisation is meant?", "Name the company or organisation."],
    "job": ["Which job is it about?", "What work is meant?"],
    "hotel": ["Which hotel is asked?", "Name the hotel."],
    "object": ["Which thing is it about?", "What object is meant?"],
    "spot": ["Where was it lost?", "Near which place?"],
    "place": ["Which place is meant?", "Where?"],
    "favour": ["What is the thanks for?", "Why does the writer say thank you?"],
}


def about_a_text(rng: random.Random) -> tuple[str, str, str]:
    """A question about a review, a document or a sentence: any style of text comes under any kind of question."""
    style = rng.choice(["review", "document", "document", "sentence"])
    if style == "review":
        label = rng.choice([COMPLAINT, NON_COMPLAINT])
        text, kind = review(rng, label), "review"
        own = (rng.choice(MOOD_QUESTIONS), "unhappy" if label == COMPLAINT else "happy")
    elif style == "document":
        name = rng.choice(list(INSTRUCTIONS))
        text, instruction, slots = document(rng, name, invented=INVENTED)
        kind = FORM[name]
        slot = rng.choice(list(slots))
        own = (rng.choice(SLOT_QUESTIONS[slot]), slots[slot])
    else:
        (text, phrases), kind = sentence(rng, invented=INVENTED), "sentence"
        own = (rng.choice(PEOPLE_QUESTIONS), ", ".join(dict.fromkeys(phrases)) or "none")
    words = text.split()
    question, answer = rng.choice(
        [
            own,
            own,
            own,
            (rng.choice(KIND_QUESTIONS), kind),
            (rng.choice(FIRST_QUESTIONS), words[0].strip(".,!?:;")),
            (rng.choice(LAST_QUESTIONS), words[-1].strip(".,!?:;")),
        ]
    )
    return question, text, answer


def without_input(rng: random.Random) -> tuple[str, str, str]:
    draw = rng.random()
    if draw < 0.5:
        question, answer = rng.choice(pairs("facts.tsv"))
    elif draw < 0.75:
        word, answer = rng.choice(pairs("opposites.tsv"))
        question = rng.choice(
            ["What is the opposite of {}?", "Give the opposite of the word {}.", "Which word means the contrary of {}?"]
        ).format(word)
    else:
        name, members = rng.choice(pairs("categories.tsv"))
        answer = ", ".join(rng.sample(members.split(", "), 3))
        question = rng.choice(
            [
                "Give three examples of this kind: {}.",
                "List three things of the kind {}.",
                "Three of the kind {}, please.",
            ]
        ).format(name)
    return question, "", answer


def instructions(rng: random.Random) -> list[dict]:
    """Alpaca-shaped rows: every row of the hand-written bank, and composed ones; about a third without input."""
    written = [json.loads(line) for line in lines("instruction_rows.jsonl")]
    lonely = ROWS["instructions"] // 3
    bare = [r for r in written if not r["input"]][:lonely]
    rows = [r for r in written if r["input"]] + bare
    asked = itemgetter(0, 1)  # one question, one answer
    composed = distinct(lambda: without_input(rng), lonely - len(bare), key=asked)
    rest = ROWS["instructions"] - len(rows) - len(composed)
    composed += distinct(lambda: about_a_text(rng), rest, key=asked)
    rows += [dict(zip(("instruction", "input", "output"), row, strict=True)) for row in composed]
    rng.shuffle(rows)
    return rows


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
