"""Personal data: what has a form is found, what only looks like it is not, and masks leave the rest alone."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.files import ROOT
from utils.quality import apply_safe_fixes, lint
from utils.quality.personal_data import KINDS, masked, personal_data
from utils.records import Record, from_labels, from_phrases, parse_phrases

FOUND = {
    "e-mail": ["ann@example.org", "a.b+c@mail.example.co.uk", "ANN_1@EXAMPLE.COM"],
    "phone number": [
        "+43 660 1234567", "+1 (555) 123-4567", "0043 1 58801 0", "+49 (0)89 123456", "0171/1234567", "(020) 7946 0958",
        "020 7946 0958", "07732584351", "727-326-0913", "(727) 326-0913", "727.326.0913", "1 800 555 0199",
    ],
    "card number": ["4111 1111 1111 1111", "4111111111111111", "5500-0000-0000-0004", "3782 822463 10005"],
    "IBAN": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "AT61 1904 3002 3457 3201"],
}  # fmt: skip
NOT_FOUND = [
    "12.05.2024 10:30", "2019-03-04 to 2021-12-31", "1914-1918", "1,234,567.89 euros", "3.14159265358979",
    "192.168.100.200", "ISBN 978-3-16-148410-0", "4111 1111 1111 1112", "GB82 WEST 1234 5698 7654 33", "a@b",
    "id 20240601123456", "12 34 56 78", "@ann wrote at 5", "room 0123", "10-20-30-40", "100 200 300 400 500",
    "call 112", "10.0.19045.4", "DE89", "0.123456789", "0000 0000 0000 0000", "1 000 000 000", "+20 % in 2023",
    "2001-2002 2003-2004", "5 + 3 = 8",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from([*sum(FOUND.values(), []), *NOT_FOUND, "and", "x", "\n"]), max_size=6).map(" ".join)


@pytest.mark.parametrize("kind", FOUND)
def test_each_kind_is_found_and_masked(kind):
    for text in FOUND[kind]:
        assert [what[0] for what in personal_data(f"Take {text}, please.")] == [kind], text
        assert masked(f"Take {text}, please.") == f"Take {KINDS[kind]}, please."


@pytest.mark.parametrize("text", NOT_FOUND)
def test_other_numbers_are_left_alone(text):
    assert personal_data(f"It is {text}, I think") == []


@given(TEXTS | st.text())
def test_a_masked_text_holds_nothing_more(text):
    assert personal_data(masked(text)) == []


def test_a_finding_counts_the_kinds_of_a_row():
    (finding,) = lint([Record("Say", "Mail ann@example.org, bob@example.org", "+43 660 1234567")])
    assert (finding.rule, finding.severity, finding.message) == (
        "personal_data",
        "warning",
        "2 e-mails, 1 phone number",
    )


def test_masking_is_a_fix_only_if_asked_for_and_keeps_phrases_in_their_text():
    text = "Ann Lund, ann@example.org; Graz"
    (record,) = from_phrases([{"text": text, "phrases": ["Ann Lund", "ann@example.org"]}]).records
    assert apply_safe_fixes([record]) == ([record], [])
    (fixed,), (change,) = apply_safe_fixes([record], mask_personal_data=True)
    assert (fixed.input, parse_phrases(fixed.output)) == ("Ann Lund, [e-mail]; Graz", ["Ann Lund", "[e-mail]"])
    assert (change.rule, change.action) == ("personal_data", "edited")
    assert apply_safe_fixes([fixed], mask_personal_data=True) == ([fixed], [])


def test_no_false_alarm_in_the_projects_own_rows():
    rows = []
    for path in sorted((ROOT / "data").glob("hotel*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += [row["Text"] for row in csv.DictReader(file)]
    for path in sorted((ROOT / "data").glob("*.jsonl")):
        rows += [
            " ".join(map(str, json.loads(line).values())) for line in path.read_text(encoding="utf-8").splitlines()
        ]
    found = {text[start:end] for text in rows for _, start, end in personal_data(text)}
    # All twelve are invented addresses and numbers: no false alarm in 3,916 rows.
    assert len(rows) > 3000 and found == {
        "0170 555 213", "01632 960114", "01632 960188", "h.suleiman@example.com", "giulia.ferrante@example.org",
        "accounts@example.org", "r.petkova@example.com", "+351 910 000 221", "0791 555 032", "052 555 18 18",
        "0161 555 870", "0171 5550142",
    }  # fmt: skip


def test_phone_numbers_of_real_text_messages(refdata):
    records = from_labels(refdata / "classify/SMSSpamCollection", text=1, label=0).records
    rows = [finding.row for finding in lint(records) if finding.rule == "personal_data"]
    spam = sum(records[row].output == "spam" for row in rows)
    assert len(rows) == 393 and spam > 370  # of 747; a number to call is what spam is for
