"""The names and dates of an instruction: what a text has to hold that the instruction is about.

An instruction that names somebody whom the text does not name was made up. Letters tell: a name begins with a capital
inside a sentence, a date holds a figure, or the name of a month or a day, however it is written.

>>> names_and_dates("Write an email to Ms. Osei asking for time off from friday to 4 May.")
['Ms. Osei', 'friday', '4 May']
>>> invented("Write a note to Ms. Osei about Lima.", "Dear Ms. Osei, see you in Quito.")
['Lima']
"""

import re

from utils.evaluation import mentions

_DAYS = "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed weds thu thurs fri sat sun"
_MONTHS = (
    "january february march april june july august september october november december "
    "jan feb mar apr jun jul aug sept sep oct nov dec"  # "may" is a verb more often than a month
)
_IN_DATES = frozenset(f"{_DAYS} {_MONTHS}".split())
_NOT_NAMES = re.compile(r"I(?:['’]\w+)?$")
_POSSESSIVE = re.compile(r"['’]s$")
_OPENING, _CLOSING = '("“‘[', '.!?,;:)"”’]…'
_MARKS = _OPENING + _CLOSING + "'"
_TITLE = 5  # characters of an abbreviation such as "Capt.", after which a name goes on


def names_and_dates(instruction: str) -> list[str]:
    """The names and dates of an instruction, as they stand there, each once; words that follow each other are one name.

    The first word of a sentence is not taken for a name: its capital says nothing.
    """
    runs: list[list[str]] = [[]]
    opens = True  # whether the next word opens a sentence
    for word in instruction.split():
        bare = word.strip(_MARKS)
        names = bool(bare) and _is_naming(bare) and not (opens and bare[0].isalpha())
        abbreviated = names and word.endswith(".") and len(word) <= _TITLE
        if not names or word[0] in _OPENING:
            runs.append([])
        if names:
            runs[-1].append(word)
        if not abbreviated and word[-1] in _CLOSING:
            runs.append([])
        opens = word[-1] in ".!?" and not abbreviated
    found = (_POSSESSIVE.sub("", " ".join(run).strip(_MARKS)) for run in runs if run)
    return list(dict.fromkeys(name for name in found if name))


def invented(instruction: str, text: str) -> list[str]:
    """The names and dates of an instruction that do not stand in the text; case and line ends do not count."""
    return [name for name in names_and_dates(instruction) if not stands_in(name, text)]


def stands_in(phrase: str, text: str) -> bool:
    """Whether a text holds a phrase as whole words, in any case, over the end of a line or not."""
    return mentions(_plain(text), _plain(phrase))


def _is_naming(word: str) -> bool:
    if any(character.isdigit() for character in word) or word.casefold() in _IN_DATES:
        return True
    return word[0].isupper() and not _NOT_NAMES.match(word)


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())
