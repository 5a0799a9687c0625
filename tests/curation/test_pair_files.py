"""Files of curated pairs: each form can be read back, and every text is in one of them."""

import pytest
from curation_fixture import GOOD, drafts

from utils.curation import BareTexts, Judged, new_folder, write_pairs
from utils.errors import DataError
from utils.files import read_jsonl
from utils.records import Note, from_instructions, from_messages, from_sharegpt, load_records

JUDGED = [
    Judged(draft, GOOD, reasons)
    for draft, reasons in zip(drafts("Write to Ann.", "Write.", "Sing."), [{}, {"linter": "x"}, {}], strict=True)
]
GIVEN = BareTexts(["a.txt", "b.txt", "c.txt"], [one.draft.text for one in JUDGED], [Note(4, "read", "empty", "")], [])


def test_every_form_holds_the_kept_pairs(tmp_path):
    counts = write_pairs(JUDGED, GIVEN, tmp_path)
    pairs = [(one.draft.instruction, one.draft.text) for one in JUDGED if one.kept]
    back = {"alpaca.json": from_instructions, "messages.jsonl": from_messages, "sharegpt.jsonl": from_sharegpt}
    for name, read in back.items():
        assert [(record.instruction, record.output) for record in read(tmp_path / name).records] == pairs
    assert [(record.instruction, record.output) for record in load_records(tmp_path / "records.jsonl")] == pairs
    for name, key in {"prompt_completion.jsonl": "completion", "watsonx.jsonl": "output"}.items():
        assert [row[key] for row in read_jsonl(tmp_path / name)] == [text for _, text in pairs]
    assert all(
        row["text"].endswith(text) for row, (_, text) in zip(read_jsonl(tmp_path / "text.jsonl"), pairs, strict=True)
    )
    assert {path.name for path in tmp_path.iterdir()} == counts.keys() and counts["alpaca.json"] == 2


def test_scores_name_every_text_and_rejected_ones_have_reasons(tmp_path):
    write_pairs(JUDGED, GIVEN, tmp_path)
    assert [(row["text"], row["kept"]) for row in read_jsonl(tmp_path / "scores.jsonl")] == [
        ("a.txt", True), ("b.txt", False), ("c.txt", True)]  # fmt: skip
    read, curated = read_jsonl(tmp_path / "rejected.jsonl")
    assert (read["text"], read["reasons"]) == (4, ["empty"])
    assert (curated["text"], curated["reasons"]) == ("b.txt", ["linter: x"])


def test_nothing_of_somebody_elses_is_overwritten(tmp_path):
    assert new_folder(tmp_path / "new").is_dir() and new_folder(tmp_path / "new").is_dir()
    (tmp_path / "new" / "mine.txt").write_text("mine", encoding="utf-8")
    for taken in (tmp_path / "new", tmp_path / "new" / "mine.txt"):
        with pytest.raises(DataError, match="not an empty folder"):
            new_folder(taken)
