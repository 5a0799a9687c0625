"""The rows of `data/` that the loop needs: seed pairs, bare texts with their hidden references, and what measures."""

from dataclasses import dataclass, replace
from pathlib import Path

from utils.files import ROOT
from utils.records import Record, from_documents, read_table


@dataclass(frozen=True)
class LoopData:
    """Pairs as records, the text in `output`; slots are the names, dates and places of an instruction.

    Attributes:
        seed: pairs that the reverse model learns from; `seed_kinds` are their kinds, such as "recipe".
        heldout: development pairs, to choose its weights by.
        texts: bare texts. Their `instruction` is the hidden reference: no model reads it before the comparison.
        kinds, test_kinds: of each bare text, and of each of `tests`.
        tests: reference pairs that nothing is trained on, to measure forward models with.
        reverse_test: pairs to measure the reverse model with.
    """

    seed: list[Record]
    seed_kinds: frozenset[str]
    heldout: list[Record]
    texts: list[Record]
    kinds: list[str]
    text_slots: list[list[str]]
    tests: list[Record]
    test_kinds: list[str]
    test_slots: list[list[str]]
    reverse_test: list[Record]
    reverse_slots: list[list[str]]

    def first(self, *, seed: int, texts: int, tests: int, reverse: int) -> "LoopData":
        """The first rows of each, as many as asked."""
        return replace(
            self,
            seed=self.seed[:seed],
            texts=self.texts[:texts], kinds=self.kinds[:texts], text_slots=self.text_slots[:texts],
            tests=self.tests[:tests], test_kinds=self.test_kinds[:tests], test_slots=self.test_slots[:tests],
            reverse_test=self.reverse_test[:reverse], reverse_slots=self.reverse_slots[:reverse],
        )  # fmt: skip


FILES = {
    "seed": "documents.jsonl",
    "heldout": "documents_dev.jsonl",
    "reverse": "documents_test.jsonl",
    "texts": "bare_texts.jsonl",
    "tests": "forward_pairs_test.jsonl",
}
HELDOUT = 16  # development pairs: enough to choose weights by, few enough to be asked ten times


def load_loop_data(folder: Path = ROOT / "data") -> LoopData:
    """Read the files of `data/`.

    Raises:
        DataError: a file that is missing or has other columns.
    """
    tables = {part: read_table(folder / name) for part, name in FILES.items()}
    pairs = {part: from_documents(table).records for part, table in tables.items()}
    rows = {part: list(table.rows()) for part, table in tables.items()}
    slots = {part: [row["slots"] for row in every] for part, every in rows.items()}
    return LoopData(
        seed=pairs["seed"],
        seed_kinds=frozenset(row["kind"] for row in rows["seed"]),
        heldout=pairs["heldout"][:HELDOUT],
        texts=pairs["texts"],
        kinds=[row["kind"] for row in rows["texts"]],
        text_slots=slots["texts"],
        tests=pairs["tests"],
        test_kinds=[row["kind"] for row in rows["tests"]],
        test_slots=slots["tests"],
        reverse_test=pairs["reverse"],
        reverse_slots=slots["reverse"],
    )
