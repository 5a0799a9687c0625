"""The linter: what is wrong with records before a GPU minute is spent on them. Findings are data; nothing is printed.

`RULES` documents each rule with its fix, `apply_safe_fixes` applies the fixes that need no judgement.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from utils.quality.fixes import Change, apply_safe_fixes, drop_reason
from utils.quality.rules import DECLINE, IN_TEXT, INVISIBLE, MEDIA, REFUSAL, RULES, RUN_ON, URL, Rule, is_placeholder
from utils.records import NO_PHRASES, Record, label_sets, own_texts, parse_phrases
from utils.text import counted, excerpt

__all__ = ["RULES", "Change", "Finding", "Rule", "apply_safe_fixes", "lint", "summary"]

MAX_CHARACTERS = 2000
MIN_LABEL_ROWS = 10
MAX_IMBALANCE = 10
MAX_SHARE = 0.8  # of one label: a model that always gives it looks good already
OUTLIER = 10  # times the median length; only where there are MANY records
MANY = 20
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. row: index of the record in the list, None for a finding about the whole of it."""

    rule: str
    severity: str
    row: int | None
    message: str
    excerpt: str


def lint(records: Sequence[Record], *, test: Sequence[Record] = ()) -> list[Finding]:
    """Check records by every rule of `RULES`; with `test`, also whether they leak into it. Sorted by row.

    Cost grows about linearly with the amount of text; tests/benchmarks/bench_records.py measures it.

    >>> [finding.rule for finding in lint([Record("Say hello", "", "As an AI language model, I …")])]
    ['refusal']
    """
    labels = label_sets(records)
    found = [finding for row, record in enumerate(records) for finding in _lint_record(row, record)]
    found += _lint_lengths(records)
    found += _lint_repeats(records, labels.keys())
    found += _lint_similar(records, test)
    for instruction, counts in labels.items():
        found += _lint_labels(instruction, counts)
    return sorted(found, key=lambda finding: -1 if finding.row is None else finding.row)


def summary(findings: Sequence[Finding]) -> list[dict[str, str | int]]:
    """One row per rule that found something: rule, severity, findings, rows, fix; errors first, then by number.

    `pandas.DataFrame(summary(findings))` is the table, `.plot.barh(x="rule", y="findings")` the plot.
    """
    counts = Counter((finding.severity, finding.rule) for finding in findings)
    rows = {key: {f.row for f in findings if (f.severity, f.rule) == key and f.row is not None} for key in counts}
    return [
        {
            "rule": rule,
            "severity": severity,
            "findings": count,
            "rows": len(rows[severity, rule]),
            "fix": RULES[rule].fix,
        }
        for (severity, rule), count in sorted(counts.items(), key=lambda c: (SEVERITIES.index(c[0][0]), -c[1], c[0][1]))
    ]


def _finding(rule: str, row: int | None, message: str, text: str, severity: str | None = None) -> Finding:
    return Finding(rule, severity or RULES[rule].severity, row, message, excerpt(text))


def _around(text: str, start: int) -> str:
    return text[max(0, start - 30) : start + 50]


def _lint_record(row: int, record: Record) -> Iterator[Finding]:
    instruction, body, output = record.instruction, record.input, record.output
    if reason := drop_reason(record):
        yield _finding(
            reason, row, RULES[reason].finds, body if reason == "placeholder_input" else output or instruction
        )
    elif is_placeholder(body):
        yield _finding("placeholder_input", row, f"the input is {body.strip()!r}", instruction)
    fields = {"instruction": instruction, "input": body, "output": output}
    for rule, pattern in IN_TEXT.items():
        for name, text in fields.items():
            if match := pattern.search(text):
                yield _finding(rule, row, f"{match.group()!r} in the {name}", _around(text, match.start()))
                break
    for name, text in fields.items():
        if text.isascii():
            continue
        if match := INVISIBLE.search(text):
            yield _finding(
                "invisible_character",
                row,
                f"U+{ord(match.group()):04X} in the {name}",
                _around(text, match.start()),
            )
        if not unicodedata.is_normalized("NFC", text):
            yield _finding("not_nfc", row, f"the {name} is not in NFC", text)
    if output.strip() and output.strip() in (body.strip(), instruction.strip()):
        yield _finding("output_equals_input", row, "the output repeats the prompt", output)
    if output != output.strip():
        yield _finding(
            "outer_space", row, f"the output begins with {output[:1]!r} and ends with {output[-1:]!r}", output
        )
    if match := RUN_ON.search(output):
        yield _finding("run_on_output", row, f"{match.group()!r} in the output", _around(output, match.start()))
    is_free = record.task in ("", "instruction")
    if match := REFUSAL.search(output) or (is_free and DECLINE.match(output)):
        yield _finding("refusal", row, f"{match.group()!r} in the output", _around(output, match.start()))
    if record.task not in ("classification", "extraction"):  # there the text is only to be judged or searched
        if match := URL.search(body):
            yield _finding("url", row, "a link in the input", _around(body, match.start()))
        if match := MEDIA.search(instruction):
            yield _finding("media", row, f"{match.group()!r} in the instruction", instruction)
    targets = parse_phrases(output) if record.task == "extraction" else [output] if record.task == "question" else []
    for phrase in targets:
        if phrase not in body and not (record.task == "question" and phrase == NO_PHRASES):
            yield _finding("phrase_not_in_text", row, f"{phrase[:60]!r} is not in the text", body)


