"""Converters: classic data becomes records, every row is accounted for, and parse(format(phrases)) is the identity."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import DataError
from utils.records import (
    NO_PHRASES,
    Record,
    conversion,
    fingerprint,
    format_phrases,
    from_documents,
    from_instructions,
    from_labels,
    from_messages,
    from_phrases,
    from_sharegpt,
    from_spans,
    from_squad,
    from_tagged,
    load_records,
    parse_phrases,
    read_table,
    save_records,
    unfold_columns,
)

text = st.text(max_size=40)
anything = st.none() | st.booleans() | st.integers() | st.floats() | text | st.lists(text, max_size=3)


def test_the_two_rows_of_the_article(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("Label, Text\nNon-Complaint, Staff very friendly\nComplaint, My room was dirty\n", encoding="utf-8")
    first, second = from_labels(path, text="Text", label="Label").records
    assert first == Record(
        "Classify the text below as one of: Complaint, Non-Complaint.", "Staff very friendly", "Non-Complaint"
    )
    assert second.output == "Complaint"


def test_headerless_news_by_position(tmp_path):
    path = tmp_path / "news.csv"
    path.write_text('"3","Wall St. Bears, Back","Reuters - ""Short-sellers"""\n"4","Chips","Body"\n', encoding="utf-8")
    names = {1: "World", 2: "Sports", 3: "Business", 4: "Sci/Tech"}
    result = from_labels(path, text=[1, 2], label=0, label_names=names)
    assert result.records[0].input == 'Wall St. Bears, Back\nReuters - "Short-sellers"'
    assert [record.output for record in result.records] == ["Business", "Sci/Tech"]
    assert result.records[0].instruction.endswith("one of: World, Sports, Business, Sci/Tech.")


def test_numbers_with_a_class_list():
    values = [0, "1", 1.0, -1, None]
    rows = [{"t": "text", "y": value} for value in values]
    result = from_labels(rows, text="t", label="y", labels=["neg", "pos"])
    assert [record.output for record in result.records] == ["neg", "pos", "pos"]
    assert [(note.row, note.reason) for note in result.rejected] == [
        (4, "unknown label '-1': allowed are neg, pos"), (5, "label is missing"),
    ]  # fmt: skip


def test_names_of_numbered_classes_replace_those_of_the_list():
    rows = [{"t": "a", "y": 0}, {"t": "b", "y": 1}]
    result = from_labels(rows, text="t", label="y", labels=["World", "Sports"], label_names={0: "news", 1: "sport"})
    assert [record.output for record in result.records] == ["news", "sport"]
    assert result.records[0].instruction.endswith("one of: news, sport.")


def test_numbers_that_start_at_one_are_not_shifted_in_silence():
    rows = [{"t": "a", "y": 1}, {"t": "b", "y": 2}]
    with pytest.raises(DataError, match="label_names={1: 'neg', 2: 'pos'"):
        from_labels(rows, text="t", label="y", labels=["neg", "pos"])


def test_names_and_numbers_in_one_column_are_not_mixed_in_silence():
    rows = [{"t": "a", "y": value} for value in ("good", "0", "bad")]
    with pytest.raises(DataError, match="both names \\('good'\\) and numbers \\('0'\\).*label_names="):
        from_labels(rows, text="t", label="y", labels=["good", "bad"])
    said = from_labels(rows, text="t", label="y", labels=["good", "bad"], label_names={0: "bad"})
    assert [record.output for record in said.records] == ["good", "bad", "bad"]


def test_labels_are_a_list_and_long_lists_are_cut():
    with pytest.raises(DataError, match="labels is the text 'good, bad', not a list: pass labels="):
        from_labels([{"t": "a", "y": "good"}], text="t", label="y", labels="good, bad")
    rows = [{"t": "a", "y": "intent 1"}, {"t": "a", "y": "other"}]
    (note,) = from_labels(rows, text="t", label="y", labels=[f"intent {i}" for i in range(77)]).rejected
    assert note.reason.endswith("intent 9 and 67 more")


def test_what_pandas_puts_for_a_missing_value():
    import pandas

    rows = [
        {"t": pandas.NA, "y": "a"},
        {"t": "x", "y": float("nan")},
        {"t": "x", "y": pandas.NaT},
        {"t": "x", "y": "a"},
    ]
    result = from_labels(rows, text="t", label="y")
    assert [note.reason for note in result.rejected] == ["text is empty", "label is missing", "label is missing"]


