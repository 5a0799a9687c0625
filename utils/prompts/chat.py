"""A model's own chat template: what it writes around the messages of a conversation, and what it does to them.

The Jinja text is never taken apart. It renders a chat whose messages are placeholders, and what stands between those is
what the template writes itself. Each record is rendered as well, and has to be the same text with its messages in
place, so a template that does more to a message than strip it is found out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import TemplateError

from utils.prompts.templates import PromptTemplate
from utils.records import Turn, turns_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from utils.records import Record

SPACE = "\u2003"  # white space that no template writes: is it still there, a message was not stripped


@dataclass(frozen=True, kw_only=True)
class ChatTemplate:
    """A chat template as data, to be used wherever a `PromptTemplate` is.

    Attributes:
        name: what error messages and saved files call it.
        jinja: the template as `tokenizer.chat_template` has it; "" stands for the one of whatever tokenizer it is used
            with, where that is not known yet (`settled` finds it).

    >>> own = ChatTemplate.of(tokenizer)  # doctest: +SKIP
    >>> encode(records, own, tokenizer, max_length=512)  # doctest: +SKIP
    """

    name: str
    jinja: str = ""

    # What a `PromptTemplate` says of itself, for those who only show and score what it makes.
    data_field, text, completion, response_marker = "input", "{instruction}{input}", "{output}", ""

    @classmethod
    def of(cls, tokenizer: "Tokenizer", *, name: str = "chat") -> "ChatTemplate":
        """The tokenizer's own chat template.

        Raises:
            ValueError: it has none.
        """
        if not tokenizer.chat_template:
            raise ValueError("the tokenizer has no chat template: use ALPACA, or a ChatTemplate of your own")
        return cls(name=name, jinja=tokenizer.get_chat_template())

    def messages(self, record: "Record") -> list[dict[str, str]]:
        """The record as a chat, as `utils.records.to_messages` exports it."""
        return [_message(turn) for turn in turns_of(record)]

    def render(self, record: "Record") -> tuple[str, str]:
        """`(prompt, completion)` for readers: who says what, without what the template writes around it."""
        *asked, answer = turns_of(record)
        return "".join(f"{turn.role}: {turn.content}\n\n" for turn in asked) + f"{answer.role}: ", answer.content

    def prompt(self, record: "Record") -> str:
        """The first of the two texts that `render` gives."""
        return self.render(record)[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for `json.dump`; `template_from_dict` is the way back."""
        return asdict(self)


class Unsuitable(Exception):
    """A record cannot become a row that keeps the laws of the seam: `Unsuitable(stage, reason)`."""


class Layout(NamedTuple):
    """What a template writes around the messages of a chat with certain roles.

    order: the messages in the order in which they stand in the text: some templates move the system's.
    around: the text before each of them and after the last one.
    stripped: for each of them whether its left and its right end lose their white space.
    """

    order: tuple[int, ...]
    around: tuple[str, ...]
    stripped: tuple[tuple[bool, bool], ...]

    def contents(self, turns: Sequence[Turn]) -> list[str]:
        """The messages as the template shows them, in the order of the text."""
        shown = []
        for at, (left, right) in zip(self.order, self.stripped, strict=True):
            text = turns[at].content.lstrip() if left else turns[at].content
            shown.append(text.rstrip() if right else text)
        return shown


