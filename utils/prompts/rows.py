"""Rows: a record's ids and labels under a prompt template, one exchange after another.

    [start | prompt | completion | EOS] [prompt | completion | EOS] …

Each exchange of a conversation is encoded exactly as a record of its own would be, after the EOS of the one before it,
so that a prompt is a prefix of the training row at every turn.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from utils.prompts.chat_text import WrittenEncoder
from utils.prompts.plain_text import PlainEncoder
from utils.prompts.seam import both_sides, spells, start_ids
from utils.prompts.templates import PromptTemplate
from utils.records import exchanges

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from utils.records import Record

IGNORED = -100  # the label that the loss skips
LossOn = Literal["all", "last"]


class Row(NamedTuple):
    """A record's ids and labels, and what there is to say about it: (stage, reason)."""

    input_ids: list[int]
    labels: list[int]
    note: tuple[str, str] | None = None
    usable: bool = True

    @property
    def size(self) -> int:
        return len(self.input_ids)

    def unusable(self, stage: str, reason: str) -> "Row":
        return self._replace(note=(stage, reason), usable=False)


class TemplateCoder:
    """A `PromptTemplate` at work with one tokenizer.

    An added token that is not special, such as `<think>`, becomes that token where the template spells it; in a record
    it stays text.

    Raises:
        ValueError: the tokenizer has no EOS; the template spells a special token.
    """

    def __init__(self, template: PromptTemplate, tokenizer: "Tokenizer") -> None:
        self.template, self.encoder = template, PlainEncoder(tokenizer)
        self.written: WrittenEncoder | None = None
        if tokenizer.eos_token_id is None:
            raise ValueError("the tokenizer has no EOS token, so no answer could end: set tokenizer.eos_token")
        self.start, self.end = start_ids(template, self.encoder), [tokenizer.eos_token_id]
        if any(spells(template, spelling) for spelling in self.encoder.commands.values()):
            self.encoder = self.written = WrittenEncoder(tokenizer)
            self.template = self.written.marked(template)

    def rows(self, records: Sequence["Record"], loss_on: LossOn) -> list[Row]:
        """Ids and labels of each record."""
        told = [exchanges(record) for record in records]
        sides = iter(both_sides([one for turns in told for one, _ in turns], self.template, self.encoder))
        rows = []
        for turns in told:
            ids, labels = list(self.start), [IGNORED] * len(self.start)
            row = Row(ids, labels)
            for at, (_, learned) in enumerate(turns, start=1):
                prompt, completion, note, usable = next(sides)
                ids += prompt + completion + self.end
                masked = [IGNORED] * len(prompt)
                is_learned = learned and (loss_on == "all" or at == len(turns))
                labels += masked + (completion + self.end if is_learned else [IGNORED] * (len(completion) + 1))
                if row.usable and not usable:
                    row = row.unusable(note[0], note[1] if len(turns) == 1 else f"exchange {at}: {note[1]}")
            private = self._private(turns)
            rows.append(row.unusable("special", private) if private else row)
        return rows

    def prompts(self, records: Sequence["Record"]) -> tuple[list[list[int]], dict[int, str]]:
        """The ids of each record up to its last answer, and {position: reason} of those that cannot be encoded."""
        told = [exchanges(record) for record in records]
        before = iter(both_sides([one for turns in told for one, _ in turns[:-1]], self.template, self.encoder))
        last, wrong = self.encoder.ids([self.template.prompt(turns[-1][0]) for turns in told])
        found = []
        for at, (turns, prompt) in enumerate(zip(told, last, strict=True)):
            ids = list(self.start)
            for _ in turns[:-1]:
                side = next(before)
                ids += side.prompt + side.completion + self.end
                if not side.usable:
                    wrong.setdefault(at, side.note[1])
            found.append(ids + prompt)
            if private := self._private(turns):
                wrong[at] = private
        return found, wrong

    def _private(self, turns: Sequence[tuple["Record", bool]]) -> str:
        """Why the data cannot be told from what the template writes; "" if it can."""
        if not self.written:
            return ""
        return self.written.chat.private(text for one, _ in turns for text in (one.instruction, one.input, one.output))
