"""When two texts say the same to the letter, whatever their script: what the metrics compare answers with."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Scripts that put no space between words (Thai to Khmer, Japanese, Chinese) or hang particles on names (Korean).
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"


def clean(text: str) -> str:
    """The text as it is compared: without white space around it, accents in one piece with their letters."""
    return unicodedata.normalize("NFC", text).strip()


def count_phrases(phrases: Sequence[str]) -> Counter[str]:
    """How often each phrase is there; of two such counts, order does not matter.

    >>> count_phrases(["Bo", "Ann "]) == count_phrases(["Ann", "Bo"])
    True
    """
    return Counter(phrase for phrase in map(clean, phrases) if phrase)


def mentions(text: str, phrase: str) -> bool:
    """Whether `phrase` stands in `text` and is not a part of a longer word, where the script sets words apart."""
    before, after = (rf"(?<![^\W{_UNSPACED}])", rf"(?![^\W{_UNSPACED}])")
    at_start, at_end = (re.match(rf"[^\W{_UNSPACED}]", end) for end in (phrase[:1], phrase[-1:]))
    pattern = (before if at_start else "") + re.escape(phrase) + (after if at_end else "")
    return re.search(pattern, text) is not None


class Words:
    """Words in any script: the library's own tokenizer knows only a to z, and would score other languages 0.

    Vowel signs and accents belong to their letters. In scripts without spaces each character counts as a word.
    """

    def tokenize(self, text: str) -> list[str]:
        letters = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in text.lower())
        return re.sub(f"([{_UNSPACED}])", r" \1 ", "".join(letters)).split()
