"""The linter's rules: what each finds, how bad it is, and how to fix it."""

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
        "error", "neither instruction nor input, no text to label or search, or an empty message in a conversation",
        "drop the row", safe=True),
    "placeholder_input": Rule(
        "warning", "an input that only says that there is none, such as 'N/A'",
        "empty the input; drop the row if the input is the text to label or search", safe=True),
    "placeholder_output": Rule("error", "an output such as '<nooutput>'", "drop the row", safe=True),
    "duplicate": Rule(
        "warning", "same instruction, input and output as an earlier row", "keep the first", safe=True),
    "conflict": Rule(
        "error", "the prompt of an earlier row (a label's also in other case or punctuation), another output; info for "
        "free text",
        "decide which is right, or drop all of them; of free answers several may be right"),
    "near_duplicate": Rule(
        "warning", "nearly the text of an earlier row (three-word shingles, Jaccard ≥ 0.8)",
        "keep one; split() at least keeps them on one side"),
    "leakage": Rule("error", "nearly the text of a test row", "drop the row here, or divide with split()"),
    "label_error": Rule(
        "warning", "a label that a classifier of words, trained on the other rows, doubts (label_errors)",
        "read the row, and correct the label if it is wrong"),
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
        "warning", "an output that repeats the input or the instruction (info where many rows share the instruction)",
        "drop the row, unless leaving a correct text alone is the task"),
    "section_marker": Rule(
        "error", "a template's section marker in the data, such as '### Response:'",
        "reword it: for the model it ends a section"),
    "special_token": Rule(
        "error", "text that spells a special token, such as '</s>' or '<|im_end|>' (info for '<mask>' and its like)",
        "keep it as text: encode the data with split_special_tokens=True"),
    "run_on_output": Rule(
        "error", "an output that goes on into another 'Instruction:'", "cut the output before it"),
    "refusal": Rule(
        "warning", "an answer such as 'As an AI language model' or 'Sorry, the task requires …'",
        "drop the row or write an answer"),
    "says_nothing": Rule(
        "warning", "a text to label that only says that there is nothing to say, such as 'Nothing' or 'No complaints' "
        "(info for an answer)", "drop the row, unless its label or question fits"),
    "personal_data": Rule(
        "warning", "an e-mail address, a phone number, or a card number or IBAN with the right check digits",
        "mask it: apply_safe_fixes(records, mask_personal_data=True)"),
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
    "broken_entity": Rule(
        "warning", "an HTML entity that lost its '&' or ';', such as '#39;' or '&quot'", "write the character"),
    "stray_backslash": Rule(
        "info", "a backslash in plain words, such as 'band\\of' or a written-out '\\n'",
        "remove it, or write the line end that it stands for; read_table knows other ways to quote"),
    "html_tag": Rule(
        "info", "an HTML tag such as '<br />'", "replace it by a newline, unless it is about HTML"),
    "broken_encoding": Rule(
        "warning", "traces of a wrong encoding, such as 'Ã©' for 'é' or U+FFFD",
        "read the file again: read_table(path, encoding=…)"),
    "too_long": Rule(
        "info", "more than 2,000 characters, or over 10 times the median; an instruction of many rows counts once",
        "check it against max_length in tokens"),
}
# fmt: on
