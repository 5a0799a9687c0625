"""The text that the base model reads in pretraining: small worlds of reviews, mail, people and facts.

Every text here is plain prose, a form, a list, a record or a question with its answer. None holds a prompt
template, a section marker or a test row (`tests/test_data.py` proves it). Many texts say the same values twice in
another form or order: that is what makes a small model learn to copy.
"""

import random
from collections.abc import Callable, Iterator

from data.making.banks import given_name, invented_name, lines, pairs, person, slot_value
from data.making.compose import COMPLAINT, FORM, INSTRUCTIONS, NON_COMPLAINT, OTHER, clauses, document, review, sentence

INVENTED = 0.45  # share of made-up names: what no list holds has to be copied, it can't be remembered
UNHAPPY = {
    True: [
        "The guest is not happy",
        "This guest complains",
        "an unhappy guest",
        "a complaint",
        "negative",
        "bad",
        "not satisfied",
        "would not come back",
        "disappointed",
        "a bad review",
        "thumbs down",
        "The writer is unhappy",
    ],
    False: [
        "The guest is happy",
        "This guest has no complaint",
        "a happy guest",
        "praise",
        "positive",
        "good",
        "satisfied",
        "would come back",
        "delighted",
        "a good review",
        "thumbs up",
        "The writer is happy",
    ],
}


def reviews(rng: random.Random) -> str:
    """Reviews bare, with a rating before or after, with a verdict after, and pairs for and against."""
    label = rng.choice([COMPLAINT, NON_COMPLAINT])
    bad = label == COMPLAINT
    text = review(rng, label)
    stars = rng.randint(1, 4) if bad else rng.randint(7, 10)
    verdict = rng.choice(UNHAPPY[bad])
    if rng.random() < 0.12:
        other = review(rng, OTHER[label])
        heads = rng.choice([("Liked", "Disliked"), ("Good", "Bad"), ("Pros", "Cons"), ("Positive", "Negative")])
        both = [f"{heads[bad]}: {text}", f"{heads[not bad]}: {other}"]
        return "\n".join(both if rng.random() < 0.5 else both[::-1])
    return rng.choice(
        [
            lambda: text,
            lambda: f"{text}\nRating: {stars}/10",
            lambda: f"Rating: {stars} out of 10\nReview: {text}",
            lambda: f"Type: {'complaint' if bad else 'praise'}\nReview: {text}",
            lambda: f"{text}\nVerdict: {verdict}",
            lambda: f"Review: {text}\n{verdict}",
            lambda: (
                f"{slot_value('hotel', rng, INVENTED)}, {slot_value('city', rng, INVENTED)}\n{text}\nStay again? {'No' if bad else 'Yes'}"
            ),
            lambda: (
                f"{given_name(rng, INVENTED)} wrote: {text}\nIs {rng.choice(['she', 'he', 'the guest'])} happy? {'No' if bad else 'Yes'}."
            ),
            lambda: f"Guest: {text}\nKind of feedback: {'complaint' if bad else 'no complaint, praise'}",
            lambda: f"{text}\nIs this a complaint? {'Yes' if bad else 'No'}.",
        ]
    )()


def verdicts(rng: random.Random) -> str:
    """Several reviews, each followed by its verdict in the same words."""
    marks = rng.choice(
        [
            ("Complaint? yes", "Complaint? no"),
            ("Verdict: unhappy", "Verdict: happy"),
            ("-> negative", "-> positive"),
            ("Stay again? No", "Stay again? Yes"),
            ("Feedback: complaint", "Feedback: praise"),
            ("The guest complains.", "The guest is content."),
            ("bad", "good"),
        ]
    )
    labels = rng.choices([COMPLAINT, NON_COMPLAINT], k=rng.randint(2, 4))
    head = rng.choice(["", "", "Review: ", "Guest: "])
    return "\n\n".join(f"{head}{review(rng, label)}\n{marks[label == NON_COMPLAINT]}" for label in labels)


