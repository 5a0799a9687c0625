"""The fixes that need no judgement: nothing a reader would notice is changed, only useless rows are dropped."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from utils.quality.patterns import IN_TEXT, INVISIBLE, is_placeholder
from utils.quality.personal_data import masked
from utils.records import Record, format_phrases, parse_phrases

# \x92 and the like were meant as Windows-1252, where they are quotes and dashes; browsers read them so, too.
_CONTROLS = {chr(byte): bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xA0)}
_CONTROLS |= dict.fromkeys("\r\x0b\x0c", "\n")
_SPACES = {"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2028": "\n", "\u2029": "\n"}


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to the record with this index in the list that was passed in: "dropped" or "edited"."""

    row: int
    rule: str
    action: str


def apply_safe_fixes(
    records: Sequence[Record], *, mask_personal_data: bool = False
) -> tuple[list[Record], list[Change]]:
    """Apply the fixes that `RULES` calls safe. What changed is reported; a second call changes nothing more.

    Args:
        records: what is fixed.
        mask_personal_data: also write "[phone]" and the like in place of what the rule "personal_data" finds, in all
            texts of a record, phrases included.

    >>> fixed, changes = apply_safe_fixes([Record("Say hello", "N/A", "Hello!"), Record("Say hello", "", "")])
    >>> fixed[0].input, [(change.row, change.rule, change.action) for change in changes]
    ('', [(0, 'placeholder_input', 'edited'), (1, 'empty_output', 'dropped')])
    """
    kept: list[Record] = []
    changes: list[Change] = []
    seen: set[tuple] = set()
    rules = _EDITS | ({"personal_data": masked} if mask_personal_data else {})
    for row, record in enumerate(records):
        fixed, edits = _edit(record, rules)
        texts = prompt_of(fixed), fixed.output.strip()
        reason = drop_reason(fixed) or ("duplicate" if texts in seen else None)
        if reason:
            changes.append(Change(row, reason, "dropped"))
            continue
        changes += [Change(row, rule, "edited") for rule in edits]
        seen.add(texts)
        kept.append(fixed)
    return kept, changes


def prompt_of(record: Record) -> tuple:
    """What equal prompts have in common: history, instruction and input, without white space around them."""
    told = tuple((turn.role, turn.content.strip()) for turn in record.history)
    return told, record.instruction.strip(), record.input.strip()


def drop_reason(record: Record) -> str | None:
    """The rule by which a single record is of no use, if there is one; of a conversation every message counts."""
    for turn in record.history:
        if not turn.content.strip() and turn.role != "system":
            return "empty_output" if turn.role == "assistant" else "empty_prompt"
        if turn.role == "assistant" and turn.trained and is_placeholder(turn.content, is_output=True):
            return "placeholder_output"
    needs_input = record.task in ("classification", "extraction", "question")
    has_prompt = record.input.strip() if needs_input else (record.instruction + record.input).strip()
    if not record.output.strip():
        return "empty_output"
    if not has_prompt and record.task != "document":  # a document alone waits for its instruction
        return "empty_prompt"
    if needs_input and is_placeholder(record.input):
        return "placeholder_input"
    if record.task != "classification" and is_placeholder(record.output, is_output=True):
        return "placeholder_output"
    return None


def _edit(record: Record, rules: Mapping[str, Callable[[str], str]]) -> tuple[Record, list[str]]:
    edits = []
    for rule, change in rules.items():
        texts = record.instruction, record.input, record.output
        history = record.history
        if not history and all(text.isascii() for text in texts) and rule in ("invisible_character", "not_nfc"):
            continue
        instruction, body, output = map(change, texts)
        if record.task == "extraction":  # a phrase may change so that it needs, or no longer needs, an escape
            output = format_phrases([new for old in parse_phrases(record.output) if (new := change(old))])
        is_edge = rule == "outer_space"  # only what is learned is stripped
        if is_edge:
            instruction, body = texts[:2]
        history = tuple(
            turn if is_edge and turn.role != "assistant" else turn._replace(content=change(turn.content))
            for turn in history
        )
        if (instruction, body, output, history) != (*texts, record.history):
            record = replace(record, instruction=instruction, input=body, output=output, history=history)
            edits.append(rule)
    if drop_reason(record) is None and is_placeholder(record.input):  # last: "N/\u200bA" is one only now
        record = replace(record, input="")
        edits.append("placeholder_input")
    return record, edits


def _plain_controls(text: str) -> str:
    if not IN_TEXT["control_character"].search(text):
        return text
    text = text.replace("\r\n", "\n")
    return IN_TEXT["control_character"].sub(lambda found: _CONTROLS.get(found.group(), ""), text)


def _visible(text: str) -> str:
    return INVISIBLE.sub(lambda found: _SPACES.get(found.group(), ""), text)


_EDITS = {
    "control_character": _plain_controls,
    "invisible_character": _visible,
    "not_nfc": lambda text: unicodedata.normalize("NFC", text),
    "outer_space": str.strip,
}
