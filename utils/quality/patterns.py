"""The patterns that the linter's rules search for, and the words of those who have nothing to say."""

import re

# What a pattern of IN_TEXT needs, one of these in small letters: looking for it first is ten times as fast.
SIGNS = {
    "section_marker": ("##", "below is an instruction"),
    "special_token": ("<", "["),
    "html_tag": ("<",),
    "html_entity": ("&",),
    "broken_entity": (";", "&"),
}

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
        r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<(?:bos|eos|start_of_turn|end_of_turn)>|\[/?INST\]|<</?SYS>>|\[(?:BOS|EOS)\]"
    ),
    "control_character": re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"),
    "html_entity": re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z][a-zA-Z\d]{1,30});"),
    # Without "&" only the numbers of punctuation: "see issue #12;" is English.
    "broken_entity": re.compile(
        r"(?<!&)#(?:3[4689]|6[02]|1(?:4[5-9]|5[01]|6[0-9])|821[126-9]|822[0-2]|8230);|(?<![&\w])(?:amp|lt|gt|quot|nbsp"
        r"|apos);|&(?:amp|lt|gt|quot|nbsp|apos)(?![;\\\w=])|&#(?:3[4689]|8217)(?![;\\\d])"
    ),
    "html_tag": re.compile(
        r"</?(?:a|b|i|u|p|br|hr|em|li|ul|ol|td|tr|th|h[1-6]|div|img|pre|sub|sup|code|span|font|small|style|strong"
        r"|center|iframe|blockquote|table|body|html|head|script)"
        r"(?:\s[^<>=]+=[^<>]*|\s*/?)>",
        re.IGNORECASE,
    ),
}
# Special tokens that only fill a place, in models that are not trained on here; in a sentence they do no harm.
FILLER_TOKEN = re.compile(r"<(?:pad|unk|mask)>|\[(?:PAD|CLS|SEP|MASK|UNK)\]")
BACKSLASH = re.compile(r"\\(?=[ \"']|$)|(?<=[^\W\d_])\\(?=[^\W\d_])|\\[nrt](?![^\W\d_])", re.MULTILINE)
# Where backslashes are at home: code, formulas, paths.
CODE = re.compile(r"[{}$=^`<|]|\\\\|\b[A-Za-z]:\\|\\[a-z]+\\|\w\(")
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
    rf"|i (?:do not|don['’]t) have (?:access|the ability|the capability|enough (?:information|context))\b"
    rf"|{_CANNOT} (?:help|assist|fulfill?|comply|provide|answer|access|generate|create|complete|browse|view|perform)\b",
    re.IGNORECASE,
)
_ASKED = r"(?:task|request|question|prompt|instruction|input|text|context|image|sentence|passage|article|data|link)"
# Other words for it; searched at the start of a free answer only.
DECLINE_AT_START = re.compile(
    rf"(?:(?:i['’]m |i am |we['’]re |we are )?(?:very |so )?sorry|unfortunately|i apologi[sz]e|apologies)\b[,.:]? "
    rf"(?:but |for [^,.]{{0,40}}[,.] ?(?:but )?)?(?:(?:the|this|that|your|there is no|no) (?:\w+ ){{0,2}}{_ASKED}\b"
    rf"|it is (?:not possible|impossible)|as an? )"
    rf"|unable to (?:answer|complete|comply|fulfill?|process|determine|generate|provide)\b"
    rf"|(?:the|this|your) (?:given |provided )?{_ASKED} (?:cannot|can['’]?t|can not|is (?:not|in|un|missing)\w* ?"
    rf"(?:possible|able|complete|clear|enough|provided|to be)|does(?: not|n['’]t) (?:provide|contain|make|specify)"
    rf"|(?:requires|needs) (?:an? |the |more |some )?(?:\w+ )?(?:image|photo|access|information|context|input)\b)"
    rf"|(?:please|could you|can you) (?:please )?(?:provide|share|supply|give|specify) (?:me with |me |us )?"
    rf"(?:the|your|more|an?|some) (?:\w+ ){{0,2}}{_ASKED[:-1]}|information|details)",
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


_NOTHING = re.compile(
    r"(?:(?:i|we) (?:have|had|can say|say) )?(?:absolutely |really )?(?:nothing|none(?= )|no (?:complaints?|comments?"
    r"|issues?|problems?|remarks?|answer|reply|response|opinion|feedback|suggestions?))(?: (?:at all|really|special|bad"
    r"|negative|much|specific|else|here|so far|whatsoever|in particular|to (?:add|say|report|mention|declare|note"
    r"|dislike|improve|complain(?: about)?)|comes? to mind|(?:that )?i can think of|from (?:me|us)))*"
)


def says_nothing(text: str) -> bool:
    """Does this text only say that there is nothing to say, in the words of somebody who was asked for a comment?

    >>> says_nothing("Nothing at all!"), says_nothing("No complaints"), says_nothing("Nothing was clean")
    (True, True, False)
    """
    return len(text) <= 60 and bool(_NOTHING.fullmatch(" ".join(re.findall(r"\w+", text.casefold()))))
