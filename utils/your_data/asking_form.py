"""How an adapter is asked, kept beside it in `ask.json`, so that nobody has to remember it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.files import write_json, write_text
from utils.prompts import ChatTemplate, PromptTemplate
from utils.records import Record, turns_of
from utils.your_data.headings import CHATS, USUAL
from utils.your_data.parameters import as_list, as_mapping

FORM = "ask.json"
COMMANDS = 'python -m utils.ask OUT "a text"\npython -m utils.ask OUT texts.jsonl -o answers.jsonl'
ASK = """from utils.your_data import load_asker

ask = load_asker({folder!r})
print(ask({text!r})["answer"])"""
BLOCKS = f"""```sh
{COMMANDS}
```

```python
{ASK.format(folder="OUT", text="a text")}
```"""
_IN_CARD = f"""
## Ask it

From the project's folder, with the path of this folder in place of `OUT`; how a text becomes a prompt is in `{FORM}`.

{BLOCKS}
"""


def save_form(
    folder: Path,
    template: PromptTemplate | ChatTemplate,
    records: Sequence[Record],
    *,
    settings: Mapping[str, Any],
    max_new_tokens: int,
    labels: Sequence[str] = (),
    temperature: float = 1.0,
) -> Path:
    """Write beside the adapter how it is asked, and into its card the commands that ask it.

    Args:
        records: those of the training. Where all have one instruction, the text takes the place of what
            `template.data_field` names; else the text is the instruction, and what it is about an input beside it. Of
            conversations the text is what the user says, after the system message that all of them begin with, if any.
        settings: the parameters; from them it is known which columns of a file hold the text.
        labels: the allowed labels, if it is to choose among them; `temperature` makes their probabilities honest.
    """
    is_chat = settings["task"] == "conversation"
    asked = {_system(record) if is_chat else record.instruction for record in records}
    field = "output" if template.data_field == "output" else "input" if len(asked) == 1 else "instruction"
    field = "conversation" if is_chat else field
    form = {
        "template": template.name,
        "field": field,
        "instruction": min(asked) if field in ("input", "conversation") and len(asked) == 1 else "",
        "task": records[0].task,
        **_columns(settings),
        "max_new_tokens": max_new_tokens,
    }
    choice = {"labels": list(labels), "temperature": temperature} if labels else {}
    if (card := folder / "README.md").is_file():
        write_text(card, card.read_text(encoding="utf-8").partition(_IN_CARD)[0] + _IN_CARD)
    return write_json(folder / FORM, form | choice)


def _system(record: Record) -> str:
    first = turns_of(record)[0]
    return first.content if first.role == "system" else ""


def _columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with the text: those that were given, joined, or else the first with a usual name."""
    texts = [str(name) for name in as_list(settings["text_column"])]
    given = texts or [str(name) for name in as_mapping(settings["column_labels"])]  # of these, one a row
    asked = str(settings["instruction_column"])
    usual = CHATS if settings["task"] == "conversation" else USUAL.get(settings["task"], {}).get("text_column", ())
    return {
        "columns": given or [*usual, "input"],
        "joined": bool(texts),
        "instruction_columns": [asked] if asked else ["instruction", "question", "prompt"],
    }
