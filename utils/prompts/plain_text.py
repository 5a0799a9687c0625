"""Text from a dataset becomes ids, and the spelling of a special token in it stays text.

A tokenizer reads `</s>` as the end of everything, wherever it stands; in a review it is four characters. So it is with
`<think>` where that is a token: it means one only where a template writes it (`chat_text`). What this module does not
do: add BOS or EOS (it only says what a tokenizer puts before a text), or know of templates and labels.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from tokenizers import Regex
from tokenizers.pre_tokenizers import Sequence as InTurn
from tokenizers.pre_tokenizers import Split

if TYPE_CHECKING:
    from tokenizers import Tokenizer as RustTokenizer
    from transformers import PreTrainedTokenizerBase as Tokenizer

COMMAND = re.compile(r"<.+>|\[.+\]")  # spelled like </s> or [INST]; GPT-NeoX also keeps runs of spaces as added tokens
HALF_A_PAIR = re.compile("[\ud800-\udfff]")


class PlainEncoder:
    """Encodes texts with a Hugging Face tokenizer: no BOS, no EOS, nothing cut, no special token out of the text.

    Attributes:
        commands: id -> spelling of the tokens that data may not produce: special, named (BOS, EOS ...) or spelled like
            one. UNK is none of them, since it stands for rare letters.
        special: those of them that are special or named. The others (`<think>`) a prompt template may spell.
        is_bpe: whether the tokenizer only ever merges what stands side by side, in a fixed order.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.tokenizer = tokenizer
        named = set(tokenizer.all_special_ids)
        allowed = {tokenizer.unk_token_id} - {tokenizer.bos_token_id, tokenizer.eos_token_id}
        self.commands = {
            index: token.content
            for index, token in tokenizer.added_tokens_decoder.items()
            if index not in allowed and (token.special or index in named or COMMAND.fullmatch(token.content))
        }
        self._backend = getattr(tokenizer, "backend_tokenizer", None)  # there is none if it is written in Python
        self.is_bpe = self._backend is not None and type(self._backend.model).__name__ == "BPE"
        added = tokenizer.added_tokens_decoder
        self.special = {index: text for index, text in self.commands.items() if added[index].special or index in named}

    def start(self, probe: str) -> list[int]:
        """What the tokenizer itself puts before a text, tried on `probe`: BOS, nothing, or several tokens.

        A probe without tokens (it is empty, or white space that the tokenizer drops) has no place in a list of ids, so
        then a letter is tried.

        Raises:
            ValueError: the tokenizer cuts the same text in another way when it adds its special tokens.
        """
        plain = self.tokenizer(probe, add_special_tokens=False)["input_ids"]
        if not plain:
            probe, plain = "a", self.tokenizer("a", add_special_tokens=False)["input_ids"]
        whole = self.tokenizer(probe)["input_ids"]
        for i in range(len(whole)):
            if whole[i : i + len(plain)] == plain:
                return whole[:i]
        raise ValueError(f"{probe!r} is {plain} alone and {whole} with special tokens: repair its settings")

    def ids(self, texts: Sequence[str]) -> tuple[list[list[int]], dict[int, str]]:
        """Ids of all texts in one call, and {position: reason} of those where a special token cannot be avoided.

        Raises:
            ValueError: a text is not valid Unicode.
        """
        check_unicode(texts)
        if not texts:
            return [], {}
        if self._backend is None:
            ids = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
            return ids, self._special(ids)
        ids = _encode(self._backend, texts)
        if found := self._special(ids):
            for at, row in zip(found, _encode(self._stricter, [texts[at] for at in found]), strict=True):
                ids[at] = row
            found = {at: reason for at, reason in found.items() if self._special([ids[at]])}
        return ids, found

    def ends(self, texts: Sequence[str]) -> list[list[int]]:
        """How many characters of each text are read when each of its tokens ends, in one call."""
        if self._backend is None or not texts:
            return [[] for _ in texts]
        with _as_plain_text(self._backend):
            found = self._backend.encode_batch(texts, add_special_tokens=False)
        return [[end for _, end in encoding.offsets] for encoding in found]

    def _special(self, ids: list[list[int]]) -> dict[int, str]:
        forbidden = frozenset(self.commands)
        found = {at: forbidden.intersection(row) for at, row in enumerate(ids) if not forbidden.isdisjoint(row)}
        reason = "this tokenizer makes {!r} even out of plain text; reword the text"
        return {at: reason.format(self.commands[min(some)]) for at, some in found.items()}

    @cached_property
    def _stricter(self) -> "RustTokenizer":
        """A copy for texts in which a special token came through: Phi-3 does not declare its `</s>` special, here it
        is."""
        backend, spellings = self._backend, set(self.commands.values())
        state = json.loads(backend.to_str())
        for token in state["added_tokens"]:
            token["special"] |= token["content"] in spellings
        stricter = type(backend).from_str(json.dumps(state))
        split_spellings(stricter, spellings)
        return stricter


def check_unicode(texts: Iterable[str]) -> None:
    """Refuse what no tokenizer can read.

    Raises:
        ValueError: a text is not valid Unicode.
    """
    for text in texts:
        if not text.isascii() and (half := HALF_A_PAIR.search(text)):
            around = text[max(half.start() - 30, 0) : half.end() + 30]
            raise ValueError(f"{around!r} holds half a surrogate pair, which is not valid Unicode: repair the text")


def split_spellings(backend: "RustTokenizer", spellings: Iterable[str]) -> None:
    """Split off the first character of each spelling, after the tokenizer's own splits.

    T5's kind (Unigram) has `</s>` among its ordinary pieces, and would find it in plain text.
    """
    first = "|".join(f"{re.escape(text[0])}(?={re.escape(text[1:])})" for text in spellings if len(text) > 1)
    steps = [backend.pre_tokenizer] if backend.pre_tokenizer else []
    backend.pre_tokenizer = InTurn([*steps, Split(Regex(first), "isolated")])


def _encode(backend: "RustTokenizer", texts: Sequence[str]) -> list[list[int]]:
    """One call of the Rust tokenizer. The Python wrapper around it would add masks and offsets that nobody reads."""
    with _as_plain_text(backend):
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


@contextmanager
def _as_plain_text(backend: "RustTokenizer") -> Iterator[None]:
    """Nothing is cut or padded here, and special tokens are read as text."""
    backend.no_truncation()
    backend.no_padding()
    before, backend.encode_special_tokens = backend.encode_special_tokens, True
    try:
        yield
    finally:
        backend.encode_special_tokens = before