def test_label_names_add_other_spellings_of_the_allowed_labels():
    rows = [{"Label": "complaint", "Text": "a"}, {"Label": "Complaint", "Text": "b"}, {"Label": "other", "Text": "c"}]
    labels, names = ["Complaint", "Non-Complaint"], {"complaint": "Complaint"}
    result = from_labels(rows, text="Text", label="Label", labels=labels, label_names=names)
    assert [record.output for record in result.records] == ["Complaint", "Complaint"]
    assert [note.row for note in result.rejected] == [3]


def test_label_names_and_a_custom_instruction():
    rows = [{"t": "a", "y": "spam"}, {"t": "b", "y": "ham"}, {"t": "c", "y": "eggs"}]
    names = {"ham": "wanted", "spam": "unwanted"}
    result = from_labels(rows, text="t", label="y", label_names=names, instruction="Is it {labels}? {braces}")
    assert result.records[0] == Record("Is it wanted, unwanted? {braces}", "a", "unwanted")
    assert [note.excerpt for note in result.rejected] == ["c | eggs"]


def test_the_order_of_labels_does_not_depend_on_the_rows():
    rows = [{"t": str(i), "y": label} for i, label in enumerate("cabac")]
    forward, backward = (from_labels(part, text="t", label="y").records for part in (rows, rows[::-1]))
    assert forward[0].instruction == backward[0].instruction


def test_two_columns_of_opposite_meaning():
    rows = [
        {"Hotel": "A", "Negative_Review": " Dirty room", "Positive_Review": "No Positive"},
        {"Hotel": "B", "Negative_Review": "No Negative", "Positive_Review": "Kind staff "},
    ]
    table = unfold_columns(rows, columns={"Negative_Review": "Complaint", "Positive_Review": "Non-Complaint"})
    result = from_labels(table, text="Text", label="Label", group="Hotel")
    assert [(r.input, r.output, r.group) for r in result.records] == [
        ("Dirty room", "Complaint", "A"), ("Kind staff", "Non-Complaint", "B"),
    ]  # fmt: skip
    assert (result.rows_in, len(result.rejected)) == (4, 2)
    assert len(from_labels(table, text="Text", label="Label", group="row").records) == 2


