"""The linter from the command line: what is wrong with your files, before a model is loaded.

    python -m utils.lint mails.csv -p text_column body -p answer_column team
    python -m utils.lint chats.jsonl -p task instructions --jsonl findings.jsonl --html findings.html

It reads a file as the job does (utils.job), with the same parameters for task and columns, and prints one line per rule
that found something. This is a command, so it prints. The exit status is 1 where a row is an error or a file cannot be
read, else 0; rejected rows are counted in the first line of each file.
"""

import argparse
import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from utils.errors import DataError
from utils.files import write_jsonl
from utils.quality import Finding, label_errors, lint, message_in_file, summary
from utils.records import Conversion, Record
from utils.text import counted
from utils.your_data import ParameterError, Report, Rows, check_parameters, read_records

PARAMETERS = {name: str for name in inspect.signature(read_records).parameters if name != "source"}
KEEP = 1_000  # findings of each rule in the files that are written; errors all
IN_HTML = 20  # findings of each rule on the page


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0, or 1 with errors in the rows or a file that cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.lint",
        description=__doc__.splitlines()[0],
        epilog="parameters: " + ", ".join(PARAMETERS) + "; notebook 07 explains each",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, or the name of a dataset on the Hub")
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="a parameter")
    parser.add_argument("--jsonl", metavar="PATH", help=f"write findings here: all errors, {KEEP:,} of any other rule")
    parser.add_argument("--html", metavar="PATH", help=f"write a page with {IN_HTML} findings of each rule here")
    parser.add_argument("--label-errors", action="store_true", help="name likely wrong labels, too (takes minutes)")
    options = parser.parse_args(arguments)
    report = Report("What the linter found")
    lines: list[dict[str, Any]] = []
    status = 0
    try:
        columns = {"task": "classification"} | dict(options.p)
        check_parameters(columns, PARAMETERS)
        for file in options.files:
            conversion = read_records(file, **columns)
            findings, table = _findings(conversion.records, options.label_errors)
            print(f"{file}: {conversion.summary()}", *_table(table), sep="\n")
            status |= any(row["severity"] == "error" for row in table)
            lines += _lines(file, conversion, findings) if options.jsonl else []
            shown = _shown(conversion.records, findings) if options.html else []
            report.add(Path(file).name, conversion.summary(), *([Rows(table), Rows(shown)] if table else ["Nothing."]))
        if options.jsonl:
            write_jsonl(options.jsonl, lines)
        if options.html:
            report.save(options.html)
    except (DataError, ParameterError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return int(status)


def _findings(records: Sequence[Record], with_label_errors: bool) -> tuple[list[Finding], list[dict[str, Any]]]:
    found = lint(records, keep=KEEP)
    doubts = label_errors(records) if with_label_errors else []
    return [*found, *doubts], [*summary(found), *summary(doubts)]


def _table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "  nothing found"
    for row in rows:
        count = f"{row['findings']:>9,}" + (f" in {counted(row['rows'], 'row')}" if row["rows"] else "")
        yield f"  {row['severity']:<8} {row['rule']:<20} {count:<30} {row['fix']}"


def _lines(file: str, conversion: Conversion, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    for note in conversion.rejected:
        yield {"file": file, "row": note.row, "severity": "rejected", "message": note.reason, "excerpt": note.excerpt}
    for finding in findings:
        yield {
            "file": file,
            "row": None if finding.row is None else conversion.records[finding.row].row,
            "severity": finding.severity,
            "rule": finding.rule,
            "message": message_in_file(finding, conversion.records),
            "excerpt": finding.excerpt,
        }


def _shown(records: Sequence[Record], findings: Sequence[Finding]) -> list[dict[str, Any]]:
    left = {finding.rule: IN_HTML for finding in findings}
    rows = []
    for finding in findings:
        if left[finding.rule] > 0:
            left[finding.rule] -= 1
            row = "all" if finding.row is None else records[finding.row].row
            rows.append(
                {
                    "row": row,
                    "rule": finding.rule,
                    "message": message_in_file(finding, records),
                    "excerpt": finding.excerpt,
                }
            )
    return rows


if __name__ == "__main__":
    sys.exit(main())