def sentiments(rng: random.Random) -> str:
    """Single clauses and words, sorted into praise and blame."""
    if rng.random() < 0.4:
        words = rng.sample(pairs("good_bad_words.tsv"), rng.randint(3, 9))
        if rng.random() < 0.5:
            kind = words[0][1]
            return f"{kind.capitalize()} words: " + ", ".join(w for w, k in words if k == kind)
        return "\n".join(f"{w}: {k}" for w, k in words)
    rows = [
        (label, clauses(rng, label, 1)[0]) for label in rng.choices([COMPLAINT, NON_COMPLAINT], k=rng.randint(3, 7))
    ]
    style = rng.choice(["{1}: {0}", "{0}: {1}", "{1} ({0})", "{1} - {0}", "{1}? {0}."])
    marks = rng.choice(
        [("bad", "good"), ("negative", "positive"), ("complaint", "praise"), ("unhappy", "happy"), ("minus", "plus")]
    )
    return "\n".join(style.format(marks[label == NON_COMPLAINT], text) for label, text in rows)


ABOUT = {  # what each kind of document says, told by somebody else; several wordings a kind
    "time_off": [
        "{person} is asked for time off from {start} to {end}.",
        "Leave from {start} to {end}; {person} has to agree.",
        "The writer wants to be away between {start} and {end} and asks {person}.",
    ],
    "invitation": [
        "{person} is invited to {event} on {date}.",
        "On {date} there is {event}, and {person} should come.",
        "An invitation for {person}: {event}, {date}.",
    ],
    "thanks": [
        "{person} is thanked for {favour}.",
        "The writer is grateful to {person} for {favour}.",
        "Thanks to {person} for {favour}.",
    ],
    "cancel": [
        "{person} learns that the writer cannot come to {event} on {date}.",
        "No time for {event} on {date}; {person} is told so.",
        "The writer will miss {event} on {date} and lets {person} know.",
    ],
    "shopping": ["Things to buy for {event}.", "A list of what is needed for {event}.", "Shopping for {event}."],
    "packing": [
        "Things to take on a trip to {city}.",
        "What to pack for {city}.",
        "A list of luggage for the journey to {city}.",
    ],
    "closed": [
        "On {date} {place} will be closed.",
        "Nobody can get into {place} on {date}.",
        "Closed on {date}: {place}.",
    ],
    "event": [
        "On {date} there is {event} at {place}.",
        "Everybody may come to {event} at {place} on {date}.",
        "{date}, {place}: {event}.",
    ],
    "complaint": [
        "{org} hears a complaint about the {object}.",
        "The {object} from {org} was not right.",
        "A customer of {org} is cross about the {object}.",
    ],
    "application": [
        "The writer would like to work for {org} as {job}.",
        "An application to {org} for the job of {job}.",
        "{org} is looking for a {job}, and the writer applies.",
    ],
    "booking": [
        "A room at {hotel} from {start} to {end}.",
        "The writer wants to stay at {hotel} from {start} until {end}.",
        "{hotel} is asked for a room between {start} and {end}.",
    ],
    "lost": [
        "A {object} was lost near {spot}.",
        "Somebody is looking for a {object}, lost near {spot}.",
        "Lost near {spot}: a {object}.",
    ],
    "birthday": ["{person} has a birthday.", "Happy birthday wishes for {person}.", "{person} is one year older."],
    "introduction": [
        "{person} is our new {job}.",
        "There is a new {job}: {person}.",
        "Everybody meets {person}, who starts as {job}.",
    ],
}
FIELD = {
    "person": "Person",
    "start": "From",
    "end": "Until",
    "event": "Event",
    "date": "Date",
    "favour": "Thanks for",
    "city": "Town",
    "place": "Place",
    "org": "Organisation",
    "object": "Object",
    "job": "Job",
    "hotel": "Hotel",
    "spot": "Spot",
}


