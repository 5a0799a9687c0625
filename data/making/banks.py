"""Read the hand-written phrase banks in `data/phrase_banks/` and fill their slots.

Everything that the project composes (training rows and pretraining text) comes from these files.
Test rows do not: they were written one by one, and nothing that composes opens them.
"""

import random
import re
from functools import cache
from pathlib import Path

BANKS = Path(__file__).resolve().parents[1] / "phrase_banks"
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
SLOT = re.compile(r"\{(\w+)\}")


@cache
def lines(name: str) -> tuple[str, ...]:
    """The entries of a bank, without blank lines and section heads (`# topic`), in file order."""
    text = (BANKS / name).read_text(encoding="utf-8")
    return tuple(dict.fromkeys(s.strip() for s in text.split("\n") if s.strip() and not s.startswith("# ")))


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """The entries of a bank by section head."""
    found: dict[str, list[str]] = {}
    for line in (BANKS / name).read_text(encoding="utf-8").split("\n"):
        if line.startswith("# "):
            topic = found.setdefault(line[2:].strip(), [])
        elif line.strip():
            topic.append(line.strip())
    return {topic: tuple(dict.fromkeys(entries)) for topic, entries in found.items()}


@cache
def pairs(name: str) -> tuple[tuple[str, str], ...]:
    """The entries of a two-column bank (`.tsv`)."""
    return tuple(tuple(s.strip() for s in line.split("\t", 1)) for line in lines(name) if "\t" in line)


@cache
def document_bodies() -> dict[str, tuple[str, ...]]:
    """Document bodies with slots, by kind (see the head of `documents.txt`)."""
    found: dict[str, list[str]] = {}
    for block in (BANKS / "documents.txt").read_text(encoding="utf-8").split("===="):
        head, _, body = block.strip().partition("\n")
        if head.startswith("kind: "):
            found.setdefault(head.removeprefix("kind: ").strip(), []).append(body.strip())
    return {kind: tuple(dict.fromkeys(bodies)) for kind, bodies in found.items()}


def invented_name(rng: random.Random) -> str:
    """A name of two or three syllables that no list holds, so that copying can't be done from memory."""
    onset = "b br ch d dr f g gr h j k kh kl l m n ng p pr r s sh sl st t tr v w y z".split()
    vowel = "a a a e e i i o o u ai au ei ia oo".split()
    coda = ["", "", "", "", "n", "r", "l", "s", "m", "k", "sh", "nd", "rt"]
    n = rng.choice([1, 2, 2, 2, 3])
    return "".join(rng.choice(onset) + rng.choice(vowel) + rng.choice(coda) for _ in range(n)).capitalize()


def given_name(rng: random.Random, invented: float) -> str:
    return invented_name(rng) if rng.random() < invented else rng.choice(lines("given_names.txt"))


def surname(rng: random.Random, invented: float) -> str:
    return invented_name(rng) if rng.random() < invented else rng.choice(lines("surnames.txt"))


def person(rng: random.Random, invented: float) -> str:
    """`Amara`, `Lena Novak` or `Mr Okafor`."""
    draw = rng.random()
    if draw < 0.5:
        return given_name(rng, invented)
    if draw < 0.8:
        return f"{given_name(rng, invented)} {surname(rng, invented)}"
    return f"{rng.choice(['Mr', 'Ms', 'Mrs', 'Dr', 'Professor'])} {surname(rng, invented)}"


def _day_forms(day: int, month: str, week: str) -> list[str]:
    end = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    number = MONTHS.index(month) + 1
    return [
        f"{day} {month}",
        f"{day} {month}",
        f"{month} {day}",
        f"{month} {day}{end}",
        f"{day}{end} {month}",
        f"the {day}{end} of {month}",
        f"{day:02}/{number:02}",
        f"{number}/{day}",
        f"{day}.{number}",
        week,
        week,
        f"{week} {day} {month}",
        f"{week}, {day} {month}",
        f"{week}, {month} {day}",
        f"next {week}",
        f"{week} the {day}{end}",
        f"{day} {month} {2019 + day % 9}",
        f"{month[:3]} {day}",
        f"{day} {month[:3]}",
    ]


def date(rng: random.Random) -> str:
    """A day as people write it: `3 May`, `August 1st`, `Monday`, `12/04`, `Friday 9 June` ..."""
    return rng.choice(_day_forms(rng.randint(1, 28), rng.choice(MONTHS), rng.choice(WEEKDAYS)))


def date_range(rng: random.Random) -> tuple[str, str]:
    """A first and a last day, most often written alike, as people do."""
    if rng.random() < 0.15:
        return date(rng), date(rng)
    day, month, week = rng.randint(1, 20), rng.randrange(12), rng.randrange(7)
    later = rng.randint(1, 6)
    first = _day_forms(day, MONTHS[month], WEEKDAYS[week])
    last = _day_forms(day + later, MONTHS[month], WEEKDAYS[(week + later) % 7])
    form = rng.randrange(len(first))
    return first[form], last[form]


