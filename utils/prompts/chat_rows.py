"""Rows: a record's ids and labels under a model's own chat template.

The ids are those of `tokenizer.apply_chat_template`, but for special tokens that a message spells: they stay text. An
answer is learned from where its prompt ends to the special token that ends the turn; what the template writes after it
(a newline, in many) is read and not learned.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from utils.prompts.chat import ChatTemplate, Layout, Renderer, Unsuitable, opening
from utils.prompts.chat_text import SPECIAL, ChatEncoder, ChatIds
from utils.prompts.rows import IGNORED, LossOn, Row
from utils.prompts.templates import PromptTemplate
from utils.records import Record, Turn, turns_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer


class Answer(NamedTuple):
    """Where an answer that is learned stands in a marked text.

    tail: the end of its prompt, from the last special token on: no token reaches across one.
    first: the number of that special token in the text; None if the prompt has none.
    end: the number of the special token that ends the turn.
    seam: the characters around the place where the answer begins.
    """

    tail: str
    first: int | None
    end: int
    seam: str


class ChatCoder:
    """A `ChatTemplate` at work with one tokenizer.

    Raises:
        ValueError: a tokenizer that is written in Python.
    """

    def __init__(self, template: ChatTemplate, tokenizer: "Tokenizer") -> None:
        self.renderer, self.encoder = Renderer(template, tokenizer), ChatEncoder(tokenizer)

    def rows(self, records: Sequence[Record], loss_on: LossOn) -> list[Row]:
        """Ids and labels of each record; a row is unusable, with the reason, if its record cannot have them."""
        rows, drawn = {}, {}
        for at, record in enumerate(records):
            try:
                drawn[at] = self._drawn(turns_of(record), loss_on)
            except Unsuitable as why:
                rows[at] = Row([], []).unusable(*why.args)
        tails = list({answer.tail for _, answers in drawn.values() for answer in answers})
        encoded = self.encoder.encode([*(text for text, _ in drawn.values()), *tails])
        tail_ids = dict(zip(tails, encoded[len(drawn) :], strict=True))
        for (at, (_, answers)), found in zip(drawn.items(), encoded, strict=False):
            rows[at] = _row(found, answers, tail_ids) if found else Row([], []).unusable("special", SPECIAL)
        return [rows[at] for at in range(len(records))]

    def prompts(self, records: Sequence[Record]) -> tuple[list[list[int]], dict[int, str]]:
        """The ids of each record up to its last answer, and {position: reason} of those that cannot be encoded."""
        texts, wrong = [], {}
        for at, record in enumerate(records):
            turns = turns_of(record)[:-1]
            try:
                layout = self.renderer.layout(turns, ask=True)
                texts.append(_joined(*self._marked(layout, turns)))
            except Unsuitable as why:
                texts.append("")
                wrong[at] = why.args[1]
        encoded = self.encoder.encode(texts)
        wrong |= {at: SPECIAL for at, found in enumerate(encoded) if found is None}
        return [found.ids if found else [] for found in encoded], wrong

    def _marked(self, layout: Layout, turns: Sequence[Turn]) -> tuple[list[str], list[str]]:
        """What stands around the messages, with marks, and the messages as the template shows them."""
        contents = layout.contents(turns)
        if private := self.encoder.private(contents):
            raise Unsuitable("special", private)
        return [self.encoder.marked(text) for text in layout.around], contents

    def _drawn(self, turns: Sequence[Turn], loss_on: LossOn) -> tuple[str, list[Answer]]:
        """The marked text of a conversation, and its answers that are learned."""
        layout = self.renderer.layout(turns)
        around, contents = self._marked(layout, turns)
        answers = []
        for at, turn in enumerate(turns):
            if turn.role != "assistant" or not turn.trained or (loss_on == "last" and at < len(turns) - 1):
                continue
            begin, place = opening(self.renderer, turns, layout, at), layout.order.index(at)
            prompt = _joined([*around[:place], self.encoder.marked(begin)], contents[:place])
            marks = list(self.encoder.mark.finditer(prompt))
            first, start = (len(marks) - 1, marks[-1].start()) if marks else (None, 0)
            end = sum(len(self.encoder.mark.findall(text)) for text in around[: place + 1])
            if not self.encoder.mark.search(around[place + 1]):
                raise Unsuitable(
                    "template", "the chat template writes no special token after an answer, so none could end"
                )
            answer = layout.around[place].removeprefix(begin) + contents[place]
            answers.append(Answer(prompt[start:], first, end, begin[-9:] + answer[:9]))
        return _joined(around, contents), answers


def end_of_answer(template: PromptTemplate | ChatTemplate, tokenizer: "Tokenizer") -> int | None:
    """The token that ends an answer under this template: EOS, or the end of turn that a chat template writes.

    None where a chat template cannot render a question and its answer.
    """
    if not isinstance(template, ChatTemplate):
        return tokenizer.eos_token_id
    [row] = ChatCoder(template, tokenizer).rows([Record("a", "", "b")], "last")
    return next((label for label in reversed(row.labels) if label != IGNORED), None)


def _joined(around: Sequence[str], contents: Sequence[str]) -> str:
    return "".join(part for pair in zip(around, [*contents, ""], strict=True) for part in pair)


def _row(found: ChatIds, answers: Sequence[Answer], tail_ids: Mapping[str, ChatIds | None]) -> Row:
    ids, labels = found.ids, [IGNORED] * len(found.ids)
    for answer in answers:
        begin = 0 if answer.first is None else found.marks[answer.first]
        alone, stop = tail_ids[answer.tail], found.marks[answer.end] + 1
        start = begin + len(alone.ids) if alone else 0
        if not alone or ids[begin:start] != alone.ids:
            reason = f"{answer.seam!r} holds other tokens at the seam than the prompt alone; strip the answer"
            return Row(ids, labels).unusable("seam", reason)
        labels[start:stop] = ids[start:stop]
    return Row(ids, labels)