def test_a_separator_that_is_not_found_can_be_passed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text|label\nDirty|bad\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'label'; found 'text|label'.*read_table\\('a.csv', sep="):
        from_labels(path, text="text", label="label")
    assert from_labels(read_table(path, sep="|"), text="text", label="label").records[0].output == "bad"


def test_columns_to_unfold_need_their_labels():
    with pytest.raises(DataError, match="without the label of each: pass columns="):
        unfold_columns([{"N": "a", "P": "b"}], columns=["N", "P"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": "body", "label": "Label"}, ["no column 'body'", "'Label', 'Text'", "text="]),
        ({"text": "Text", "label": "Label", "labels": ["Praise"]}, ["no label", "'Complaint'", "labels="]),
        ({"text": "Label", "label": "Text"}, ["is 'Text' the label column?", "40 different values"]),
    ],
)
def test_wrong_arguments_get_one_sentence(tmp_path, arguments, words):
    path = tmp_path / "reviews.csv"
    path.write_text("Label,Text\n" + "".join(f"Complaint,text {i}\n" for i in range(40)), encoding="utf-8")
    with pytest.raises(DataError) as error:
        from_labels(path, **arguments)
    assert all(word in str(error.value) for word in ["reviews.csv", *words]), str(error.value)


# --- extraction


@given(st.lists(st.text(min_size=1, max_size=20) | st.text("; \\none", min_size=1, max_size=8), max_size=6))
def test_parse_is_the_inverse_of_format(found):
    assert parse_phrases(format_phrases(found)) == found


@given(st.text("; \\noe\n", max_size=12))
def test_parse_takes_whatever_a_model_writes(answer):
    assert all(parse_phrases(answer))


def test_phrases_are_readable():
    assert format_phrases(["AT&T", "a;b", "x; y", "none"]) == r"AT&T; a;b; x\; y; none"
    assert format_phrases(["none"]) == r"\none"
    with pytest.raises(DataError, match="empty"):
        format_phrases(["a", ""])
    with pytest.raises(DataError, match="list"):
        format_phrases("Anna")


@pytest.mark.parametrize(
    "cell",
    [
        ["Anna", "school"], '["Anna", "school"]', "['Anna', 'school']", "'Anna', 'school'", "Anna; school",
        ("Anna", "school"),
    ],
)  # fmt: skip
def test_phrase_columns(cell):
    assert from_phrases([{"text": "Anna went to school", "phrases": cell}]).records[0].output == "Anna; school"


def test_no_phrases_and_missing_phrases():
    rows = [{"text": "a", "phrases": []}, {"text": "b", "phrases": ""}, {"text": "c", "phrases": "none"}, {"text": "d"}]
    result = from_phrases(rows)
    assert [record.output for record in result.records] == [NO_PHRASES] * 3
    assert result.rejected[0].row == 4
    piped = from_phrases([{"text": "a|b", "phrases": "a|b"}], separator="|")
    assert piped.records[0].output == "a; b"


def test_text_that_only_looks_like_a_list():
    rows = [{"text": "3,000 men", "phrases": "3,000"}, {"text": "x", "phrases": "['Anna' 'school']"}]
    result = from_phrases(rows)
    assert [record.output for record in result.records] == ["3,000"]
    assert "without a comma" in result.rejected[0].reason


def test_a_bad_paragraph_costs_no_other_question():
    good = {"context": "Anna went.", "qas": [{"question": "Who?", "answers": [{"text": "Anna"}]}]}
    result = from_squad(
        [{"title": "T", "paragraphs": [good, {"qas": []}, {"context": "x"}, "y", good]}, {"paragraphs": 1}]
    )
    assert (result.rows_in, len(result.records)) == (5, 2)
    assert [note.row for note in result.rejected] == [2, 3, 5]


def test_answers_that_are_printed_arrays():
    rows = [{"question": "Who?", "context": "Anna", "answers": "{'text': array(['Anna'], dtype=object)}"}]
    assert "printed numpy array" in from_squad(rows).rejected[0].reason


def test_spans_of_doccano():
    row = {"text": "Anna met", "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 4}]}
    assert from_spans([row], spans="entities").records[0].output == "Anna"


def test_spans():
    body = "Anna met Anna in Bonn"
    rows = [
        {"text": body, "spans": [{"start": 17, "end": 21, "label": "LOC"}, {"start": 0, "end": 4, "type": "PER"}]},
        {"text": body, "spans": [[0, 4, "PER"], [9, 13, "PER"]]},
        {"text": body, "spans": '[{"start": 0, "end": 4, "text": "Anne"}]'},
        {"text": body, "spans": [{"start": 17, "end": 22}]},
        {"text": body, "spans": []},
    ]
    result = from_spans(rows)
    assert [record.output for record in result.records] == ["Anna; Bonn", "Anna", "none"]
    assert ["Anne" in result.rejected[0].reason, "17:22" in result.rejected[1].reason] == [True, True]
    assert from_spans(rows[:1], types=["LOC"]).records[0].output == "Bonn"


CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP I-ORG
rejects VBZ B-VP O
German JJ B-NP I-MISC
call NN I-NP O

Peter NNP B-NP I-PER
Blackburn NNP I-NP I-PER
Paris NNP I-NP B-PER

-DOCSTART- -X- -X- O

Nothing NN O O
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_conll_in_iob1(tmp_path, newline):
    path = tmp_path / "eng.testa"
    path.write_bytes(CONLL.replace("\n", newline).encode())
    result = from_tagged(path)
    assert [record.input for record in result.records] == ["EU rejects German call", "Peter Blackburn Paris", "Nothing"]
    assert [record.output for record in result.records] == ["EU; German", "Peter Blackburn; Paris", "none"]
    assert from_tagged(path, types=["ORG"]).records[0].output == "EU"


@pytest.mark.parametrize(
    ("tags", "output"),
    [
        ("B-P I-P O B-P", "a b; d"), ("B-P B-P O O", "a; b"), ("I-P I-L O O", "a; b"), ("S-P B-P I-P E-P", "a; b c d"),
        ("B-P I-L I-L O", "a; b c"), ("O O O I-P", "d"),
    ],
)  # fmt: skip
def test_tag_schemes(tags, output):
    assert from_tagged([{"tokens": list("abcd"), "tags": tags.split()}]).records[0].output == output


def test_tagged_rows_that_do_not_fit(tmp_path):
    path = tmp_path / "wnut.conll"
    path.write_text("#tag\tO\n\u2028\tO\n\t\nBonn\tB-loc\nRhein\n\nx\tPER\n", encoding="utf-8")
    result = from_tagged(path)
    assert [record.input for record in result.records] == ["#tag \u2028"]
    assert [note.reason for note in result.rejected] == [
        "a line without a tag",
        "tag 'PER' is neither 'O' nor like 'B-PER'",
    ]
    rows = [{"tokens": ["a"], "tags": ["O", "O"]}, {"tokens": ["a"], "tags": [1]}]
    assert len(from_tagged(rows).rejected) == 2
    assert from_tagged(rows[1:], tag_names=["O", "B-PER"]).records[0].output == "a"


def test_tagged_lines_that_end_in_a_carriage_return(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes(b"Anna B-PER\rran O\r\rBonn B-LOC\r")
    assert [record.output for record in from_tagged(path).records] == ["Anna", "Bonn"]


def test_a_sentence_in_place_of_a_list_of_tokens_is_no_phrase():
    assert "tag 'B-PER O'" in from_tagged([{"tokens": "Anna ran", "tags": "B-PER O"}]).rejected[0].reason


def test_an_empty_token_rejects_its_row_only():
    rows = [{"tokens": ["", "x"], "tags": ["B-P", "O"]}, {"tokens": ["a"], "tags": ["B-P"]}]
    assert [len(part) for part in (from_tagged(rows).records, from_tagged(rows).rejected)] == [1, 1]


def test_tags_in_a_csv_and_with_class_names(tmp_path):
    path = tmp_path / "ner.csv"
    path.write_text("tokens,tags\n\"['Anna', 'saw']\",\"['B-PER', 'O']\"\n", encoding="utf-8")
    assert from_tagged(path).records[0].output == "Anna"
    from datasets import ClassLabel, Dataset, Features, List, Value

    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})
    data = Dataset.from_dict({"tokens": [["Anna", "Lund", "ran"]], "ner_tags": [[1, 2, 0]]}, features=features)
    data.to_parquet(tmp_path / "ner.parquet")
    for source in (data, tmp_path / "ner.parquet"):
        assert from_tagged(source, tags="ner_tags").records[0].output == "Anna Lund"


def test_squad_nested_and_flat(tmp_path):
    qas = [
        {"question": "Who?", "answers": [{"text": "Anna", "answer_start": 0}]},
        {"question": "Why?", "answers": [], "is_impossible": True},
        {"question": "When?", "answers": [{"text": "never", "answer_start": 0}]},
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "T", "paragraphs": [{"context": "Anna went.", "qas": qas}]}]}))
    nested = from_squad(path)
    rows = [{"question": q["question"], "context": "Anna went.", "answers": {"text": [a["text"] for a in q["answers"]]}}
            for q in qas]  # fmt: skip
    assert nested.records == from_squad(rows).records
    assert [record.output for record in nested.records] == ["Anna", "none"]
    assert nested.rows_in == 3
    assert from_squad(path, instruction="{question}").records[0].instruction == "Who?"


