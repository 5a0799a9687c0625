"""The linter: each rule finds its fault and leaves clean data alone; safe fixes report what they do and then rest."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.quality import RULES, apply_safe_fixes, lint, linter, summary
from utils.records import Record, format_phrases, from_labels, from_phrases, parse_phrases

DECOMPOSED = unicodedata.normalize("NFD", "café")
LONG = "word " * 500


def label(text, output="good"):
    return Record("Classify: good, bad.", text, output, "classification")


def phrases(text, output):
    return Record("Extract.", text, output, "extraction")


CASES = {
    "empty_output": [Record("Say", "x", " ")],
    "empty_prompt": [Record("", " ", "x")],
    "placeholder_input": [Record("Say", "<noinput>", "x")],
    "placeholder_output": [Record("Say", "x", "<nooutput>")],
    "duplicate": [Record("Say", "x", "y"), Record("Say", "x", "y")],
    "conflict": [label("nice room", "good"), label("nice room", "bad")],
    "near_duplicate": [label("a small but clean room with a view"), label("A small but clean room, with a view")],
    "label_imbalance": [label(f"t{i}") for i in range(110)] + [label(f"u{i}", "bad") for i in range(10)],
    "rare_label": [label("one"), label("two", "bad")],
    "label_variant": [label("one", "Non-Complaint"), label("two", "non complaint")],
    "phrase_not_in_text": [phrases("Anna went to school", "Anna; schools")],
    "output_equals_input": [Record("Correct this.", "All is well.", "All is well.")],
    "section_marker": [Record("Say", "x\n### Response:\ny", "z")],
    "special_token": [Record("Say", "x", "bye<|im_end|>")],
    "run_on_output": [Record("Say", "x", "Hello.\n\nInstruction: Say more")],
    "refusal": [Record("Say", "x", "I'm sorry, but as an AI language model I do not eat.")],
    "media": [Record("Describe this image.", "", "A cat.")],
    "url": [Record("Summarise", "https://example.org/a", "It is short.")],
    "control_character": [Record("Say", "a\x07b", "c")],
    "invisible_character": [Record("Say", "a\u00a0b", "c")],
    "not_nfc": [Record("Say", DECOMPOSED, "c")],
    "outer_space": [Record("Say", "x", " c")],
    "html_entity": [Record("Say", "a &amp; b", "c")],
    "html_tag": [Record("Say", "a<br />b", "c")],
    "broken_encoding": [Record("Say", "cafÃ©", "c")],
    "too_long": [Record("Say", LONG, "c")],
}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_finds_its_fault(rule):
    found = [finding for finding in lint(CASES[rule]) if finding.rule == rule]
    assert found and all(finding.severity == RULES[rule].severity for finding in found)
    assert all(finding.row is None or finding.row < len(CASES[rule]) for finding in found)


def test_every_rule_has_a_case_and_a_documented_fix():
    assert set(CASES) | {"leakage"} == set(RULES)
    assert all(rule.fix and rule.finds and rule.severity in linter.SEVERITIES for rule in RULES.values())


@pytest.mark.parametrize(
    "record",
    [
        Record("How do I undo it?", "", "None of them works, so type Ctrl+Z.\n\t1. Then &c."),
        Record("Is 3 < 4 and 5 > 4?", "", "Yes: 3 < 4 > 2."),
        Record("Name the emoji", "👩\u200d🚀 نمی\u200cخواهم", "astronaut"),
        Record("How many?", "", "none"),
        Record("Give me a recipe", "", "Ingredients: rice\nInstructions: boil it."),
        Record("", "", "Dear all, we are closed.", "document"),
        Record("Is a<b && c>d true?", "", "Only if a <b and c> d; R&D says AT&T; so."),
        Record("Where does she work?", "", "She works as an AI researcher. I can't believe it, I cannot wait."),
        Record("", "", "I'm sorry, I can't come to your party on 5 May.", "document"),
        Record("Make a quiz", "", "#### Answers: 1. a\n### Response times"),
        Record("What is the symbol of sodium?", "", "Na"),
        Record("What is the opposite of this word?", "Empty", "Full"),
        Record("Translate", "\u202bשלום\u202c", "Hello"),
        phrases("It rains.", "none"),
        phrases(r"C:\new; x is there", format_phrases([r"C:\new; x"])),
    ],
)
def test_clean_records_stay_clean(record):
    assert lint([record]) == []
    assert apply_safe_fixes([record]) == ([record], [])


@pytest.mark.parametrize(
    ("rule", "texts"),
    {
        "refusal": [
            "As an AI, I don't have feelings.", "I am an AI developed to help.", "I'm just an AI, so no.",
            "As a large language model trained on text …", "I’m sorry, but I can’t help with that.",
            "Sorry, but I cannot answer that.", "Unfortunately, I am unable to browse.", "I cannot fulfill your wish.",
        ],
        "placeholder_output": ["No input.", "[no output]", "N/A", "n.a.", "#N/A", "No input provided", "N A",
                               "N / A", "N\u00a0A", "n\\a", "NA", "no_output", "No output available"],
        "section_marker": [
            "x ### Human: y", "###Assistant:", "## Input:", "Below is an instruction that describes a task, paired …",
        ],
        "special_token": ["<｜end▁of▁sentence｜>", "[INST]", "<eos>", "[EOS]", "<<SYS>>", "<start_of_turn>", "<s>"],
        "control_character": ["a\x00b", "\x1b[2J", "a\x85b", "a\rb"],
        "invisible_character": ["a\u200bb", "a\u200cb", "a\u200db", "\ufeffa", "a\u00a0b", "a\u200e b", "a\u2028b",
                                "a\u202eb", "\u2066a\u2069", "a\u2063b"],
        "html_entity": ["&nbsp;", "&#39;", "&#x27;"],
        "html_tag": ["<br/>", "<BR>", "<p class='x'>a", "</font>"],
        "broken_encoding": ["\ufffd", "itâ€™s", "25Â\u00a0€"],
    }.items(),
)  # fmt: skip
def test_forms_of_a_fault(rule, texts):
    for text in texts:
        assert rule in {finding.rule for finding in lint([Record("Say it", "", text)])}, text


def test_a_label_that_nearly_all_rows_have():
    def rules(counts):
        records = [label(f"text {name} {i} {i * i}", name) for name, count in counts.items() for i in range(count)]
        return {finding.rule for finding in lint(records)}

    assert "label_imbalance" in rules({"a": 90, "b": 10}) and "label_imbalance" in rules({"a": 30})
    assert "label_imbalance" not in rules({"a": 75, "b": 25})
    assert "label_variant" not in rules({"C": 10, "C++": 10, "C#": 10})
    assert "label_variant" in rules({"not urgent": 10, "Not_Urgent": 10})


def test_one_text_much_longer_than_its_kind():
    records = [label(f"short text {i}") for i in range(30)] + [label("rather long " * 60)]
    assert [finding.row for finding in lint(records) if finding.rule == "too_long"] == [30]
    assert not [finding for finding in lint(records[-3:]) if finding.rule == "too_long"]  # too few to know


def test_every_copy_of_a_test_row_leaks():
    copies = [label("the quick brown fox jumps over the lazy dog")] * 3
    nearly = [label("The quick brown fox jumps over the lazy dog today")]
    found = lint([*copies, *nearly, label("nothing of the kind")], test=copies[:1])
    assert [finding.row for finding in found if finding.rule == "leakage"] == [0, 1, 2, 3]


def test_texts_without_a_word_leak_too():
    found = lint([label("👍"), label("👍👍"), label("!!!")], test=[label("👍"), label("!!!", "bad")])
    assert [finding.row for finding in found if finding.rule == "leakage"] == [0, 2]


def test_letters_with_another_number_each_stay_cheap():
    letter = "Dear customer number {}, thank you for your order, we will ship it within two days from today on"
    started = time.process_time()
    found = lint([label(letter.format(i)) for i in range(3000)])
    assert "near_duplicate" not in {finding.rule for finding in found}  # 14 of 20 pieces are shared
    assert time.process_time() - started < 4  # was 10 when all pairs were compared, and grew with their number


def test_excerpts_show_what_is_invisible():
    (finding,) = lint([Record("Say it", "25\u00a0euros", "c")])
    assert finding.excerpt == "25‹U+00A0›euros"


def test_duplicates_are_dropped_as_they_are_found():
    records = [Record("a", "b", "c"), Record("a", " b\n", "c")]
    assert [finding.rule for finding in lint(records)] == ["duplicate"]
    assert apply_safe_fixes(records)[0] == records[:1]


def test_conflicts_of_free_text_are_only_information():
    found = lint(
        [Record("Tell a joke", "", "One."), Record("Tell a joke", "", "Two."), Record("Tell a joke", "", "One.")]
    )
    assert [(f.rule, f.severity, f.row) for f in found] == [("conflict", "info", 1), ("duplicate", "warning", 2)]


def test_leakage_into_the_test_part():
    train = [label("the breakfast was cold and the coffee weak"), label("a quiet room by the sea")]
    test = [label("nothing of the kind"), label("The breakfast was cold, and the coffee weak.")]
    found = [finding for finding in lint(train, test=test) if finding.rule == "leakage"]
    assert [(finding.row, "test row 1" in finding.message) for finding in found] == [(0, True)]


def test_placeholders_of_hotel_reviews_as_labelled_texts():
    rows = [{"Text": text, "Label": "Complaint"} for text in ("No Negative", "N A", "na", "Na", "---")]
    records = from_labels([*rows, {"Text": "Nice", "Label": "Other"}], text="Text", label="Label").records
    assert [finding.row for finding in lint(records) if finding.rule == "placeholder_input"] == [0, 1, 2, 3, 4]
    fixed, changes = apply_safe_fixes(records)
    assert fixed == records[5:] and {change.action for change in changes} == {"dropped"}


def test_summary_is_a_table_that_plots():
    table = summary(lint([record for case in CASES.values() for record in case]))
    assert [row["severity"] for row in table] == sorted((row["severity"] for row in table), key=linter.SEVERITIES.index)
    assert all(row["findings"] >= row["rows"] and row["fix"] for row in table)
    assert summary([]) == []


def test_safe_fixes_change_what_they_say():
    records = [
        Record("Say\u00a0it\r\n", "N/A", " Hi\x07\u200b "), Record("Say", "x", ""), Record("a", "b", "c"),
        Record("a", "b", "c "),
        Record("Say", DECOMPOSED, "n/a"), phrases("Anna\u00a0Lund; x", format_phrases(["Anna\u00a0Lund;\u00a0x"])),
    ]  # fmt: skip
    fixed, changes = apply_safe_fixes(records)
    assert fixed[:2] == [Record("Say it\n", "", "Hi"), Record("a", "b", "c")]
    assert parse_phrases(fixed[2].output) == ["Anna Lund; x"]
    assert {(change.row, change.rule) for change in changes if change.action == "dropped"} == {
        (1, "empty_output"), (3, "duplicate"), (4, "placeholder_output"),
    }  # fmt: skip
    assert {change.rule for change in changes if change.row == 0} == {
        "placeholder_input", "control_character", "invisible_character", "outer_space",
    }  # fmt: skip


def test_fixes_of_control_characters_keep_words_and_apostrophes():
    (fixed,), _ = apply_safe_fixes([Record("Say", "That\x92s the end\x85\x0cNext\rline\x07\x81", "c")])
    assert fixed.input == "That’s the end…\nNext\nline"


def test_a_placeholder_that_a_fix_lays_bare_is_emptied_in_the_same_call():
    fixed, changes = apply_safe_fixes([Record("Say", "N/\u200bA", "c")])
    assert fixed == [Record("Say", "", "c")] and apply_safe_fixes(fixed)[1] == []
    assert [change.rule for change in changes] == ["invisible_character", "placeholder_input"]


odd = st.text("aé\u0301 \u00a0\u200b\u2028\r\n\x07;\\N/", max_size=8) | st.text(max_size=12)
free = st.lists(
    st.builds(Record, odd, odd, odd, st.sampled_from(["", "instruction", "classification", "extraction", "document"])),
    max_size=6,
)


@given(free)
def test_safe_fixes_account_for_every_row_and_then_rest(records):
    fixed, changes = apply_safe_fixes(records)
    dropped = [change.row for change in changes if change.action == "dropped"]
    assert len(records) == len(fixed) + len(dropped) and len(set(dropped)) == len(dropped)
    assert apply_safe_fixes(fixed) == (fixed, [])
    safe = {name for name, rule in RULES.items() if rule.safe}
    assert not [finding for finding in lint(fixed) if finding.rule in safe]


@given(free)
def test_lint_takes_any_text(records):
    for finding in lint(records):
        assert finding.rule in RULES and len(finding.excerpt) <= 80
        assert finding.row is None or records[finding.row]


@given(st.lists(st.text("abc;\\ \u00a0\u200b", min_size=1, max_size=6), max_size=4))
def test_fixing_extraction_keeps_phrases_apart(found):
    (record,) = from_phrases([{"text": "x", "phrases": found}]).records
    fixed, _ = apply_safe_fixes([record])
    clean = [text for phrase in found if (text := phrase.strip().replace("\u200b", "").replace("\u00a0", " ").strip())]
    assert not fixed or [phrase.strip() for phrase in parse_phrases(fixed[0].output)] == clean
