"""Spans as annotation tools write them: types under several names, outer spaces, texts that are out of date."""

import pytest

from utils.errors import DataError
from utils.records import from_spans

TEXT = "Anna met Bo in Bonn"


@pytest.mark.parametrize(
    "named",
    [{"label": "LOC"}, {"type": "LOC"}, {"labels": ["LOC"]}, {"label": ["X", "LOC"]}, {"labels": ["LOC", "CITY"]}],
)
def test_types_count_under_whatever_name_they_stand(named):
    rows = [{"text": TEXT, "spans": [{"start": 0, "end": 4, "labels": ["PER"]}, {"start": 15, "end": 19, **named}]}]
    result = from_spans(rows, types=["LOC"])
    assert result.records[0].output == "Bonn"
    assert result.records[0].instruction == "Extract the phrases of these types from the text: LOC."
    with pytest.raises(DataError, match="no phrase of the type 'ORG'; it has .*LOC.*PER.*: pass types="):
        from_spans(rows, types=["LOC", "ORG"])


def test_spans_without_types_have_no_type_to_ask_for():
    with pytest.raises(DataError, match="it has no types"):
        from_spans([{"text": TEXT, "spans": [[0, 4]]}], types=["PER"])


def test_outer_spaces_are_cut_off_with_one_note():
    rows = [{"text": TEXT, "spans": [[4, 11, "PER"], [0, 5, "PER"]]}, {"text": TEXT, "spans": [[0, 4, "PER"]]}]
    result = from_spans(rows)
    assert result.records[0].output == "Anna; met Bo"
    assert [(note.row, note.reason) for note in result.notes] == [(1, "offsets with outer spaces, which were cut off")]
    assert result.summary().endswith("1 with a note (offsets with outer spaces, which were cut off: 1)")
    spaced = [{"start": 0, "end": 5, "text": "Anna"}]
    assert from_spans([{"text": TEXT, "spans": spaced}]).records[0].output == "Anna"


def test_texts_that_are_out_of_date_are_counted_as_one_reason():
    spans = [
        {"start": start, "end": start + 4, "text": text}
        for start, text in ((0, "Anne"), (1, "nna?"), (2, "na's"), (3, "Bo"))
    ]
    result = from_spans([{"text": TEXT, "spans": [span]} for span in spans])
    assert len(result.rejected) == 4
    assert result.summary().endswith("(the text of a span is not what its offsets cut out: …, but … at …: 4)")
