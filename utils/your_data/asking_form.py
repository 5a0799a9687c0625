"""How an adapter is asked, kept beside it in `ask.json`, so that nobody has to remember it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.files import write_json
from utils.prompts import PromptTemplate
from utils.records import Record
from utils.your_data.headings import USUAL
from utils.your_data.parameters import as_list, as_mapping

FORM = "ask.json"


def save_form(
    folder: Path,
    template: PromptTemplate,
    records: Sequence[Record],
    *,
    settings: Mapping[str, Any],
    max_new_tokens: int,
    labels: Sequence[str] = (),
    temperature: float = 1.0,
) -> Path:
    """Write beside the adapter how it is asked.

    Args:
        records: those of the training. Where all have one instruction, the text takes the place of what
            `template.data_field` names; else the text is the instruction, and what it is about an input beside it.
        settings: the parameters; from them it is known which columns of a file hold the text.
        labels: the allowed labels, if it is to choose among them; `temperature` makes their probabilities honest.
    """
    asked = {record.instruction for record in records}
    field = "output" if template.data_field == "output" else "input" if len(asked) == 1 else "instruction"
    form = {
        "template": template.name,
        "field": field,
        "instruction": min(asked) if field == "input" else "",
        "task": records[0].task,
        **_columns(settings),
        "max_new_tokens": max_new_tokens,
    }
    choice = {"labels": list(labels), "temperature": temperature} if labels else {}
    return write_json(folder / FORM, form | choice)


def _columns(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with the text: those that were given, joined, or else the first with a usual name."""
    texts = [str(name) for name in as_list(settings["text_column"])]
    given = texts or [str(name) for name in as_mapping(settings["column_labels"])]  # of these, one a row
    asked = str(settings["instruction_column"])
    usual = USUAL.get(settings["task"], {}).get("text_column", ())
    return {
        "columns": given or [*usual, "input"],
        "joined": bool(texts),
        "instruction_columns": [asked] if asked else ["instruction", "question", "prompt"],
    }