def documents(rng: random.Random) -> str:
    """Mail, notes and lists; alone, or with what they say retold before or after."""
    kind = rng.choice(list(ABOUT))
    text, instruction, slots = document(rng, kind, invented=INVENTED)
    about = fill_with(rng.choice(ABOUT[kind]), slots)
    task = instruction[0].lower() + instruction[1:-1]
    fields = [f"{FIELD[k]}: {v}" for k, v in slots.items()]
    rng.shuffle(fields)
    form = rng.choice(
        [
            f"Kind: {FORM[kind]}",
            f"This is {'an' if FORM[kind][0] in 'ea' else 'a'} {FORM[kind]}.",
            f"What is it? {FORM[kind].capitalize()}.",
        ]
    )
    return rng.choice(
        [
            lambda: text,
            lambda: f"{text}\n\n{about}",
            lambda: f"{text}\n\nIn short: {about}",
            lambda: f"{about}\n\n{text}",
            lambda: f"{text}\n\n" + "\n".join(fields),
            lambda: f"{text}\n\n" + "\n".join(fields),
            lambda: "\n".join(fields) + f"\n\n{text}",
            lambda: f"{text}\n\n{form}\n" + "\n".join(fields),
            lambda: f"To do: {task}.\n\n{text}",
            lambda: f"{text}\n\nDone today: {task}.",
            lambda: f"{text}\n\nMy task was to {task}.",
            lambda: f"{text}\n\n{form}",
        ]
    )()


def fill_with(frame: str, values: dict[str, str]) -> str:
    text = frame.format(**values)
    return text[0].upper() + text[1:]


LISTED = [
    ("Names and places: ", ", "),
    ("Mentioned: ", "; "),
    ("Who and where: ", "; "),
    ("Keywords: ", ", "),
    ("Phrases: ", "; "),
    ("Found: ", " / "),
    ("Found here:\n", "\n"),
    ("In this sentence:\n- ", "\n- "),
    ("", "; "),
    ("", "\n"),
    ("", "; "),
]


def sentences(rng: random.Random) -> str:
    """Sentences about people, organisations and places, alone or with the list of what they name."""
    parts = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        text, phrases = sentence(rng, invented=INVENTED)
        head, comma = rng.choice(LISTED)
        parts.append(
            text
            if rng.random() < 0.25
            else f"{text}\n{head}{comma.join(phrases) if phrases else rng.choice(['none', 'nothing', 'nobody'])}"
        )
    return "\n\n".join(parts)


def records(rng: random.Random) -> str:
    """A few people with their values, then the same values asked for or told in another order."""
    people = []
    for _ in range(rng.randint(1, 3)):
        people.append(
            {
                "name": person(rng, INVENTED),
                "town": slot_value("city", rng, INVENTED),
                "work": slot_value("job", rng, INVENTED),
                "day": slot_value("date", rng, INVENTED),
                "at": slot_value("org", rng, INVENTED),
                "thing": slot_value("object", rng, INVENTED),
            }
        )
    keys = rng.sample(list(people[0]), rng.randint(2, 4))
    keys = keys if "name" in keys else ["name", *keys]
    comma = rng.choice([" | ", "; ", ", ", "\n"])
    first = ("\n\n" if comma == "\n" else "\n").join(
        comma.join(f"{k.capitalize()}: {p[k]}" for k in keys) for p in people
    )
    told = {
        "town": "{name} lives in {town}.",
        "work": "{name} works as {work}.",
        "day": "{name} comes on {day}.",
        "at": "{name} is with {at}.",
        "thing": "{name} has lost a {thing}.",
    }
    asked = {
        "town": "Where does {name} live? {town}.",
        "work": "What does {name} do? {work}.",
        "day": "When does {name} come? {day}.",
        "at": "Where is {name} employed? {at}.",
        "thing": "What has {name} lost? {thing}.",
    }
    rng.shuffle(people)
    chosen = rng.choice([told, asked])
    second = "\n".join(chosen[k].format(**p) for p in people for k in rng.sample(keys, len(keys)) if k != "name")
    return f"{first}\n\n{second}" if rng.random() < 0.6 else f"{second}\n\n{first}"


