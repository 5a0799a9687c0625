"""A list of phrases as one line of text, and exactly back."""

import re
from collections.abc import Sequence

from utils.errors import DataError

NO_PHRASES = "none"  # the answer when a text holds nothing to extract
_PHRASE = re.compile(r"(?:\A|; )((?:\\.|(?!; ).)+)", re.DOTALL)


def format_phrases(phrases: Sequence[str]) -> str:
    r"""Join phrases with "; "; the empty list is the word `NO_PHRASES`.

    A backslash in a phrase is doubled, a semicolon before a space becomes `\;`, and the single phrase "none"
    becomes `\none`: rare in real text, and `parse_phrases` is the exact inverse for every list of non-empty strings.

    Raises:
        DataError: an empty phrase, or a single string in place of a list.

    >>> format_phrases(["Anna", "school", "University of California Santa Cruz"])
    'Anna; school; University of California Santa Cruz'
    >>> format_phrases([])
    'none'
    """
    if isinstance(phrases, str):
        raise DataError(f"phrases must be a list of strings, not the string {phrases[:40]!r}: pass [{phrases[:40]!r}]")
    if not all(phrases):
        raise DataError("a phrase is empty; drop it before formatting")
    joined = "; ".join(phrase.replace("\\", "\\\\").replace("; ", "\\; ") for phrase in phrases)
    if not phrases:
        return NO_PHRASES
    return "\\" + joined if joined == NO_PHRASES else joined


def parse_phrases(answer: str) -> list[str]:
    r"""The phrases in an answer; the inverse of `format_phrases`, and lenient with what a model writes.

    >>> parse_phrases("Anna; school")
    ['Anna', 'school']
    >>> parse_phrases("none")
    []
    """
    if answer == NO_PHRASES:
        return []
    return [re.sub(r"\\(.)", r"\1", found, flags=re.DOTALL) for found in _PHRASE.findall(answer)]
