"""The seam in token ids: where the prompt ends and the completion begins; only doubtful rows are encoded twice.

If a token spans the seam, the model would be trained on other tokens than it gets at inference; such a record is named
with the characters that merged.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from utils.prompts.plain_text import PlainEncoder
from utils.prompts.templates import PromptTemplate

if TYPE_CHECKING:
    from utils.records import Record


class Sides(NamedTuple):
    """A record's ids before and after the seam, without BOS and EOS, and what there is to say about it."""

    prompt: list[int]
    completion: list[int]
    note: tuple[str, str] | None = None  # kind and reason
    usable: bool = True

    @property
    def size(self) -> int:
        return len(self.prompt) + len(self.completion)

    def unusable(self, kind: str, reason: str) -> "Sides":
        return self._replace(note=(kind, reason), usable=False)


def start_ids(template: PromptTemplate, encoder: PlainEncoder) -> list[int]:
    """What stands before every prompt: BOS, nothing or several tokens, as the tokenizer wants it.

    Raises:
        ValueError: the template spells a special token.
    """
    for spelling in encoder.special.values():
        if spells(template, spelling):
            raise ValueError(
                f"template {template.name!r} spells {spelling!r}, a special token of this tokenizer: leave it out; "
                "BOS and EOS are added as ids, and in a text it would be nothing but text"
            )
    return encoder.start(template.response_marker)


def spells(template: PromptTemplate, spelling: str) -> bool:
    """Whether the template itself writes this."""
    texts = (template.text, template.text_without_input or "", template.completion)
    return bool(spelling.strip()) and any(spelling in text for text in texts)


def both_sides(records: Sequence["Record"], template: PromptTemplate, encoder: PlainEncoder) -> list[Sides]:
    """Encode prompts and completions in one pass, each completion after the response marker alone.

    That is exact for BPE where the marker's last token is also the prompt's last one: no merge crossed its two ends
    here, so none does in the whole text, in which the same merges come in the same order. Elsewhere, where a token
    spans the seam, and with other kinds of tokenizer, the whole text is encoded as well: of two splits that a Unigram
    finds equally likely, how its sum is rounded decides, and that depends on all of the text before.
    """
    rendered, marker = [template.render(record) for record in records], template.response_marker
    texts = [*(prompt for prompt, _ in rendered), *(marker + completion for _, completion in rendered), marker]
    (*ids, seam), special = encoder.ids(texts)
    sides, unsure = [], []
    for row, (prompt, behind) in enumerate(zip(ids[: len(records)], ids[len(records) :], strict=True)):
        sides.append(Sides(prompt, behind[len(seam) :]))
        if not encoder.is_bpe or behind[: len(seam)] != seam or prompt[-1:] != seam[-1:]:
            unsure.append(row)
    whole, special_in_whole = encoder.ids(["".join(rendered[row]) for row in unsure])
    merged = {}
    for row, both in zip(unsure, whole, strict=True):
        prompt = sides[row].prompt
        sides[row] = Sides(prompt, both[len(prompt) :])
        if both[: len(prompt)] != prompt:
            merged[row] = next(i for i, (one, other) in enumerate(zip_longest(prompt, both)) if one != other)
    ends = encoder.ends(["".join(rendered[row]) for row in merged])
    for (row, at), row_ends in zip(merged.items(), ends, strict=True):
        sides[row] = sides[row].unusable("seam", _what_merged(*rendered[row], at, row_ends))
    reasons = {at % len(records): reason for at, reason in special.items()}
    reasons |= {unsure[at]: reason for at, reason in special_in_whole.items()}
    for row, reason in reasons.items():
        if sides[row].usable:
            sides[row] = sides[row].unusable("special", reason)
    return sides


def _what_merged(prompt: str, completion: str, at: int, ends: list[int]) -> str:
    """Which characters at the seam are other tokens in the whole text than in the prompt alone, from token `at` on."""
    way_out = "; strip the completion, or end the template in another way"
    if not ends:  # a tokenizer written in Python does not say where its tokens end
        return f"{prompt[-9:] + completion[:9]!r} holds other tokens at the seam than the prompt alone" + way_out
    ends = [0, *ends[: at + 1]]
    how = "became one token across the seam" if ends[-1] > len(prompt) else "at the seam became other tokens"
    return f"{(prompt + completion)[ends[-2] : max(ends[-1], len(prompt))]!r} {how}" + way_out
