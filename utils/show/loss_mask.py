"""The loss mask, token by token: what a row trains and what it only shows; trained tokens are also underlined."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from utils.show.view import View
from utils.text import visible

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

IGNORED = -100
# Text and ground are set together, so that a dark theme cannot put light text on a light ground. The trained tokens are
# the darker ones in print, and green and red of such different lightness stay apart for colour-blind readers.
TRAINED = "background:#17693a;color:#fff;border:1px solid #0b3d20;padding:0 1px;text-decoration:underline"
MASKED = "background:#fbe3df;color:#4a1a12;border:1px dotted #b0563f;padding:0 1px;text-decoration:none"
SEAM = " ¦ "  # between tokens; | is a token of many chat templates
BORDER = f'<span style="font-size:0">{SEAM}</span>'  # without styles the boxes are gone, and this is seen instead


def loss_mask(row: Mapping[str, Sequence[int]], tokenizer: "Tokenizer", *, ids: bool = False) -> View:
    """The tokens of one encoded row: those that are trained on (label = id) against the masked ones (label = -100).

    Args:
        row: `input_ids` and `labels` of equal length, as `utils.prompts.encode` or a data collator makes them.
        ids: write each token's id beside it (hovering shows it anyway).

    Raises:
        ValueError: the two lists differ in length, or a label is neither -100 nor the id of its token.
    """
    input_ids, labels = [int(i) for i in row["input_ids"]], [int(i) for i in row["labels"]]
    wrong = [i for i, (one, label) in enumerate(zip(input_ids, labels, strict=False)) if label not in (IGNORED, one)]
    if len(input_ids) != len(labels) or wrong:
        raise ValueError(f"{len(input_ids)} ids, {len(labels)} labels, wrong at {wrong[:5]}: a label is its id or -100")
    chips, plain = [], []
    pieces = zip(token_texts(input_ids, tokenizer), input_ids, labels, strict=True)
    for masked, group in groupby(pieces, key=lambda piece: piece[2] == IGNORED):
        shown = []
        for text, index, _ in group:
            tag, style = ("span", MASKED) if masked else ("ins", TRAINED)
            number = f"<sub>{index}</sub>" if ids else ""
            lines = visible(text).count("\n")
            label = escape(visible(text).replace("\n", "")) + number
            chips.append(f'<{tag} style="{style}" title="id {index}">{label}</{tag}>' + BORDER + "<br>" * lines)
            shown.append(visible(text).replace("\n", "") + (f"({index})" if ids else ""))
        plain.append(("masked : " if masked else "TRAINED: ") + SEAM.join(shown))
    legend = f'<span style="{MASKED}">masked: read, not learned</span>{BORDER}&nbsp;'
    legend += f'<ins style="{TRAINED}">trained: has a loss</ins>'
    body = f'<samp style="font-family:monospace;line-height:1.8">{"".join(chips).removesuffix(BORDER)}</samp>'
    return View(f"<div><p>{legend}</p><p>{body}</p></div>", "\n".join(plain))


def token_texts(ids: Sequence[int], tokenizer: "Tokenizer") -> list[str]:
    """The text that each token adds; a token with only part of a character appears as the vocabulary has it, in ‹ ›.

    Tokens are decoded in context: alone, SentencePiece's lose their leading space.
    """
    texts, start, shown = [], 0, ""
    for end, index in enumerate(ids, start=1):
        decoded = tokenizer.decode(ids[start:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        whole = decoded.startswith(shown) and not decoded.endswith("\ufffd")
        texts.append(decoded[len(shown) :] if whole else f"‹{tokenizer.convert_ids_to_tokens(index)}›")
        if whole:  # the next token is decoded after this one alone: that is context enough, and keeps the time linear
            start = end - 1
            shown = tokenizer.decode([index], skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return texts
