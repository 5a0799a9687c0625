"""The linter: each rule finds its fault and leaves clean data alone; safe fixes report what they do and then rest."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.quality import RULES, apply_safe_fixes, lint, summary
from utils.quality.findings import SEVERITIES
from utils.records import Record, Turn, format_phrases, from_labels, from_phrases, parse_phrases, to_messages

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
    "broken_entity": [Record("Say", "it#39;s", "c")],
    "stray_backslash": [label("the dwindling\\band of ultra-cynics")],
    "says_nothing": [label("No complaints")],
    "personal_data": [Record("Say", "Write to ann@example.org", "c")],
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
    assert set(CASES) | {"leakage", "label_error"} == set(RULES)
    assert all(rule.fix and rule.finds and rule.severity in SEVERITIES for rule in RULES.values())


@pytest.mark.parametrize(
    "record",
    [
        Record("How do I undo it?", "", "None of them works, so type Ctrl+Z.\n\t1. Then &c."),
        Record("Is 3 < 4 and 5 > 4?", "", "Yes: 3 < 4 > 2."),
        Record("Name the emoji", "👩\u200d🚀 نمی\u200cخواهم", "astronaut"),
        Record("How many?", "", "none"),
        Record("Give me a recipe", "", "Ingredients: rice\nInstructions: boil it."),
        Record("", "", "Dear all, we are closed.", "document"),
        Record("Write an excuse", "", "Sorry, the shop was closed when I came. This question can wait."),
        Record("Print it", "", 'print("a\\nb")'),
        Record("Write TeX", "", r"\frac{a}{b} and \alpha"),
        phrases("Anna", "Anna"),
        Record("Answer: Who?", "Anna", "Anna", "question"),
        Record(
            "What is it?", "", "See issue #12; pages 100-200; ISBN 978-3-16-148410-0; 12.05.2024 10:30; 1,234,567.89"
        ),
        Record("When?", "", "From 2019-03-04 to 2021-12-31, 1914-1918, 3.1415926535, version 10.0.19045"),
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
            "Sorry, the task requires an image to be seen.", "I'm sorry, but your question is not clear.",
            "This task cannot be completed without the text.", "The given text does not provide enough information.",
            "Please provide the text to be translated.", "Sorry, this request cannot be fulfilled.",
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
        "broken_entity": ["Reuters #39;s view", "quot;Yes quot;", "AT&amp T is", "it&#39s", "R &amp D"],
        "stray_backslash": [r"Oil prices\fell again", r'He said \"no\" twice', r"one line\n two", "the end\\"],
        "says_nothing": ["Nothing", "no complaints.", "Nothing at all!", "I have no comments", "NOTHING TO ADD"],
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
    assert [row["severity"] for row in table] == sorted((row["severity"] for row in table), key=SEVERITIES.index)
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


def rules_of(records, **options):
    return [(finding.rule, finding.severity, finding.row) for finding in lint(records, **options)]


def test_a_twin_in_other_case_or_punctuation_with_another_label_is_a_conflict():
    records = [label("Nice room, but LOUD!"), label("nice room but loud", "bad"), label("nice room but loud.")]
    found = [one for one in rules_of(records) if one[0] in ("conflict", "near_duplicate")]
    assert found == [("conflict", "error", 1), ("near_duplicate", "warning", 2)]
    view = "a nice quiet room with a view of the sea"
    nearly = [label(view), label(f"{view} again", "bad")]
    assert [(f.rule, "other output" in f.message) for f in lint(nearly) if f.row == 1] == [("near_duplicate", True)]


def test_a_list_of_labels_in_the_instruction_makes_no_row_too_long():
    asked = "Name the intent: " + ", ".join(f"intent number {i}" for i in range(200))
    records = [Record(asked, f"text {i}", f"intent number {i % 2}", "classification") for i in range(60)]
    records.append(Record(asked, LONG, "intent number 1", "classification"))
    found = [f for f in lint(records) if f.rule == "too_long"]
    assert [(f.row, f.message) for f in found] == [
        (None, "an instruction of 3,705 characters"),
        (60, "2,515 characters, the median is 22"),
    ]


def test_texts_left_as_they_are_by_a_task_are_only_information():
    records = [Record("Correct the sentence.", f"He go {i}.", f"He goes {i}.", "instruction") for i in range(30)]
    records.append(Record("Correct the sentence.", "All is well.", "All is well.", "instruction"))
    assert ("output_equals_input", "info", 30) in rules_of(records)
    assert ("output_equals_input", "warning", 0) in rules_of(records[30:])


@pytest.mark.parametrize(
    ("text", "severity"), [("Fill in: the <mask> sat.", "info"), ("[MASK] it", "info"), ("<mask> </s>", "error")]
)
def test_a_token_that_only_fills_a_place_is_no_error(text, severity):
    assert rules_of([Record("Say", text, "ok")]) == [("special_token", severity, 0)]


def test_who_says_nothing_is_kept_by_the_safe_fixes():
    records = [label("Nothing", "bad"), label("No complaints"), label("Nothing was clean in the room", "bad")]
    assert [row for rule, _, row in rules_of(records) if rule == "says_nothing"] == [0, 1]
    assert apply_safe_fixes(records) == (records, [])


def test_what_is_kept_is_capped_and_what_is_counted_is_not():
    records = [Record("Say", f"a&amp;b {i}", "</s>") for i in range(50)]
    found = lint(records, keep=3)
    assert [row for rule, _, row in rules_of(records, keep=3) if rule == "html_entity"] == [0, 1, 2]
    assert sum(finding.rule == "special_token" for finding in found) == 50  # errors are kept all
    assert {row["rule"]: (row["findings"], row["rows"]) for row in summary(found)} == {
        "special_token": (50, 50), "html_entity": (50, 50),
    }  # fmt: skip
    assert summary(found) == summary(lint(records, keep=None)) == summary(list(lint(records)))


def test_what_was_said_before_tells_conversations_apart():
    def after(said, answer):
        return Record("Thanks", "", answer, history=(Turn("user", said), Turn("assistant", "Yes?")))

    records = [after("Book a room", "Bye"), after("Cancel it</s>", "Done"), after("Book a room", "Bye")]
    assert rules_of(records) == [("special_token", "error", 1), ("duplicate", "warning", 2)]
    assert apply_safe_fixes(records)[0] == records[:2]
    (fixed,), _ = apply_safe_fixes([after("a\u00a0b", "Bye")])
    assert fixed.history[0].content == "a b"


def test_earlier_answers_of_a_conversation_are_looked_at_like_the_last():
    def after(asked, answer, *, trained=True):
        return Record("Thanks", "", "Bye", history=(Turn("user", asked), Turn("assistant", answer, trained)))

    records = [
        after("a", "As an AI language model, I …"), after("b", "As an AI language model, I …", trained=False),
        after("c", "Yes. "), after("d", "  "), after(" ", "Yes."), after("f", "<nooutput>"), after("g", "No comments"),
        after("Describe this image", "A cat."), after("h", "h"), after("i", "Instruction: write"),
    ]  # fmt: skip
    expected = [
        ("refusal", "warning", 0), ("outer_space", "warning", 2), ("empty_output", "error", 3),
        ("empty_prompt", "error", 4), ("placeholder_output", "error", 5), ("says_nothing", "info", 6),
        ("media", "info", 7), ("output_equals_input", "warning", 8), ("run_on_output", "error", 9),
    ]  # fmt: skip
    found = [one for one in rules_of(records) if one[0] != "near_duplicate"]
    assert [one for one in found if one not in expected] == [("outer_space", "warning", 3)]
    assert [one for one in expected if one not in found] == []
    assert next(f.message for f in lint(records) if f.rule == "refusal").endswith("in the output, in answer 1")
    fixed, changes = apply_safe_fixes(records)
    assert [change.row for change in changes if change.action == "dropped"] == [3, 4, 5]
    assert fixed[2].history[1].content == "Yes." and to_messages(fixed)
    assert apply_safe_fixes(fixed) == (fixed, [])


def test_conversations_that_differ_in_white_space_only_are_duplicates():
    def chat(space):
        return Record("Thanks", "", "Bye", history=(Turn("user", "Book" + space), Turn("assistant", "Yes?")))

    assert rules_of([chat(""), chat(" \n")]) == [("duplicate", "warning", 1)]
    assert len(apply_safe_fixes([chat(""), chat(" \n")])[0]) == 1


def test_a_conversation_that_goes_on_leaks_and_is_no_new_row():
    asked = Turn("user", "When does the ferry to Hvar leave?"), Turn("assistant", "At nine.")
    one, two = Record(asked[0].content, "", "At nine."), Record("Thanks", "", "Bye", history=asked)
    [found] = lint([one, two])
    assert (found.rule, found.row, found.message) == ("near_duplicate", 1, "row 0 is a part of the same conversation")
    assert [(f.rule, f.row) for f in lint([two], test=[one])] == [("leakage", 0)]


@pytest.mark.parametrize("answer", ["Unable to answer: no text was provided.", "I don't have access to the file."])
def test_other_words_for_a_refusal(answer):
    assert rules_of([Record("Say", "x", answer, "instruction")]) == [("refusal", "warning", 0)]
    assert rules_of([Record("Write an excuse", "", "Dear Ann, we are unable to answer today.", "instruction")]) == []


def test_none_at_all_says_nothing():
    for text, says in (("None at all", True), ("None whatsoever.", True), ("None of the rooms was clean", False)):
        assert any(rule == "says_nothing" for rule, *_ in rules_of([label(text)])) == says


def test_two_questions_about_one_text_are_near_duplicates_only_if_the_answer_is_the_same():
    text, asked = "It began in England in 1750.", "did the movement that would later become the church begin at first"

    def found(*answers, ask=("Where", "When")):
        records = [
            Record(f"{word} {asked}?", text, answer, "question") for word, answer in zip(ask, answers, strict=True)
        ]
        return [finding.rule for finding in lint(records) if finding.rule == "near_duplicate"]

    assert found("England", "1750") == []
    assert found("England", "England") == found("England", "1750", ask=("Where", "where,")) == ["near_duplicate"]