def test_answers_in_the_forms_that_files_have():
    forms = [{"text": ["Anna"]}, ["Anna"], [{"text": "Anna"}], "Anna", "{'text': ['Anna']}", '["Anna"]',
             {"text": []}, {"text": [""]}, "", None, "Bob"]  # fmt: skip
    rows = [{"q": "Who?", "passage": "Anna went.", "a": form} for form in forms]
    result = from_squad(rows, question="q", context="passage", answers="a")
    assert [record.output for record in result.records] == ["Anna"] * 6 + [NO_PHRASES] * 3
    assert [note.row for note in result.rejected] == [10, 11]


def test_a_test_file_without_answers_is_not_unanswerable():
    article = {"title": "T", "paragraphs": [{"context": "Anna went.", "qas": [{"question": "Who?"}]}]}
    assert "missing" in from_squad([article]).rejected[0].reason


def test_lists_that_pandas_reads_from_parquet(tmp_path):
    import pandas

    chat = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    row = {"question": "Who?", "context": "Anna", "answers": {"text": ["Anna"]}, "messages": chat}
    pandas.DataFrame([row]).to_parquet(tmp_path / "a.parquet")
    rows = pandas.read_parquet(tmp_path / "a.parquet").to_dict("records")
    assert from_squad(rows).records[0].output == "Anna"
    assert from_messages(rows).records == [Record("u", "", "a")]
    assert from_messages([{"messages": json.dumps(chat)}]).records == [Record("u", "", "a")]