def _lint_lengths(records: Sequence[Record]) -> Iterator[Finding]:
    sizes = [len(record.instruction) + len(record.input) + len(record.output) for record in records]
    usual = median(sizes) if len(sizes) >= MANY else MAX_CHARACTERS
    for row, (record, size) in enumerate(zip(records, sizes, strict=True)):
        if size > min(MAX_CHARACTERS, OUTLIER * usual):
            message = f"{size:,} characters" + (f", the median is {usual:,.0f}" if len(sizes) >= MANY else "")
            yield _finding("too_long", row, message, record.input or record.instruction or record.output)


def _lint_repeats(records: Sequence[Record], label_tasks: Sequence[str]) -> Iterator[Finding]:
    prompts: dict[tuple[str, str], dict[str, int]] = {}
    for row, record in enumerate(records):
        outputs = prompts.setdefault((record.instruction.strip(), record.input.strip()), {})
        first = outputs.setdefault(record.output.strip(), row)
        if first != row:
            yield _finding("duplicate", row, f"repeats row {first}", record.input or record.instruction)
        elif len(outputs) > 1 and record.task != "document":
            other = next(iter(outputs.values()))
            severity = "error" if record.instruction in label_tasks or record.task == "extraction" else "info"
            yield _finding("conflict", row, f"same prompt as row {other}, other output", record.output, severity)


def _lint_similar(records: Sequence[Record], test: Sequence[Record]) -> Iterator[Finding]:
    from utils.records import clusters, near_duplicates  # needs numpy, which nothing else here does

    together = [*records, *test]
    texts = own_texts(together)
    pairs = near_duplicates(texts)
    for i, j, similarity in pairs:
        a, b = together[i], together[j]
        prompts = [(record.instruction.strip(), record.input.strip()) for record in (a, b)]
        if j < len(records) and prompts[0] != prompts[1]:  # equal prompts are a duplicate or a conflict
            yield _finding("near_duplicate", j, f"like row {i} (Jaccard {similarity:.2f})", texts[j])
    # Not all pairs of a cluster are listed: whatever is in a cluster with a test row leaks, as `split` has it.
    leaders = clusters(len(together), [(i, j) for i, j, _ in pairs])
    first_test_row: dict[int, int] = {}
    for j in range(len(records), len(together)):
        first_test_row.setdefault(leaders[j], j - len(records))
    for i, leader in enumerate(leaders[: len(records)]):
        if leader in first_test_row:
            yield _finding("leakage", i, f"like test row {first_test_row[leader]}", texts[i])


def _lint_labels(instruction: str, counts: Counter[str]) -> Iterator[Finding]:
    (most, high), (least, low) = counts.most_common()[0], counts.most_common()[-1]
    if len(counts) == 1:
        yield _finding("label_imbalance", None, f"{most!r} is the only label", instruction)
    elif high > MAX_IMBALANCE * low or high > MAX_SHARE * counts.total():
        message = f"{counted(high, 'row')} of {most!r}, {low:,} of {least!r}"
        yield _finding("label_imbalance", None, message, instruction)
    spelt: dict[str, str] = {}
    for label, count in counts.items():
        if count < MIN_LABEL_ROWS:
            yield _finding("rare_label", None, f"{counted(count, 'row')} of {label!r}", instruction)
        key = re.sub(r"[\s_./-]+", "", label.casefold()) or label
        if (other := spelt.setdefault(key, label)) != label:
            yield _finding("label_variant", None, f"{label!r} and {other!r}", instruction)
