"""Compose labelled reviews, documents and sentences from the phrase banks (training rows and pretraining text)."""

import random
import re
from functools import cache

from data.making.banks import document_bodies, fill, fill_frame, lines, sections

COMPLAINT, NON_COMPLAINT = "Complaint", "Non-Complaint"
INSTRUCTIONS = {  # the annotation guideline of documents.jsonl: one wording a kind, slots copied from the document
    "time_off": "Write an email to {person} asking for time off from {start} to {end}.",
    "invitation": "Write an email inviting {person} to {event} on {date}.",
    "thanks": "Write a note thanking {person} for {favour}.",
    "cancel": "Write a message telling {person} that I cannot come to {event} on {date}.",
    "shopping": "Write a shopping list for {event}.",
    "packing": "Write a packing list for a trip to {city}.",
    "closed": "Write an announcement that {place} will be closed on {date}.",
    "event": "Write an announcement for {event} at {place} on {date}.",
    "complaint": "Write an email to {org} complaining about the {object}.",
    "application": "Write an email applying for the job of {job} at {org}.",
    "booking": "Write an email to {hotel} booking a room from {start} to {end}.",
    "lost": "Write a notice about a lost {object} near {spot}.",
    "birthday": "Write a birthday message to {person}.",
    "introduction": "Write a message introducing {person}, our new {job}.",
}
FORM = {  # what sort of text each kind is
    "time_off": "email",
    "invitation": "email",
    "thanks": "note",
    "cancel": "message",
    "shopping": "list",
    "packing": "list",
    "closed": "announcement",
    "event": "announcement",
    "complaint": "email",
    "application": "email",
    "booking": "email",
    "lost": "notice",
    "birthday": "message",
    "introduction": "message",
}
BANK_OF = {COMPLAINT: "reviews_negative.txt", NON_COMPLAINT: "reviews_positive.txt"}
OTHER = {COMPLAINT: NON_COMPLAINT, NON_COMPLAINT: COMPLAINT}


@cache
def _topics(label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The clauses of a label by topic, the overall verdicts apart."""
    by_topic = sections(BANK_OF[label])
    return tuple(v for k, v in by_topic.items() if k != "overall verdict"), by_topic["overall verdict"]


def clauses(rng: random.Random, label: str, n: int, *, verdict: float = 0.35) -> list[str]:
    """`n` clauses on different topics; with probability `verdict` the last one judges the whole stay."""
    topics, verdicts = _topics(label)
    chosen = [rng.choice(topic) for topic in rng.sample(topics, min(n, len(topics)))]
    if rng.random() < verdict:
        chosen[-1] = rng.choice(verdicts)
    return chosen


def _lower_first(text: str) -> str:
    first = text.split(" ", 1)[0]
    return text if first in ("I", "I'm", "I'd", "I've") or first[1:2].isupper() else text[:1].lower() + text[1:]


def _misspell(text: str, rng: random.Random) -> str:
    """One slip of the fingers: two letters swapped, one lost, or one doubled."""
    places = [m.start() for m in re.finditer(r"(?<=[a-z])[a-z](?=[a-z])", text)]
    if not places:
        return text
    i = rng.choice(places)
    return rng.choice(
        [text[:i] + text[i + 1] + text[i] + text[i + 2 :], text[:i] + text[i + 1 :], text[:i] + text[i] + text[i:]]
    )


def join_clauses(parts: list[str], rng: random.Random) -> str:
    """Put clauses together the way guests do: tidy, breathless, or with no punctuation at all."""
    style = rng.choice(["tidy", "tidy", "tidy", "bare", "bare", "commas", "and", "dots", "lower"])
    if style == "bare":
        text = " ".join(parts)
    elif style == "commas":
        text = ", ".join([parts[0]] + [_lower_first(p) for p in parts[1:]])
    elif style == "and":
        text = ". ".join(
            f"{a} {rng.choice(['and', 'and', 'plus', 'also'])} {_lower_first(b)}" if b else a
            for a, b in zip(parts[::2], parts[1::2] + [""], strict=False)
        )
    elif style == "dots":
        text = rng.choice(["... ", " - ", "! ", "; "]).join(parts)
    else:
        text = ". ".join(parts)
    if style == "lower":
        text = text.lower()
    if style in ("tidy", "commas", "and") and rng.random() < 0.8 and text[-1] not in ".!?":
        text += rng.choice([".", ".", ".", "!"])
    if rng.random() < 0.15:
        text = _misspell(text, rng)
    if rng.random() < 0.04:
        words = text.split(" ")
        i = rng.randrange(len(words))
        text = " ".join(words[:i] + [words[i].upper()] + words[i + 1 :])
    return text


def review(rng: random.Random, label: str) -> str:
    """A hotel review whose sum is `label`; every third holds one clause of the other kind."""
    if rng.random() < 0.25:
        return rng.choice(lines(BANK_OF[label].replace(".txt", "_whole.txt")))
    n = rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 7])
    parts = clauses(rng, label, n)
    if n >= 2 and rng.random() < 0.35:
        fault = clauses(rng, OTHER[label], 1, verdict=0.0)[0]
        turn = rng.choice(["but", "but", "however", "only", "although", "on the other hand", "apart from that", ""])
        if rng.random() < 0.5:  # the exception first, the verdict after it
            parts = [fault, f"{turn.capitalize()} {_lower_first(parts[0])}".strip() if turn else parts[0], *parts[1:]]
        else:
            minor = (
                rng.choice(["the only thing:", "only downside was", "one small thing", "but", "my only niggle:"])
                if label == NON_COMPLAINT
                else rng.choice(["at least", "to be fair", "the one good thing:", "but"])
            )
            parts = [*parts, f"{minor.capitalize()} {_lower_first(fault)}"]
            if n < 4:  # close on the side that counts
                parts.append(clauses(rng, label, 1)[0])
    return join_clauses(parts, rng)


def document(rng: random.Random, kind: str, *, invented: float) -> tuple[str, str, dict[str, str]]:
    """A document of `kind`, the instruction that could have produced it, and the instruction's slot values."""
    text, values = fill(rng.choice(document_bodies()[kind]), rng, invented=invented)
    slots = {name: values[name] for name in re.findall(r"\{(\w+)\}", INSTRUCTIONS[kind])}
    return text, INSTRUCTIONS[kind].format(**slots), slots


def sentence(rng: random.Random, *, invented: float) -> tuple[str, list[str]]:
    """A sentence and the phrases to be found in it, in order."""
    return fill_frame(rng.choice(lines("sentence_frames.txt")), rng, invented=invented)
