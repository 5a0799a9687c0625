"""Files are read in one way: JSON Lines by line, and an error names the line; a digest follows name and content."""

import pytest

from utils.errors import DataError
from utils.files import digest, read_jsonl, write_jsonl


def test_json_lines_come_back_as_they_were_written(tmp_path):
    rows = [{"a": "é\u2028"}, [1, None], "text"]
    assert read_jsonl(write_jsonl(tmp_path / "rows.jsonl", rows)) == rows


def test_empty_lines_are_passed_over_and_a_bad_one_is_named(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('1\n\n2\n{"a":\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"rows.jsonl, line 4 is not JSON"):
        read_jsonl(file)


def test_a_digest_changes_with_a_name_or_a_byte(tmp_path):
    one, two = (tmp_path / name for name in ("one", "two"))
    one.write_bytes(b"a")
    two.write_bytes(b"a")
    before = digest([one])
    assert digest([two]) != before
    one.write_bytes(b"b")
    assert digest([one]) != before