def repeats(rng: random.Random) -> str:
    """A list, then the same list again: as it was, turned round, shuffled, or with one thing missing."""

    def one(bank: str) -> str:
        return slot_value(bank, rng, INVENTED)

    kind = rng.choice(["person", "person", "city", "org", "thing", "object", "date", "event", "invented"])
    items = list(
        dict.fromkeys(invented_name(rng) if kind == "invented" else one(kind) for _ in range(rng.randint(2, 7)))
    )
    comma = rng.choice([", ", "; ", "\n", " - "])
    again = rng.choice(
        ["The same", "Backwards", "Mixed", "Without the first", "Without the last", "The first", "The last"]
    )
    other = {
        "The same": items,
        "Backwards": items[::-1],
        "Mixed": rng.sample(items, len(items)),
        "Without the first": items[1:],
        "Without the last": items[:-1],
        "The first": items[:1],
        "The last": items[-1:],
    }[again]
    return f"{comma.join(items)}\n{again}: {comma.join(other)}"


def prose(rng: random.Random) -> str:
    """A paragraph of everyday sentences, sometimes with a question about its wording."""
    chosen = rng.sample(lines("prose.txt"), rng.randint(1, 6))
    text = " ".join(chosen)
    words = chosen[0].rstrip(".!?").split()
    return rng.choice(
        [
            lambda: text,
            lambda: text,
            lambda: text,
            lambda: f"{text}\nThe last sentence again: {chosen[-1]}",
            lambda: f"{chosen[0]}\nThe first word: {words[0]}",
            lambda: f"{chosen[0]}\nThe last word: {words[-1]}",
            lambda: f"{chosen[0]}\nOnce more: {chosen[0]}",
        ]
    )()


def knowledge(rng: random.Random) -> str:
    """Questions with answers, opposites, members of categories, polite wordings."""
    rows = []
    for _ in range(rng.randint(2, 7)):
        kind = rng.choice(["fact", "fact", "opposite", "category", "category", "polite"])
        if kind == "fact":
            q, a = rng.choice(pairs("facts.tsv"))
            rows.append(f"{q} {a}" if rng.random() < 0.7 else f"{q}\n{a}")
        elif kind == "opposite":
            a, b = rng.choice(pairs("opposites.tsv"))
            a, b = (a, b) if rng.random() < 0.5 else (b, a)
            rows.append(
                rng.choice(
                    [
                        f"The opposite of {a} is {b}.",
                        f"{a} - {b}",
                        f"Not {a} but {b}.",
                        f"What is the opposite of {a}? {b}",
                    ]
                )
            )
        elif kind == "category":
            name, members = rng.choice(pairs("categories.tsv"))
            some = rng.sample(members.split(", "), 3)
            rows.append(
                rng.choice(
                    [
                        f"{name.capitalize()}: {', '.join(some)}",
                        f"A kind of {name}: {some[0]}",
                        f"What is {some[1]}? A kind of {name}.",
                        f"Three of the kind {name}: {', '.join(some)}",
                        f"{some[2]} is a {name}",
                    ]
                )
            )
        else:
            a, b = rng.choice(pairs("sentence_pairs.tsv"))
            rows.append(f"{a}\nSaid differently: {b}")
    return "\n".join(rows)


