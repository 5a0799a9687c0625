"""A reader's own texts without instructions: a folder of text files, one text each, or a table with a text a row."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.curation.fit import CONSTANT
from utils.errors import DataError, Pass
from utils.files import read_text, shown
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode
from utils.records import Note, Record, from_documents, read_table
from utils.text import excerpt

ENDINGS = (".txt", ".md")
FIELDS = ("document", "text", "content", "body")  # what a column of texts is usually called


@dataclass(frozen=True)
class BareTexts:
    """Texts with the names that a reader knows them by (a file's, or "row 7"), and notes of those that are left out.

    Attributes:
        notes: for each text that is left out its place in the folder or table (1 is the first), why, and how it starts.
        unread: files of a folder that are not text files.
    """

    names: list[str]
    texts: list[str]
    notes: list[Note]
    unread: list[str]


def read_bare_texts(path: str | os.PathLike[str], *, field: str | None = None) -> BareTexts:
    """Read the `.txt` and `.md` files below a folder, one such file, or a JSONL, JSON, CSV or Parquet table.

    Args:
        field: the column with the texts (default: the first of `FIELDS` that is there, or the only one).

    Raises:
        DataError: no such path, nothing to read in it, or no column for the texts.
    """
    path = Path(path)
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
        return _from_files([file for file in inside if file.suffix.lower() in ENDINGS], path, inside)
    if path.suffix.lower() in ENDINGS and path.is_file():
        return _from_files([path], path.parent, [path])
    table = read_table(os.fspath(path))
    known = next((name for name in FIELDS if name in table.columns), None)
    column = field or known or (table.columns[0] if len(table.columns) == 1 else None)
    if column is None or column not in table.columns:
        problem = (
            f"{path.name} has no column {field!r}" if field else f"{path.name} does not say which column holds texts"
        )
        raise DataError(problem, Pass("field", f"<one of {', '.join(map(repr, table.columns))}>"))
    found = from_documents(table, text=column, instruction=None)
    names = [f"row {record.row}" for record in found.records]
    return BareTexts(names, [record.output.strip() for record in found.records], list(found.rejected), [])


def usable(given: BareTexts, tokenizer: Tokenizer, *, max_length: int) -> BareTexts:
    """The texts that a model can read and write whole, in both directions; the others become notes.

    Args:
        max_length: tokens that a text may have, the prompt around it included; a longer one is not cut.
    """
    pairs = [Record(CONSTANT, "", text, "document", row=at) for at, text in enumerate(given.texts, start=1)]
    notes: dict[int, Note] = {}
    for template in (ALPACA, REVERSE_INSTRUCTION):
        for note in encode(pairs, template, tokenizer, max_length=max_length, too_long="drop").notes:
            notes.setdefault(note.row, Note(note.row, note.stage, note.reason, excerpt(given.texts[note.row - 1])))
    stays = [at for at in range(len(given.texts)) if at + 1 not in notes]
    left_out = [Note(note.row, note.stage, f"{given.names[note.row - 1]}: {note.reason}", note.excerpt)
                for note in notes.values()]  # fmt: skip
    names, texts = ([column[at] for at in stays] for column in (given.names, given.texts))
    return BareTexts(names, texts, [*given.notes, *left_out], given.unread)


def _from_files(files: Sequence[Path], folder: Path, inside: Sequence[Path]) -> BareTexts:
    if not files:
        kinds = ", ".join(sorted({file.suffix or "no ending" for file in inside})) or "no files"
        raise DataError(f"{shown(folder)} holds no {' or '.join(ENDINGS)} file (but {kinds})", "save the texts as .txt")
    names, texts, notes = [], [], []
    for place, file in enumerate(files, start=1):
        name = file.relative_to(folder).as_posix()
        try:
            text = read_text(file).replace("\r\n", "\n").strip()
        except DataError as error:
            notes.append(Note(place, "read", error.problem, ""))
            continue
        if not text:
            notes.append(Note(place, "read", f"{name} is empty", ""))
            continue
        names.append(name)
        texts.append(text)
    chosen = set(files)
    return BareTexts(names, texts, notes, [f.relative_to(folder).as_posix() for f in inside if f not in chosen])


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