# --- instructions, conversations, documents


def test_alpaca_dolly_and_named_columns():
    alpaca = [{"instruction": "i", "input": None, "output": "o"}, {"instruction": "i", "input": " ", "output": ""}]
    assert from_instructions(alpaca).records == [Record("i", "", "o"), Record("i", " ", "")]
    dolly = [{"instruction": "i", "context": "x", "response": "o", "category": "qa"}]
    assert from_instructions(dolly, group="category").records[0].group == "qa"
    assert from_instructions([{"q": "i", "a": "o"}], instruction="q", output="a").records == [Record("i", "", "o")]
    assert (
        from_instructions([{"instruction": "i", "output": None}, alpaca[0]]).rejected[0].reason == "output is missing"
    )
    with pytest.raises(DataError, match="no column 'output'.*'prompt'.*output="):
        from_instructions([{"instruction": "i", "prompt": "o"}])


def test_conversations():
    turns = [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "more"), ("assistant", "b")]
    rows = [{"messages": [{"role": role, "content": content} for role, content in turns[start:end]]}
            for start, end in [(0, 3), (1, 3), (0, 5), (0, 2), (2, 3), (0, 0)]]  # fmt: skip
    result = from_messages(rows)
    assert result.records[:2] == [Record("s", "u", "a"), Record("u", "", "a")] and not result.notes
    swapped = from_sharegpt([{"conversations": rows[1]["messages"]}])
    assert swapped.rejected[0].reason == "a message without 'from', but with role, content"
    assert from_messages([{"conversations": rows[1]["messages"]}], messages="conversations").records[0].output == "a"
    assert [note.row for note in result.rejected] == [4, 5, 6]
    row = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}
    assert from_sharegpt([row]).records == [Record("u", "", "a")]
    odd = {"conversations": [{"from": "alien", "value": "u"}, {"from": "gpt", "value": None}]}
    assert "alien" in from_sharegpt([odd]).rejected[0].reason


def test_a_role_that_is_no_text_costs_its_row_only():
    rows = [{"messages": [{"role": ["user"], "content": "u"}, {"role": "assistant", "content": "a"}]}]
    (note,) = from_messages(rows).rejected
    assert note.reason.startswith("unknown role ['user']")