LAYOUTS = [
    "Q: {q}\n{text}\nA: {a}",
    "{q}\n\n{text}\n\n{a}",
    "{q}\n{text}\n-> {a}",
    "{text}\n\n{q} {a}",
    "{text}\n{q}\n{a}",
    "Task: {q}\nText: {text}\nResult:\n{a}",
    "Text: {text}\nTask: {q}\nResult: {a}",
    "{q}\nText: {text}\nAnswer:\n{a}",
    "Please read and answer. {q}\n\n{text}\n\nAnswer: {a}",
    "Given: {text}\nWanted: {q}\nFound:\n{a}",
]
MOOD = [
    ("Is the guest content or cross?", "cross", "content"),
    ("Praise or complaint?", "complaint", "praise"),
    ("Sort the review: good or bad.", "bad", "good"),
    ("Would the manager file this under complaints?", "yes", "no"),
    ("Does the guest complain?", "Yes, a complaint", "No complaint"),
    ("Positive or negative?", "negative", "positive"),
    ("Classify this: complaint or no complaint.", "complaint", "no complaint"),
    ("Happy or unhappy?", "Unhappy", "Happy"),
]
NAMED = [
    "Who and what is named?",
    "List the names and places.",
    "Which people, organisations and places occur?",
    "Extract the names.",
]
TASK = [
    "What was the task?",
    "Which task led to this text?",
    "What was the writer told to do?",
    "Say in one line what was to be written.",
]


def questions(rng: random.Random) -> str:
    """A text with a question about it and the answer, in many layouts; the question decides what is wanted."""
    kind = rng.choice(["review", "review", "review", "sentence", "sentence", "document", "document"])
    if kind == "review":
        label = rng.choice([COMPLAINT, NON_COMPLAINT])
        text, (q, bad, good) = review(rng, label), rng.choice(MOOD)
        a = bad if label == COMPLAINT else good
    elif kind == "sentence":
        (text, phrases), q = sentence(rng, invented=INVENTED), rng.choice(NAMED)
        a = rng.choice([", ", ", ", "\n", " / "]).join(phrases) or "nothing"
    else:
        text, instruction, slots = document(rng, rng.choice(list(ABOUT)), invented=INVENTED)
        q, a = rng.choice(TASK), rng.choice(["", "to ", "The task: "]) + instruction[0].lower() + instruction[1:-1]
        if rng.random() < 0.3:
            field, a = rng.choice(list(slots.items()))
            q = f"{FIELD[field]}?"
    return rng.choice(LAYOUTS).format(q=q, text=text, a=a)


WEIGHTS: dict[Callable[[random.Random], str], float] = {
    reviews: 0.15,
    verdicts: 0.12,
    sentiments: 0.10,
    documents: 0.15,
    sentences: 0.12,
    questions: 0.18,
    records: 0.04,
    repeats: 0.06,
    prose: 0.04,
    knowledge: 0.04,
}
# The mixture while the learning rate falls: texts with a question each.
QUESTION_WEIGHTS: dict[Callable[[random.Random], str], float] = {
    reviews: 0.07,
    verdicts: 0.12,
    sentiments: 0.08,
    documents: 0.12,
    sentences: 0.11,
    questions: 0.40,
    records: 0.02,
    repeats: 0.02,
    prose: 0.03,
    knowledge: 0.03,
}

# The last stretch, at a small learning rate again: what is understood last, judging a review, gets more room.
JUDGEMENT_WEIGHTS: dict[Callable[[random.Random], str], float] = {
    reviews: 0.10,
    verdicts: 0.24,
    sentiments: 0.24,
    documents: 0.08,
    sentences: 0.07,
    questions: 0.23,
    prose: 0.02,
    knowledge: 0.02,
}


def texts(seed: int, weights: dict[Callable[[random.Random], str], float] = WEIGHTS) -> Iterator[str]:
    """An endless stream of pretraining texts, the same for the same seed and weights."""
    rng = random.Random(seed)
    makers, shares = list(weights), list(weights.values())
    while True:
        yield rng.choices(makers, shares)[0](rng)


assert set(ABOUT) == set(FORM) == set(INSTRUCTIONS), "every kind of document needs its retelling"
