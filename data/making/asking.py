"""Ask about a composed text, or about the world: (question, text, answer), for training rows and pretraining text."""

import random

from data.making.banks import pairs
from data.making.compose import COMPLAINT, FORM, INSTRUCTIONS, NON_COMPLAINT, document, review, sentence

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


def about_a_text(rng: random.Random, invented: float) -> tuple[str, str, str]:
    """A question about a review, a document or a sentence: any style of text comes under any kind of question."""
    style = rng.choice(["review", "document", "document", "sentence"])
    if style == "review":
        label = rng.choice([COMPLAINT, NON_COMPLAINT])
        text, kind = review(rng, label), "review"
        own = (rng.choice(MOOD_QUESTIONS), "unhappy" if label == COMPLAINT else "happy")
    elif style == "document":
        name = rng.choice(list(INSTRUCTIONS))
        text, instruction, slots = document(rng, name, invented=invented)
        kind = FORM[name]
        slot = rng.choice(list(slots))
        own = (rng.choice(SLOT_QUESTIONS[slot]), slots[slot])
    else:
        (text, phrases), kind = sentence(rng, invented=invented), "sentence"
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
    """A question about the world, an empty text and the answer."""
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
