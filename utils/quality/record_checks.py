"""What the linter sees in a single record."""

import unicodedata
from collections import Counter
from collections.abc import Iterator

from utils.quality.findings import Found
from utils.quality.fixes import drop_reason
from utils.quality.patterns import (
    BACKSLASH,
    CODE,
    DECLINE,
    DECLINE_AT_START,
    FILLER_TOKEN,
    IN_TEXT,
    INVISIBLE,
    MEDIA,
    REFUSAL,
    RUN_ON,
    SIGNS,
    URL,
    is_placeholder,
    says_nothing,
)
from utils.quality.personal_data import personal_data
from utils.quality.rules import RULES
from utils.records import NO_PHRASES, Record, exchanges, parse_phrases
from utils.text import counted


def check_record(row: int, record: Record, *, is_task: bool) -> Iterator[Found]:
    """Findings of the record in this row. is_task: its instruction is that of a whole task, not its own."""
    fields = {"instruction": record.instruction, "input": record.input, "output": record.output}
    if record.history:
        fields["history"] = "\n".join(turn.content for turn in record.history)
    yield from _check_emptiness(row, record)
    whole = "\n".join(fields.values())  # to look once where nothing is found, which is nearly always
    yield from _check_characters(row, fields, whole)
    yield from _check_words(row, record, fields, whole)
    for at, (one, learned) in enumerate(exchanges(record)[:-1] if record.history else (), start=1):
        if learned:  # an earlier answer of a conversation is learned like the last
            for found in (*_check_answer(row, one), *_check_output(row, one, is_task=False)):
                yield found._replace(message=f"{found.message}, in answer {at}")
    yield from _check_answer(row, record)
    yield from _check_output(row, record, is_task)


def _around(text: str, start: int) -> str:
    return text[max(0, start - 30) : start + 50]


def _check_emptiness(row: int, record: Record) -> Iterator[Found]:
    body, output = record.input, record.output
    if reason := drop_reason(record):
        text = body if reason == "placeholder_input" else output or record.instruction
        yield Found(reason, row, RULES[reason].finds, text)
    elif is_placeholder(body):
        yield Found("placeholder_input", row, f"the input is {body.strip()!r}", record.instruction)
    if record.task == "classification" and says_nothing(body):
        yield Found("says_nothing", row, f"{body.strip()!r} is labelled {output[:60]!r}", body)


def _check_answer(row: int, record: Record) -> Iterator[Found]:
    if record.task not in ("classification", "extraction", "question") and says_nothing(record.output):
        yield Found("says_nothing", row, "the output says nothing", record.output, "info")


def _check_characters(row: int, fields: dict[str, str], whole: str) -> Iterator[Found]:
    is_ascii, small = whole.isascii(), whole.lower()
    cannot_be = {"broken_encoding"} if is_ascii else set()
    if whole.replace("\n", " ").isprintable():
        cannot_be.add("control_character")
    for rule, pattern in IN_TEXT.items():
        if rule in cannot_be or (rule in SIGNS and not any(map(small.__contains__, SIGNS[rule]))):
            continue
        hits = ((name, text, pattern.search(text)) for name, text in fields.items()) if pattern.search(whole) else ()
        name, text, match = next((hit for hit in hits if hit[2]), ("", "", None))
        if match:
            yield Found(rule, row, f"{match.group()!r} in the {name}", _around(text, match.start()))
        elif rule == "special_token":
            yield from _check_filler(row, fields)
    for name, text in fields.items() if not is_ascii else ():
        if text.isascii():
            continue
        if match := INVISIBLE.search(text):
            message = f"U+{ord(match.group()):04X} in the {name}"
            yield Found("invisible_character", row, message, _around(text, match.start()))
        if not unicodedata.is_normalized("NFC", text):
            yield Found("not_nfc", row, f"the {name} is not in NFC", text)


def _check_filler(row: int, fields: dict[str, str]) -> Iterator[Found]:
    for name, text in fields.items():
        if match := FILLER_TOKEN.search(text):
            yield Found("special_token", row, f"{match.group()!r} in the {name}", _around(text, match.start()), "info")
            return


def _check_words(row: int, record: Record, fields: dict[str, str], whole: str) -> Iterator[Found]:
    for name, text in fields.items() if "\\" in whole else ():
        is_escaped = record.task == "extraction" and name == "output"  # format_phrases writes backslashes
        if not is_escaped and (match := BACKSLASH.search(text)) and not CODE.search(text):
            around = _around(text, match.start())
            yield Found("stray_backslash", row, f"{match.group().strip()!r} in the {name}", around)
    if found := personal_data(whole):
        kinds = Counter(kind for kind, _, _ in found)
        message = ", ".join(counted(count, kind) for kind, count in kinds.items())
        yield Found("personal_data", row, message, _around(whole, found[0][1]))
    if record.task not in ("classification", "extraction"):  # there the text is only to be judged or searched
        if match := URL.search(record.input):
            yield Found("url", row, "a link in the input", _around(record.input, match.start()))
        for asked in (record.instruction, *(turn.content for turn in record.history if turn.role == "user")):
            if match := MEDIA.search(asked):
                yield Found("media", row, f"{match.group()!r} in the instruction", asked)
                break


def _check_output(row: int, record: Record, is_task: bool) -> Iterator[Found]:
    body, output, task = record.input, record.output, record.task
    is_taken_from_text = task in ("classification", "extraction", "question")  # a line may be nothing but a name
    if output.strip() and output.strip() in (body.strip(), record.instruction.strip()) and not is_taken_from_text:
        severity = "info" if is_task else ""  # of many sentences to correct some are right
        yield Found("output_equals_input", row, "the output repeats the prompt", output, severity)
    if output != output.strip():
        message = f"the output begins with {output[:1]!r} and ends with {output[-1:]!r}"
        yield Found("outer_space", row, message, output)
    if "Instruction" in output and (match := RUN_ON.search(output)):
        yield Found("run_on_output", row, f"{match.group()!r} in the output", _around(output, match.start()))
    is_free = task in ("", "instruction")
    declines = is_free and (DECLINE.match(output) or DECLINE_AT_START.match(output))
    if match := REFUSAL.search(output) or declines:
        yield Found("refusal", row, f"{match.group()!r} in the output", _around(output, match.start()))
    targets = parse_phrases(output) if task == "extraction" else [output] if task == "question" else []
    for phrase in targets:
        if phrase not in body and not (task == "question" and phrase == NO_PHRASES):
            yield Found("phrase_not_in_text", row, f"{phrase[:60]!r} is not in the text", body)