def test_every_converter_takes_positions(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('"Dear, x",Greet\nHi,Wave\n', encoding="utf-8")
    assert from_documents(path, text=0, instruction=1).records[0] == Record("Greet", "", "Dear, x")
    assert from_instructions(path, instruction=1, output=0).records[1] == Record("Wave", "", "Hi")
    assert from_phrases(path, text=0, phrases=1).rows_in == 2
    with pytest.raises(DataError, match="no header line, .*pass text=0"):
        from_documents(path, text="document")
    with pytest.raises(DataError) as error:
        from_documents([{"a": "b", "c": "d"}])
    assert "position" not in str(error.value)


def test_excerpts_hide_nothing_and_obey_nothing():
    assert conversion.excerpt("a\u00a0b\x1b[2J\u200b\u2028c \n d\ud800") == (
        "a‹U+00A0›b‹U+001B›[2J‹U+200B›‹U+2028›c d‹U+D800›"
    )
    assert len(conversion.excerpt("\u200b" * 100)) == 80


def test_documents_with_and_without_instruction():
    rows = [{"document": "Hi", "instruction": "Greet"}, {"document": "Ho", "instruction": None}, {"document": " "}]
    result = from_documents(rows)
    assert (result.records, len(result.rejected)) == ([Record("Greet", "", "Hi")], 2)
    assert from_documents([{"document": "Hi"}]).records == [Record("", "", "Hi")]
    assert from_documents(rows[:2], instruction=None).records[1] == Record("", "", "Ho")
    with pytest.raises(DataError, match="'prompt'"):
        from_documents(rows, instruction="prompt")


# --- every row is accounted for


CONVERTERS = {
    "labels": (lambda rows: from_labels(rows, text="a", label="b", labels=["x", "y"]), ("a", "b")),
    "phrases": (lambda rows: from_phrases(rows, text="a", phrases="b"), ("a", "b")),
    "spans": (lambda rows: from_spans(rows, text="a", spans="b"), ("a", "b")),
    "tagged": (lambda rows: from_tagged(rows, tokens="a", tags="b"), ("a", "b")),
    "squad": (from_squad, ("question", "context", "answers")),
    "instructions": (from_instructions, ("instruction", "input", "output")),
    "messages": (from_messages, ("messages",)),
    "documents": (from_documents, ("document", "instruction")),
}


@pytest.mark.parametrize("name", CONVERTERS)
@given(data=st.data())
def test_no_row_is_lost(name, data):
    convert, columns = CONVERTERS[name]
    turn = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "x"]), "content": anything})
    span = st.fixed_dictionaries({"start": st.integers(-3, 9), "end": st.integers(-3, 9)})
    value = anything | st.lists(turn, max_size=3) | st.lists(span, max_size=2) | st.sampled_from(["x", "y"])
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, value)), max_size=6))
    try:
        result = convert(rows)
    except DataError:
        return  # no row of the table fits: said in one sentence
    assert result.rows_in == len(rows) == len(result.records) + len(result.rejected)
    assert all(1 <= note.row <= len(rows) and note.reason and len(note.excerpt) <= 80 for note in result.rejected)
    for record in result.records:
        json.dumps([record.instruction, record.input, record.output], ensure_ascii=False).encode()


def test_half_surrogates_are_rejected_not_written():
    assert "surrogate" in from_instructions([{"instruction": "\ud800", "output": "o"}]).rejected[0].reason


def test_summary_counts_reasons():
    result = from_instructions([{"instruction": "i", "output": "o"}, {"instruction": None, "output": "o"}])
    assert result.summary() == "2 rows in, 1 record, 1 rejected (instruction is missing: 1)"


# --- files of records


@given(st.lists(st.builds(Record, text, text, text, st.sampled_from(["", "document"]), text), max_size=5))
def test_save_and_load(tmp_path_factory, saved):
    path = save_records(saved, tmp_path_factory.mktemp("records") / "deep" / "storage.jsonl")
    loaded = load_records(path)
    assert loaded == saved
    assert [(r.task, r.group) for r in loaded] == [(r.task, r.group) for r in saved]
    if saved:
        assert from_instructions(path).records == saved


def test_load_says_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_records(tmp_path / "no.jsonl")
    path = tmp_path / "no.jsonl"
    path.write_text('{"instruction": "a"}\n{"text": "b"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        load_records(path)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"instruction": 1}', "instruction is of type int, not text"),
        ('{"instruction": "a", "output": null}', "output is of type NoneType, not text"),
        ("[1]", "it is of type list, not an object"),
        ("[" * 100_000, "recursion"),
        ('{"instruction": ' + "1" * 5000 + "}", "line 1 is not a record"),
    ],
)
def test_lines_that_are_no_records(tmp_path, line, why):
    path = tmp_path / "no.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=why):
        load_records(path)


def test_records_gzipped(tmp_path):
    saved = [Record("é\u2028", "\r\n", "o", "document", "g")]
    path = save_records(saved, tmp_path / "storage.jsonl.gz")
    assert load_records(path) == saved == from_instructions(path).records


def test_fingerprint_tells_contents_apart():
    assert fingerprint([Record("ab", "c")]) != fingerprint([Record("a", "bc")])
    assert fingerprint([Record("a"), Record("b")]) != fingerprint([Record("b"), Record("a")])
    assert fingerprint([Record("a", task="document")]) == fingerprint([Record("a")])
    assert fingerprint([Record("é", "x", "y")]) == "79892f2acafb84eb"  # the same on every machine
