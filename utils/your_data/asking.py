"""Ask the adapter that a run has left: one text, or the rows of a file as they come, in constant memory.

    ask = load_asker("outputs/support")
    print(ask("Where is my parcel?")["answer"])

How a text becomes a prompt is read from `ask.json` beside the adapter, so that nobody has to remember it. What this
module does not do: read other files than its own and those that it is given.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.errors import DataError
from utils.files import read_json
from utils.prompts import PromptTemplate
from utils.records import Record, conversation_so_far, from_instructions
from utils.your_data.asking_form import FORM

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

BATCH = 16  # rows in memory at a time


class Asker:
    """A model with its tokenizer and form: call it with one text, or `rows` with many.

    Where it was trained to give one of several labels, it chooses among these, and says how sure it is.
    """

    def __init__(
        self,
        model: "PeftModel",
        tokenizer: "PreTrainedTokenizerBase",
        templates: Mapping[str, PromptTemplate],
        form: Mapping[str, Any],
    ) -> None:
        self.model, self.tokenizer, self.form = model, tokenizer, form
        self.template = templates[form["template"]]

    def __call__(self, text: str | Record | list[Mapping[str, Any]], *, input: str = "") -> dict[str, Any]:
        """The answer to one text: `answer` and, of labels, `probability`.

        Args:
            text: as the model was trained to read it, without any prompt around it. For a model of conversations also
                what was said so far: `[{"role": "user", "content": …}, …]`, in the form of OpenAI or ShareGPT. Or a
                record like those of the training, whose own answer is not read.
            input: what an instruction is about; only where the text is an instruction.

        Raises:
            ValueError: the text is too long for the model, or messages are not a conversation.
        """
        if isinstance(text, str):
            text = self._record(text, input)
        record = text if isinstance(text, Record) else self._so_far({"messages": text}, "messages")
        return self._answers([record])[0]

    @property
    def has_header(self) -> bool:
        """Whether the columns of its texts have names; else they are counted from 0."""
        return not all(name.isdecimal() for name in self.form["columns"])

    def rows(self, rows: Iterable[str | Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The answers to texts, or to rows that hold one, in their order; few of them are in memory at a time.

        A row that cannot be answered has `error` in place of `answer`.
        """
        rows, number = iter(rows), 0
        while batch := list(islice(rows, BATCH)):
            found: list[dict[str, Any]] = [{} for _ in batch]
            records: dict[int, Record] = {}
            for at, row in enumerate(batch):
                try:
                    records[at] = self._record_of(row)
                except DataError as error:
                    found[at] = {"error": str(error)}
            found = self._filled(found, records)
            for answer in found:
                number += 1
                yield {"row": number} | answer

    def _filled(self, found: list[dict[str, Any]], records: Mapping[int, Record]) -> list[dict[str, Any]]:
        try:
            answers = dict(zip(records, self._answers(list(records.values())), strict=True))
        except ValueError:  # one of them does not fit: then each on its own
            answers = {at: self._alone(record) for at, record in records.items()}
        return [answers.get(at, row) for at, row in enumerate(found)]

    def _alone(self, record: Record) -> dict[str, Any]:
        try:
            return self._answers([record])[0]
        except ValueError as error:
            return {"error": str(error).removeprefix("row 0: ")}

    def _answers(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        from utils.inference import classify, generate

        if not records:
            return []
        if labels := self.form.get("labels"):
            settings = {"temperature": self.form["temperature"], "batch_size": BATCH}
            choices = classify(self.model, self.tokenizer, records, self.template, labels, **settings)
            return [{"answer": one.label, "probability": round(one.probability, 4)} for one in choices]
        settings = {"max_new_tokens": self.form["max_new_tokens"], "batch_size": BATCH}
        answers = generate(self.model, self.tokenizer, records, self.template, **settings)
        return [{"answer": one.text.strip()} | ({} if one.stopped else {"cut_off": True}) for one in answers]

    def _record_of(self, row: str | Mapping[str, Any]) -> Record:
        if isinstance(row, str):
            return self._record(row, "")
        if not isinstance(row, Mapping):
            raise DataError(f"a row is {type(row).__name__}, not a text or an object that holds one")
        if self.form["field"] == "conversation":
            return self._told(row)
        text = _found(row, self.form["columns"], joined=self.form["joined"])
        if self.form["field"] == "instruction":
            return self._record(_found(row, self.form["instruction_columns"]), text)
        return self._record(text or (_found(row, list(row)) if len(row) == 1 else ""), "")

    def _told(self, row: Mapping[str, Any]) -> Record:
        """The conversation so far that a row holds: messages, Alpaca's columns, or what the user says."""
        cells = {str(name).casefold(): value for name, value in row.items()}
        asked = next((name for name in self.form["instruction_columns"] if name.casefold() in cells), None)
        column = next((name.casefold() for name in self.form["columns"] if name.casefold() in cells), None)
        if column is None and asked:
            row = {"system": self.form["instruction"]} | cells | {"output": "?"}
            read = from_instructions([row], instruction=asked.casefold(), output="output")
            if read.rejected:
                raise DataError(read.rejected[0].reason)
            return replace(read.records[0], output="")
        value = cells[column] if column else next(iter(cells.values()), "") if len(cells) == 1 else ""
        if isinstance(value, str) and not value.lstrip().startswith("["):
            return self._record(value, "")
        return self._so_far(cells, column or next(iter(cells)))

    def _so_far(self, row: Mapping[str, Any], column: str) -> Record:
        if self.form["field"] != "conversation":
            raise DataError("this model was not trained on conversations: pass a text")
        return conversation_so_far(row, column, system=self.form["instruction"])

    def _record(self, text: str, input: str) -> Record:
        if not text.strip():
            names = self.form["instruction_columns" if self.form["field"] == "instruction" else "columns"]
            raise DataError(f"there is no text; in a row it is looked for in {', '.join(names)}")
        match self.form["field"]:
            case "input":
                return Record(self.form["instruction"], text, task=self.form["task"])
            case "output":
                return Record("", output=text, task=self.form["task"])
            case "conversation" if self.form["instruction"]:  # what the system says
                return Record(self.form["instruction"], text, task=self.form["task"])
        return Record(text, input, task=self.form["task"])


def _found(row: Mapping[str, Any], names: Sequence[str], *, joined: bool = False) -> str:
    """The text in the first of these columns, in any case, or in all of them, a line each."""
    cells = {str(name).casefold(): value for name, value in row.items()}
    parts = [value.strip() for name in names if isinstance(value := cells.get(name.casefold()), str)]
    return "\n".join(part for part in parts if part) if joined else next(iter(parts), "")


def load_asker(folder: str | os.PathLike[str], *, base: str | os.PathLike[str] | None = None) -> Asker:
    """Load what a run has left.

    Args:
        folder: the run's output folder, or the adapter folder in it.
        base: where the base model is now, if it is not where it was.

    Raises:
        DataError: no such folder, or it does not say how the adapter is asked.
        AdapterError: the adapter cannot be used.
    """
    folder = Path(folder)
    adapter = folder if (folder / FORM).is_file() else folder / "adapter"
    if not (adapter / FORM).is_file():
        raise DataError(f"{folder} holds no adapter of a job (no {FORM}): pass the output_dir of a run that has ended")
    form = read_json(adapter / FORM)
    needed = {"template", "field", "instruction", "task", "columns", "joined", "instruction_columns", "max_new_tokens"}
    if not isinstance(form, dict) or not needed <= form.keys():
        raise DataError(f"{adapter / FORM} is not what a job writes: run the job again")
    from utils.adapters import load_adapter

    model, tokenizer, templates = load_adapter(adapter, base=base)
    return Asker(model, tokenizer, templates, form)