class Renderer:
    """A chat template at work with one tokenizer; what it writes around certain roles is found once."""

    def __init__(self, template: ChatTemplate, tokenizer: "Tokenizer") -> None:
        self.template, self.tokenizer = settled(template, tokenizer), tokenizer
        self._layouts: dict[tuple[tuple[str, ...], bool], Layout | Unsuitable] = {}

    def layout(self, turns: Sequence[Turn], *, ask: bool = False) -> Layout:
        """The layout for these turns, checked on their contents; `ask` adds what opens the next answer.

        Raises:
            Unsuitable: the template refuses the chat, or does more to a message than show or strip it.
        """
        key = tuple(turn.role for turn in turns), ask
        if key not in self._layouts:
            try:
                self._layouts[key] = self._find_layout(*key)
            except Unsuitable as why:
                self._layouts[key] = why
        layout = self._layouts[key]
        if isinstance(layout, Unsuitable):
            raise layout
        expected = [*layout.contents(turns), ""]
        if self._render(turns, ask) != "".join(a + b for a, b in zip(layout.around, expected, strict=True)):
            raise Unsuitable("template", "the chat template does more to these messages than show or strip them")
        return layout

    def _find_layout(self, roles: Sequence[str], ask: bool) -> Layout:
        marks = [f"\U0010fff0{at}\U0010fff1" for at in range(len(roles))]
        text = self._render([Turn(role, SPACE + mark + SPACE) for role, mark in zip(roles, marks, strict=True)], ask)
        for role, mark in zip(roles, marks, strict=True):
            if (times := text.count(mark)) != 1:
                raise Unsuitable("template", f"the chat template shows a message of the {role} {times} times")
        order = sorted(range(len(roles)), key=lambda at: text.index(marks[at]))
        around, stripped = [], []
        for at in order:
            before, _, text = text.partition(marks[at])
            stripped.append((not before.endswith(SPACE), not text.startswith(SPACE)))
            around.append(before.removesuffix(SPACE))
            text = text.removeprefix(SPACE)
        return Layout(tuple(order), (*around, text), tuple(stripped))

    def _render(self, turns: Sequence[Turn], ask: bool) -> str:
        try:
            return self.tokenizer.apply_chat_template(
                [_message(turn) for turn in turns],
                chat_template=self.template.jinja,
                tokenize=False,
                add_generation_prompt=ask,
                enable_thinking=False,  # Qwen3's kind would think aloud first; other templates don't read that word
            )
        except TemplateError as error:
            raise Unsuitable("template", f"the chat template refuses it: {error}") from None


def _message(turn: Turn) -> dict[str, str]:
    return {"role": turn.role, "content": turn.content}


def opening(renderer: Renderer, turns: Sequence[Turn], layout: Layout, at: int) -> str:
    """What stands before the answer `turns[at]` when it is asked for; `layout` is that of all turns.

    Raises:
        Unsuitable: asked at that place the chat begins in another way than it does in the whole conversation.
    """
    asked, place = renderer.layout(turns[:at], ask=True), layout.order.index(at)
    *before, last = asked.around
    begins = asked.order, tuple(before), asked.stripped
    same = begins == (layout.order[:place], layout.around[:place], layout.stripped[:place])
    if same and layout.around[place].startswith(last):
        return last
    raise Unsuitable(
        "template",
        "the chat template begins an earlier prompt in another way than the whole conversation: say loss_on='last'"
        if at < len(turns) - 1
        else "what the chat template writes to ask for an answer is not what it writes before one",
    )


def settled(template: PromptTemplate | ChatTemplate, tokenizer: "Tokenizer") -> PromptTemplate | ChatTemplate:
    """The template with its Jinja text, where "" stood for the tokenizer's own; any other as it is.

    Raises:
        ValueError: the tokenizer has none.
    """
    is_open = isinstance(template, ChatTemplate) and not template.jinja
    return ChatTemplate.of(tokenizer, name=template.name) if is_open else template


def template_from_dict(data: Mapping[str, Any]) -> PromptTemplate | ChatTemplate:
    """Build a template of either kind from what its `to_dict` gave.

    Raises:
        ValueError: content that makes neither.
    """
    if isinstance(data, Mapping) and set(data) == {"name", "jinja"}:
        if wrong := [name for name, value in data.items() if not isinstance(value, str)]:
            raise ValueError(f"template {data['name']!r}: its {wrong[0]} is {data[wrong[0]]!r}, but has to be a string")
        return ChatTemplate(**data)
    return PromptTemplate.from_dict(data)
