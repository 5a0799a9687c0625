"""The linter as a command: a table, files on request, and an exit status that a script can use."""

import json

import pytest

from utils import lint

ROWS = "body,team\nBroken lamp &amp; chair,repair\nBroken lamp &amp; chair,garden\n,garden\n" + "".join(
    f"text {i} {i * i} <b>,{'repair' if i % 2 else 'garden'}\n" for i in range(30)
)
COLUMNS = ["-p", "text_column", "body", "-p", "answer_column", "team"]


@pytest.fixture
def mails(tmp_path):
    path = tmp_path / "mails.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def test_errors_give_status_1_and_a_line_per_rule(mails, capsys):
    assert lint.main([str(mails), *COLUMNS]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "33 rows in, 32 records, 1 rejected" in lines[0]
    assert lines[1].split()[:2] == ["error", "conflict"] and any("html_entity" in line for line in lines)


def test_findings_are_written_with_the_numbers_of_the_file(mails, tmp_path, capsys):
    mails.write_text(ROWS.replace("body,team\n", "body,team\n,garden\n"), encoding="utf-8")
    lint.main([str(mails), *COLUMNS, "--jsonl", str(tmp_path / "out.jsonl"), "--html", str(tmp_path / "out.html")])
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    (conflict,) = [line for line in lines if line.get("rule") == "conflict"]
    assert (conflict["row"], conflict["message"]) == (3, "same prompt as row 2, other output")
    assert [line["row"] for line in lines if line["severity"] == "rejected"] == [1, 4]
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "Broken lamp &amp;amp; chair" in page and "<b>" not in page and "mails.csv" in page


def test_several_files_without_errors_give_status_0(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path in paths:
        path.write_text(
            "body,team\n" + "".join(f"text {i} {i * i},{'ab'[i % 2]}\n" for i in range(40)), encoding="utf-8"
        )
    assert lint.main([*map(str, paths), *COLUMNS]) == 0
    assert capsys.readouterr().out.count("nothing found") == 2


def test_likely_wrong_labels_are_named_on_request(tmp_path, capsys):
    rows = [("lovely clean room", "good"), ("dirty loud room", "bad")] * 30 + [("lovely clean room", "bad")]
    path = tmp_path / "reviews.csv"
    path.write_text(
        "text,label\n" + "".join(f"{text} {i},{label}\n" for i, (text, label) in enumerate(rows)), encoding="utf-8"
    )
    lint.main([str(path), "--label-errors"])
    assert "label_error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}", "-p", "text_colum", "body"], "did you mean text_column?"),
        (["{}", "-p", "text_column", "mail", "-p", "answer_column", "team"], "text_column"),
        (["{}", "-p", "task", "poems"], "poems"),
        (["{}x"], "does not exist"),
    ],
)
def test_what_cannot_be_read_gives_status_1_and_one_sentence(mails, capsys, arguments, said):
    assert lint.main([argument.format(mails) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
