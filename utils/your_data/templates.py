"""The template of a run: chosen by name or read from a file, and refused where nothing could be learned with it.

All that is wrong with it is said before a model is loaded. What this module does not do: define templates.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from utils.errors import DataError
from utils.files import read_text
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, ChatTemplate, PromptTemplate, template_from_dict
from utils.records import Record
from utils.text import counted
from utils.your_data.columns import locate

OWN_CHAT = ChatTemplate(name="chat")  # its text is the tokenizer's, which is not loaded yet
BY_TASK = {"documents": "reverse_instruction", "conversation": "chat"}
MIN_RECORDS = 10  # fewer leave a test set of one row or two, which says nothing
# A name becomes a file's name beside an adapter, and `default` is what a tokenizer calls the template that it uses.
NAME = re.compile(r"(?!(?:default|tool_use|rag)$)\w[\w .-]{0,59}", re.ASCII)


def choose_template(name: str, task: str) -> PromptTemplate | ChatTemplate:
    """ALPACA, REVERSE_INSTRUCTION or "chat", the model's own, by name ("": the one that fits the task), or a template
    from a JSON file.

    Raises:
        DataError: neither, or a file that does not hold a template that can be used; the message names its fault.
    """
    known = {template.name: template for template in (ALPACA, REVERSE_INSTRUCTION, OWN_CHAT)}
    name = name or BY_TASK.get(task, "alpaca")
    if name in known:
        return known[name]
    path = Path(locate(name))
    if not path.is_file():
        raise DataError(f"template {name!r} is neither a file nor one of {', '.join(known)}")
    try:
        content = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"template file {path.name} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"template file {path.name} holds a {type(content).__name__}, not an object with name and text")
    try:
        template = template_from_dict({"name": path.stem} | content)
    except ValueError as error:
        raise DataError(f"template file {path.name}: {error}") from None
    if not NAME.fullmatch(template.name):
        raise DataError(
            f"template file {path.name}: its name is {template.name[:70]!r}: use 60 letters, digits, '_', '-', '.' or "
            "spaces at most, and not a name that tokenizers use themselves (default, tool_use, rag)"
        )
    if template.name in known and template != known[template.name]:
        raise DataError(f"template file {path.name}: its name {template.name!r} is that of another template: rename it")
    return template


def check_enough(records: Sequence[Record], template: PromptTemplate | ChatTemplate) -> None:
    """Refuse records that nothing can be learned from with this template.

    Raises:
        DataError: fewer than `MIN_RECORDS`, all with the same answer, or prompts that do not show what they are about.
    """
    if len(records) < MIN_RECORDS:
        raise DataError(
            f"{len(records)} usable records are too few to train and to test on: at least {MIN_RECORDS} are needed"
        )
    prompts, answers = zip(*(template.render(record) for record in records), strict=True)
    if len(set(answers)) == 1:
        raise DataError(
            f"all {len(records):,} records have the same answer, {answers[0][:60]!r}: there is nothing to learn; "
            f"choose another answer_column, or a template other than {template.name!r}"
        )
    field = "output" if template.completion != "{output}" else "input"
    texts = [getattr(record, field) for record in records]
    hidden = sum(bool(text.strip()) and text.strip() not in prompt for text, prompt in zip(texts, prompts, strict=True))
    if hidden:
        raise DataError(
            f"template {template.name!r} does not show the {field} of {counted(hidden, 'record')}, so their prompts do "
            f"not say what is asked about: put {{{field}}} into its text, or use another template"
        )
    if len(set(prompts)) == 1:
        raise DataError(f"template {template.name!r} makes the same prompt of every record: show what differs in them")
