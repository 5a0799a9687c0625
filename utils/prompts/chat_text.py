"""Chats become ids: what the template wrote may be special tokens, and what the data says never is.

A text is passed with each special token of the template as one private character (a mark), so that it cannot be taken
for the same spelling in a message.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from tokenizers import AddedToken

from utils.prompts.plain_text import PlainEncoder, check_unicode, split_spellings
from utils.prompts.templates import PromptTemplate

if TYPE_CHECKING:
    from tokenizers import Tokenizer as RustTokenizer
    from transformers import PreTrainedTokenizerBase as Tokenizer

FIRST_MARK = 0x100000  # the last plane of private characters
SPECIAL = "this tokenizer makes a special token even out of plain text; reword the text"


class ChatIds(NamedTuple):
    """The ids of a text, and where among them those of its marks stand."""

    ids: list[int]
    marks: list[int]

    @property
    def special(self) -> list[int]:
        return [self.ids[at] for at in self.marks]


class ChatEncoder:
    """Encodes marked texts with a fast tokenizer: no BOS, no EOS but those of the template, nothing cut.

    Raises:
        ValueError: a tokenizer that is written in Python.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.backend: RustTokenizer | None = getattr(tokenizer, "backend_tokenizer", None)
        if self.backend is None:
            raise ValueError(f"{type(tokenizer).__name__} is written in Python: a chat template needs a fast tokenizer")
        self.commands = PlainEncoder(tokenizer).commands
        self._ids = {chr(FIRST_MARK + at): index for at, index in enumerate(self.commands)}
        self._marks = {self.commands[index]: mark for mark, index in self._ids.items()}
        longest_first = sorted(filter(str.strip, self._marks), key=len, reverse=True)
        self._spelled = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self.mark = re.compile(f"[{chr(FIRST_MARK)}-{chr(FIRST_MARK + len(self.commands))}]")

    def marked(self, written: str) -> str:
        """A text that the template wrote, with marks for its special tokens."""
        return self._spelled.sub(lambda found: self._marks[found[0]], written)

    def private(self, texts: Iterable[str]) -> str:
        """Why these texts of the data cannot be used: one of them holds a mark; "" if none does."""
        found = next(filter(None, map(self.mark.search, texts)), None)
        return f"U+{ord(found[0]):X} is a private character that is needed here: take it out" if found else ""

    def encode(self, texts: Sequence[str]) -> list[ChatIds | None]:
        """The ids of marked texts; None for one in which a special token cannot be kept out of the data.

        Where no message spells a special token, the ids are those of the tokenizer's own call.

        Raises:
            ValueError: a text is not valid Unicode.
        """
        check_unicode(texts)
        found = self._encode(self.backend, [self.mark.sub(self._spelling, text) for text in texts], {})
        wanted = [[self._ids[mark] for mark in self.mark.findall(text)] for text in texts]
        if wrong := [at for at, one in enumerate(found) if one.special != wanted[at]]:
            copy, own = self._with_marks_alone
            for at, one in zip(wrong, self._encode(copy, [texts[at] for at in wrong], own), strict=True):
                found[at] = one
        return [one if one.special == ids else None for one, ids in zip(found, wanted, strict=True)]

    def _spelling(self, mark: re.Match[str]) -> str:
        return self.commands[self._ids[mark[0]]]

    def _encode(self, backend: "RustTokenizer", texts: Sequence[str], own: Mapping[int, int]) -> list[ChatIds]:
        """One call of the Rust tokenizer; `own` says which ids of `backend` are others in the tokenizer itself."""
        backend.no_truncation()
        backend.no_padding()
        rows = [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
        rows = [[own.get(index, index) for index in ids] for ids in rows] if own else rows
        return [ChatIds(ids, [at for at, index in enumerate(ids) if index in self.commands]) for ids in rows]

    @cached_property
    def _with_marks_alone(self) -> tuple["RustTokenizer", dict[int, int]]:
        """A copy to which only marks are special, and its ids of added tokens -> the tokenizer's own."""
        added = self.backend.get_added_tokens_decoder()
        others = {token.content: index for index, token in added.items() if index not in self.commands}
        copy = type(self.backend)(self.backend.model)
        copy.normalizer, copy.pre_tokenizer = self.backend.normalizer, self.backend.pre_tokenizer
        copy.add_tokens([added[index] for index in others.values()])
        copy.add_special_tokens([_renamed(added[index], mark) for mark, index in self._ids.items()])
        split_spellings(copy, self.commands.values())
        return copy, {copy.token_to_id(text): index for text, index in (others | self._ids).items()}


class WrittenEncoder(PlainEncoder):
    """A `PlainEncoder` for a prompt template that spells added tokens (`<think>`): there they are marks, and tokens."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        super().__init__(tokenizer)
        self.chat = ChatEncoder(tokenizer)

    def marked(self, template: PromptTemplate) -> PromptTemplate:
        """The template with a mark in place of each token that it spells."""
        texts = {name: text for name, text in template.to_dict().items() if name != "name" and text is not None}
        return replace(template, **{name: self.chat.marked(text) for name, text in texts.items()})

    def ids(self, texts: Sequence[str]) -> tuple[list[list[int]], dict[int, str]]:
        """As that of `PlainEncoder`, of marked texts."""
        found = self.chat.encode(texts)
        wrong = [at for at, one in enumerate(found) if one is None]
        return [one.ids if one else [] for one in found], dict.fromkeys(wrong, SPECIAL)


def _renamed(token: AddedToken, mark: str) -> AddedToken:
    flags = ("lstrip", "rstrip", "single_word", "normalized")
    return AddedToken(mark, special=True, **{name: getattr(token, name) for name in flags})
