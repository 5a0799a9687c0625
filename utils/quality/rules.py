"""The linter's rules: what each finds, how bad it is, and how to fix it; with the patterns behind them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """severity: "error" teaches the model something wrong, "warning" probably does, "info" is worth a look.

    safe: `apply_safe_fixes` applies the fix by itself.
    """

    severity: str
    finds: str
    fix: str
    safe: bool = False


# fmt: off
RULES: dict[str, Rule] = {
    "empty_output": Rule("error", "an output without text", "drop the row", safe=True),
    "empty_prompt": Rule(
        "error", "neither instruction nor input, or no text to label or search", "drop the row", safe=True),
    "placeholder_input": Rule(
        "warning", "an input that only says that there is none, such as 'N/A'",
        "empty the input; drop the row if the input is the text to label or search", safe=True),
    "placeholder_output": Rule("error", "an output such as '<nooutput>'", "drop the row", safe=True),
    "duplicate": Rule(
        "warning", "same instruction, input and output as an earlier row", "keep the first", safe=True),
    "conflict": Rule(
        "error", "same instruction and input as an earlier row, another output (info for free text)",
        "decide which is right, or drop all of them; of free answers several may be right"),
    "near_duplicate": Rule(
        "warning", "nearly the text of an earlier row (three-word shingles, Jaccard ≥ 0.8)",
        "keep one; split() at least keeps them on one side"),
    "leakage": Rule("error", "nearly the text of a test row", "drop the row here, or divide with split()"),
    "label_imbalance": Rule(
        "warning", "the most frequent label has over 10 times the rows of the rarest, or over 80 % of all",
        "collect more, or report scores per label (macro F1)"),
    "rare_label": Rule("warning", "a label with fewer than 10 rows", "collect more, merge it, or drop it"),
    "label_variant": Rule(
        "error", "labels that differ only in case, spaces or hyphens",
        "write them alike: from_labels(label_names=…)"),
    "phrase_not_in_text": Rule(
        "error", "a phrase or answer that its text does not contain, letter by letter",
        "correct the phrase; check offsets and encoding"),
    "output_equals_input": Rule(
        "warning", "an output that repeats the input or the instruction",
        "drop the row, unless leaving a correct text alone is the task"),
    "section_marker": Rule(
        "error", "a template's section marker in the data, such as '### Response:'",
        "reword it: for the model it ends a section"),
    "special_token": Rule(
        "error", "text that spells a special token, such as '</s>' or '<|im_end|>'",
        "keep it as text: encode the data with split_special_tokens=True"),
    "run_on_output": Rule(
        "error", "an output that goes on into another 'Instruction:'", "cut the output before it"),
    "refusal": Rule(
        "warning", "an answer such as 'As an AI language model'", "drop the row or write an answer"),
    "media": Rule("info", "a request about an image, a sound or a video", "drop it: the model only reads"),
    "url": Rule("info", "an input with a link", "put the linked text in its place: the model opens no links"),
    "control_character": Rule(
        "warning", "a control character other than tab and newline",
        "remove it; line ends become newlines", safe=True),
    "invisible_character": Rule(
        "warning", "zero-width or soft-hyphen characters, BOM, no-break spaces, U+2028",
        "remove them, or write a plain space or newline", safe=True),
    "not_nfc": Rule(
        "info", "letter and accent as two characters: other tokens for the same text",
        "normalise to NFC", safe=True),
    "outer_space": Rule(
        "warning", "an output that begins or ends with white space: it moves the seam",
        "strip it", safe=True),
    "html_entity": Rule(
        "info", "an HTML entity such as '&amp;'", "html.unescape(text), unless it is about HTML"),
    "html_tag": Rule(
        "info", "an HTML tag such as '<br />'", "replace it by a newline, unless it is about HTML"),
    "broken_encoding": Rule(
        "warning", "traces of a wrong encoding, such as 'Ã©' for 'é' or U+FFFD",
        "read the file again: read_table(path, encoding=…)"),
    "too_long": Rule(
        "info", "more than 2,000 characters in all, or over 10 times the median",
        "check it against max_length in tokens"),
}
# fmt: on

# Searched in instruction, input and output.
IN_TEXT = {
    "broken_encoding": re.compile(
        "\ufffd|Ã[\u0080-\u00bf\u0152-\u2122]|Â[\u00a0-\u00bf]|â€[\u0080-\u00bf\u0152-\u2122]"
    ),
    "section_marker": re.compile(
        r"#{2,} ?(?:instruction|input|context|response|output)\b ?:|(?<!#)### ?(?:human|user|assistant|system) ?:"
        r"|\bbelow is an instruction that describes a task\b",
        re.IGNORECASE,
    ),
    "special_token": re.compile(
        r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<(?:bos|eos|pad|unk|mask|start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>"
        r"|\[(?:PAD|CLS|SEP|MASK|UNK|BOS|EOS)\]"
    ),
    "control_character": re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"),
    "html_entity": re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z\d]{1,30});"),
    "html_tag": re.compile(
        r"</?(?:a|b|i|u|p|br|hr|em|li|ul|ol|td|tr|th|h[1-6]|div|img|pre|sub|sup|code|span|font|small|style|strong"
        r"|center|iframe|blockquote|table|body|html|head|script)"
        r"(?:\s[^<>=]+=[^<>]*|\s*/?)>",
        re.IGNORECASE,
    ),
}
# Zero-width joiners and direction marks count only among Latin letters: emoji, Persian, Hindi and Hebrew need them.
INVISIBLE = re.compile(
    "[\u00a0\u00ad\u180e\u200b\u2007\u2028\u2029\u202f\u2060-\u2064\ufeff]"
    "|(?<![^\x00-\u024f\u2000-\u206f])[\u200c-\u200f\u202a-\u202e\u2066-\u2069](?![^\x00-\u024f\u2000-\u206f])"
)

RUN_ON = re.compile(r"\bInstruction ?\d*:")
_AI = r"(?:ai|artificial intelligence)"
_IS_THE_MODEL = r"(?: (?:model|assistant|chatbot|system))?(?=[,.;!]| (?:i|and|so|that|developed|trained|created)\b)"
REFUSAL = re.compile(
    rf"\bas an {_AI}{_IS_THE_MODEL}|\bi(?:['’]m| am) (?:just |only )?an {_AI}{_IS_THE_MODEL}"
    rf"|\b(?:as|i am|i['’]m) (?:just |only )?an? (?:{_AI} |large )?language model\b",
    re.IGNORECASE,
)
# How a model declines; searched only in free answers, since a letter may decline in the same words.
_CANNOT = r"\bi(?:['’]m| am)? (?:can['’]?t|cannot|can not|unable to|not able to)\b"
DECLINE = re.compile(
    rf"(?:unfortunately|i apologi[sz]e|(?:(?:i['’]m|i am) )?(?:very |so )?(?:sorry|afraid))\b[^.!?]{{0,40}}{_CANNOT}"
    rf"|{_CANNOT} (?:help|assist|fulfill?|comply|provide|answer|access|generate|create|complete|browse|view|perform)\b",
    re.IGNORECASE,
)
URL = re.compile(r"https?://\S|\bwww\.\w", re.IGNORECASE)
MEDIA = re.compile(
    r"\b(?:this|following|attached|given) (?:image|photo|picture|photograph|video|audio|recording)\b"
    r"|\b(?:draw|sketch) (?:an?|me)\b|\b(?:create|generate|design) an? (?:image|picture|logo|video)\b",
    re.IGNORECASE,
)

_WHAT = ("input", "output", "context", "text", "content")
_ENDS = ("", " needed", " required", " provided", " given", " necessary", " available", " specified")
_PLACEHOLDERS = frozenset(
    ["not applicable", "not available", "no negative", "no positive", "noinput", "nooutput"]
    + [f"no {what}{end}" for what in _WHAT for end in _ENDS]
)
_INPUT_ONLY = frozenset(["none", "null", "nan", "nil", "-", "--", "---", "–", "—", "…", "..."])
_IN_BRACKETS = frozenset(["empty", "input"])  # bare they are words, of which someone may want the opposite
_NOT_APPLICABLE = re.compile(r"#?n ?[./\\]? ?a")


def is_placeholder(text: str, *, is_output: bool = False) -> bool:
    """Does this text only say that there is none? As an output, "none" is an answer like any other.

    >>> is_placeholder("<noinput>"), is_placeholder("none"), is_placeholder("none", is_output=True)
    (True, True, False)
    """
    if len(text) > 40:
        return False
    spaced = re.sub(r"[\s_]+", " ", text).strip()
    bare = spaced.strip("<>[](){}*\"'. ") or spaced
    plain = bare.casefold()
    if _NOT_APPLICABLE.fullmatch(plain):
        return not (is_output and bare == "Na")  # the answer to a question about sodium
    if plain in _PLACEHOLDERS:
        return True
    return not is_output and (plain in _INPUT_ONLY or (plain in _IN_BRACKETS and spaced[0] in "<[({"))