def slot_value(slot: str, rng: random.Random, invented: float) -> str:
    """A value for one slot of a frame or document. `invented` is the share of made-up proper names."""
    made_up = rng.random() < invented
    if slot in ("person", "otherperson"):
        return person(rng, invented)
    if slot == "sender":
        return given_name(rng, invented) + rng.choice(["", "", f" {surname(rng, invented)}"])
    if slot in ("date", "otherdate"):
        return date(rng)
    if slot == "time":
        return rng.choice(
            [
                f"{rng.randint(6, 22)}:{rng.choice('012345')}0",
                f"{rng.randint(1, 12)} {rng.choice(['am', 'pm'])}",
                f"{rng.randint(1, 12)} o'clock",
                "noon",
                f"half past {rng.choice(['six', 'eight', 'nine', 'two'])}",
            ]
        )
    if slot == "number":
        return str(rng.choice([rng.randint(2, 12), rng.randint(13, 999)]))
    if slot == "city":
        return invented_name(rng) if made_up else rng.choice(lines("cities.txt"))
    if slot == "country":
        return rng.choice(lines("countries.txt"))
    if slot == "org":
        return invented_organisation(rng, invented) if made_up else rng.choice(lines("organisations.txt"))
    if slot == "hotel":
        if made_up:
            return rng.choice(
                ["Hotel {}", "The {} Inn", "{} Lodge", "Grand {} Hotel", "Pension {}", "{} Guest House", "Villa {}"]
            ).format(invented_name(rng))
        return rng.choice(lines("hotels.txt"))
    if slot in ("place", "otherplace"):
        return rng.choice(
            [
                "the " + rng.choice(lines("place_nouns.txt")),
                "the " + rng.choice(lines("place_nouns.txt")),
                rng.choice(lines("streets_and_spots.txt")),
                f"Room {rng.randint(1, 450)}",
                f"{slot_value('city', rng, invented)} {rng.choice(['Library', 'Town Hall', 'Museum', 'Community Centre', 'Park', 'Theatre', 'School'])}",
            ]
        )
    if slot == "spot" and made_up:
        return f"{invented_name(rng)} {rng.choice(['Street', 'Road', 'Square', 'Park', 'Bridge', 'Station', 'Lane'])}"
    bank = {
        "thing": "place_nouns.txt",
        "event": "events.txt",
        "job": "jobs.txt",
        "object": "objects.txt",
        "item": "objects.txt",
        "favour": "gifts_and_favours.txt",
        "spot": "streets_and_spots.txt",
    }[slot]
    return rng.choice(lines(bank))


def invented_organisation(rng: random.Random, invented: float) -> str:
    a = invented_name(rng)
    return rng.choice(
        [
            f"{a} {rng.choice(['Bank', 'Airlines', 'Foods', 'Logistics', 'Media', 'Textiles', 'Energy', 'Motors', 'Group', 'Labs', 'Software'])}",
            f"University of {a}",
            f"{a} University",
            f"{a} {rng.choice(['FC', 'United', 'Rovers'])}",
            f"{a} General Hospital",
            f"{a} & {surname(rng, invented)}",
            f"{a} Institute of Technology",
            f"{a} Primary School",
            f"Museum of {a}",
            f"The {a} Times",
            a,
        ]
    )


def fill(body: str, rng: random.Random, *, invented: float) -> tuple[str, dict[str, str]]:
    """Fill every slot of `body`; returns the text and the values.

    A slot that recurs gets the same value each time, except `{item}`, and in a frame `{person}`, `{thing}` and so on
    may be written several times for several values: see `fill_frame`.
    """
    values: dict[str, str] = dict(zip(("start", "end"), date_range(rng), strict=True))

    def put(match: re.Match) -> str:
        slot = match.group(1)
        if slot == "item":
            return slot_value(slot, rng, invented)
        if slot not in values:
            values[slot] = slot_value(slot, rng, invented)
            while (
                slot != "number" and list(values.values()).count(values[slot]) > 1
            ):  # two days, two people: two values
                values[slot] = slot_value(slot, rng, invented)
        before = body[: match.start()].rstrip(" ")
        starts = not before or before[-1] in ".!?\n"
        return values[slot][0].upper() + values[slot][1:] if starts else values[slot]

    return SLOT.sub(put, body), values


def fill_frame(frame: str, rng: random.Random, *, invented: float) -> tuple[str, list[str]]:
    """Fill a sentence frame, each slot with a value of its own; returns the sentence and its phrases in order."""
    phrases: list[str] = []

    def put(match: re.Match) -> str:
        value = slot_value(match.group(1), rng, invented)
        while any(value in old or old in value for old in phrases):
            value = slot_value(match.group(1), rng, invented)
        if match.group(1) == "person" and (title := re.match(r"(Mr|Ms|Mrs|Dr|Professor) ", value)):
            phrases.append(value[title.end() :])  # the guideline: a title is not part of the name
        elif value.startswith(("The ", "the ")):
            phrases.append(value[4:])  # nor is an article
        else:
            phrases.append(value)
        return value

    text = SLOT.sub(put, frame)
    if text[:1].islower() and not frame[:1].islower():
        text = text[0].upper() + text[1:]
        phrases = [p if p in text else p[0].upper() + p[1:] for p in phrases]
    return text, phrases
