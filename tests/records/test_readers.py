"""Reading: no row is lost or invented, whatever the file looks like, and a refusal is one clear sentence."""

import csv
import gzip
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.errors import DataError
from utils.records import BadRow, from_labels, from_phrases, read_table

ROWS = [
    {"Label": "Complaint", "Text": "Dirty, and “cold”"},
    {"Label": "Non-Complaint", "Text": "Kind\nstaff \u2028 ok"},
]


def rows_of(source, **options):
    return list(read_table(source, **options).rows())


def write_csv(path, rows, *, sep=",", encoding="utf-8", newline="\n"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=sep, lineterminator=newline)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(("suffix", "sep"), [(".csv", ","), (".csv", ";"), (".tsv", "\t"), (".txt", "\t")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_delimited(tmp_path, suffix, sep, encoding, newline):
    rows = [{name: value.replace(",", "") for name, value in row.items()} for row in ROWS] if sep == ";" else ROWS
    path = write_csv(tmp_path / f"reviews{suffix}", rows, sep=sep, encoding=encoding, newline=newline)
    assert rows_of(path) == rows


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.parquet", "a.csv"])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_plain_and_gzipped(tmp_path, name, zipped):
    path = tmp_path / name
    if name.endswith(".json"):
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    elif name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    else:
        write_csv(path, ROWS)
    if zipped:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert rows_of(path) == ROWS
    assert rows_of(str(path)) == ROWS


def test_datasets_bring_their_class_names(tmp_path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    data = Dataset.from_dict({"text": ["bad", "good"], "label": [0, 1]}, features=features)
    data.save_to_disk(tmp_path / "saved")
    data.to_parquet(tmp_path / "data.parquet")
    for source in (data, tmp_path / "saved", tmp_path / "data.parquet"):
        assert [r.output for r in from_labels(source, text="text", label="label").records] == ["neg", "pos"]


def test_json_lines_in_a_json_file_and_wrapped_rows(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert rows_of(path) == ROWS
    path.write_text(json.dumps({"version": "1", "data": ROWS}), encoding="utf-8")
    assert rows_of(path) == ROWS
    one = tmp_path / "one.jsonl"
    one.write_text(json.dumps({"data": [1], "Label": "x"}), encoding="utf-8")
    assert len(rows_of(one)) == 1


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_in_a_json_lines_file(tmp_path, indent):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROWS, indent=indent), encoding="utf-8")
    assert rows_of(path) == ROWS


def test_broken_rows_stay_in_the_table(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n[1]\n{"a": 2}\n', encoding="utf-8")
    kinds = [type(row) for row in rows_of(path)]
    assert kinds == [dict, BadRow, BadRow, dict]
    ragged = tmp_path / "rows.csv"
    ragged.write_text("Label,Text\na,b\na,b,c\na\na,d\n", encoding="utf-8")
    assert [row.reason if isinstance(row, BadRow) else "" for row in rows_of(ragged)] == [
        "", "3 fields instead of 2", "1 field instead of 2", "",
    ]  # fmt: skip


def test_quotes_as_part_of_the_text(tmp_path):
    path = tmp_path / "sms"
    path.write_text('ham\t"Hello he said\nham\tok\nspam\tthe end"\nham\t"so" it goes\n', encoding="utf-8")
    assert [row[1] for row in rows_of(path, header=False)] == ['"Hello he said', "ok", 'the end"', '"so" it goes']
    # a quote that opens in one line and closes in another is legal quoting, but would swallow a row
    path.write_text('ham\t"Hello he said\nham\tok\nspam\tthe end"\n', encoding="utf-8")
    assert len(rows_of(path, header=False)) == 3


def test_strays_between_commas_swallow_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('ham,"Hello he said\n' + "ham,ok\n" * 30 + 'spam,the end"\n', encoding="utf-8")
    assert len(rows_of(path, header=False)) == 32


def test_stray_quotes_beside_a_ragged_row(tmp_path):
    path = tmp_path / "sms"
    path.write_text('ham\t"Hello he said\nham\tok\nham\tbad\tx\nspam\tthe end"\nham\tyes\n', encoding="utf-8")
    assert [isinstance(row, BadRow) for row in rows_of(path, header=False)] == [False, False, True, False, False]


@pytest.mark.parametrize("sep", [",", "\t"])
def test_quotes_escaped_with_a_backslash(tmp_path, sep):
    path = tmp_path / "a.txt"
    path.write_text(f'label{sep}text\n1{sep}"He said \\"no\\", then C:\\dir"\n0{sep}"ok"\n', encoding="utf-8")
    assert [row["text"] for row in rows_of(path)] == ['He said "no", then C:\\dir', "ok"]


def test_a_backslash_before_a_closing_quote_is_only_a_backslash(tmp_path):
    path = tmp_path / "news.csv"
    path.write_text('"3","A ""b"" \\","c\\"\n"4","d","e"\n', encoding="utf-8")
    assert rows_of(path, header=False)[0] == {0: "3", 1: 'A "b" \\', 2: "c\\"}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("3;Wall St., Back;Reuters, x\n4;Chips, up;a, b, c\n", ["3", "Wall St., Back", "Reuters, x"]),
        ('"3","Wall\tSt.; Bears","x"\n"4","Chips","y"\n', ["3", "Wall\tSt.; Bears", "x"]),
        ("3,Bears; Bulls,x\n4,Chips,y\n", ["3", "Bears; Bulls", "x"]),
    ],
)
def test_the_separator_is_found_without_a_header(tmp_path, text, fields):
    path = tmp_path / "news.csv"
    path.write_text(text, encoding="utf-8")
    assert list(rows_of(path, header=False)[0].values()) == fields


def test_a_lone_carriage_return_ends_no_row(tmp_path):
    path = tmp_path / "sms"
    path.write_bytes(b"ham\thello\rthere\nspam\tok\n")
    assert [row[1] for row in rows_of(path, header=False)] == ["hello\rthere", "ok"]
    path.write_bytes(b"ham\thello\rspam\tok\r")  # but in old Macintosh files it does
    assert [row[1] for row in rows_of(path, header=False)] == ["hello", "ok"]


def test_gzip_is_known_by_its_first_bytes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"Label,Text\na,b\n"))
    assert rows_of(path) == [{"Label": "a", "Text": "b"}]


def test_names_of_options_that_do_not_exist(tmp_path):
    path = write_csv(tmp_path / "a.csv", ROWS)
    with pytest.raises(DataError, match="there is no encoding 'cp12522'"):
        rows_of(path, encoding="cp12522")
    with pytest.raises(DataError, match="one character"):
        rows_of(path, sep="||")
    path.write_bytes(b"Label,Text\na,\x81\n")
    with pytest.raises(DataError, match="encoding='latin-1'"):
        rows_of(path, encoding="cp1252")


def test_two_columns_of_one_name_are_not_merged_in_silence(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Label,Text,Text\na,b,c\n", encoding="utf-8")
    with pytest.raises(DataError, match="2 columns named 'Text'"):
        from_labels(path, text="Text", label="Label")


def test_quoted_newlines_that_look_like_rows(tmp_path):
    path = write_csv(tmp_path / "a.csv", [{"Label": "a", "Text": "one\ntwo, three"}])
    assert rows_of(path) == [{"Label": "a", "Text": "one\ntwo, three"}]


def test_values_are_not_interpreted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,text\nNA,007\nnull,1e5\n", encoding="utf-8")
    assert rows_of(path) == [{"label": "NA", "text": "007"}, {"label": "null", "text": "1e5"}]


def test_long_fields_and_unnamed_columns(tmp_path):
    path = tmp_path / "spam.csv"
    path.write_text(f'v1,v2,,,\nham,"{"x" * 200_000}",,,\n', encoding="utf-8")
    (row,) = rows_of(path)
    assert len(row["v2"]) == 200_000


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", ["a.csv is empty"]),
        ("a.csv", b"Label,Text\n", ["'Label', 'Text'", "no rows"]),
        ("a.json", b"[]", ["no rows"]),
        ("a.json", b'{"rows": 1}', ["keys rows", "list of objects"]),
        ("a.json", b"{oops", ["a.json", "not valid JSON"]),
        ("a.jsonl", b"oops\nagain\n", ["a.jsonl", "not valid JSON"]),
        ("a.csv", "Label,Text\na,caf\u00e9\n".encode("cp1252"), ["not utf-8", "0xe9", "encoding='cp1252'"]),
        ("a.csv", "Label,Text\na,b\n".encode("utf-16"), ["encoding='utf-16'"]),
        ("a.csv", b'Label,Text\na,"b\nc,d,e\n', ["do not pair up", "quote='none'"]),
        ("a.csv", b'Label,Text\na,"b "c" d"\ne,f\n', ["do not pair up", "quote='none'"]),
        ("a.tsv", b'Label\tText\n"a"\t"b"\n"c"\t"d\n', ["do not pair up", "quote='none'"]),
        ("a.csv", b" \n\n", ["a.csv is empty"]),
        ("a.csv", b"\xef\xbb\xbf", ["a.csv is empty"]),
        ("a.csv", "Label,Text\na,b\n".encode("utf-16-le"), ["NUL characters", "encoding='utf-16-le'"]),
        ("a.csv", "Label,Text\na,b\n".encode("utf-16-be"), ["NUL characters", "encoding='utf-16-be'"]),
        ("a.xlsx", b"PK\x03\x04\xff", ["a.xlsx", "Excel"]),
        ("a.csv.gz", b"no gzip", ["a.csv.gz", "cannot be read"]),
        ("a.parquet.gz", b"no gzip", ["a.parquet.gz", "cannot be read"]),
        ("a.json", b'["text", 1]', ["a.json", "of type str, not objects"]),
        ("a.json", b'[\n"cut",\n1\n', ["a.json", "not valid JSON"]),
        ("a.json", b"[" * 100_000, ["a.json", "not valid JSON"]),
        ("a.jsonl", b'{"a": ' + b"1" * 5000 + b"}", ["a.jsonl", "not valid JSON"]),
        ("a.parquet", b"no parquet", ["a.parquet", "not a Parquet file"]),
        ("a.parquet", b"PAR1" + b"\xff" * 40 + b"\x08\0\0\0PAR1", ["a.parquet", "not a Parquet file"]),
        ("a.json", b'{"text": {"0": "a"}}', ["holds one dict", "orient='records'"]),
        ("a.json", json.dumps({i: {} for i in range(999)}).encode(), ["keys 0, 1, 2, 3, 4, 5, 6, 7 and 991 more"]),
        ("a.jsonl", b'["a"]\n["b"]\n', ["a.jsonl", "of type list, not objects"]),
    ],
)
def test_refusals(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as error:
        rows_of(tmp_path / name)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert "\n" not in str(error.value)


def test_quotes_that_do_not_pair_up_are_refused_also_when_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('Label,Text\na,"b" c\n', encoding="utf-8")
    with pytest.raises(DataError, match="do not pair up"):
        rows_of(path, quote='"')
    assert rows_of(path, quote="none") == [{"Label": "a", "Text": '"b" c'}]


def test_rows_of_a_pandas_frame(tmp_path):
    import pandas

    frame = pandas.DataFrame({"text": ["a", "b"], "label": [0, 1], "phrases": [["a"], []]})
    frame.to_parquet(tmp_path / "frame.parquet")
    for rows in (frame.to_dict("records"), pandas.read_parquet(tmp_path / "frame.parquet").to_dict("records")):
        assert len(from_labels(rows, text="text", label="label", labels=["x", "y"]).records) == 2
        assert [record.output for record in from_phrases(rows).records] == ["a", "none"]


def test_other_encodings_are_read_when_named(tmp_path):
    path = write_csv(tmp_path / "a.csv", [{"Label": "a", "Text": "café “x”"}], encoding="cp1252")
    assert rows_of(path, encoding="cp1252")[0]["Text"] == "café “x”"


def test_missing_files_and_wrong_types(tmp_path):
    (tmp_path / "there.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not exist.*there.csv"):
        read_table(tmp_path / "reviews.csv")
    with pytest.raises(DataError, match="reviews.conll does not exist"):
        read_table("reviews.conll")
    with pytest.raises(DataError, match="my-reviews is not a file here.*load_dataset"):
        read_table("my-reviews")
    with pytest.raises(DataError, match=r"^…/.*is a folder; pass a file \(in it: there.csv\)"):
        read_table(tmp_path)
    with pytest.raises(DataError) as error:
        read_table(tmp_path / "reviews.csv")
    assert str(tmp_path) not in str(error.value)  # the name is what helps, not the way to it
    with pytest.raises(DataError, match="of type int"):
        read_table(3)


def test_the_text_of_a_file_in_place_of_its_path():
    with pytest.raises(DataError, match="'Label,Text.*pass that of a file, not its text"):
        read_table("Label,Text\n" + "Complaint,Dirty room\n" * 20)


def test_damaged_files_of_datasets(tmp_path):
    from datasets import Dataset

    data = Dataset.from_list([{"text": f"{i} {i * i}"} for i in range(1000)])
    data.save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    with pytest.raises(DataError, match="^saved cannot be loaded as a saved dataset.*save it again"):
        read_table(tmp_path / "saved")
    data.to_parquet(tmp_path / "data.parquet")
    data = bytearray((tmp_path / "data.parquet").read_bytes())
    data[4:2000] = b"\xff" * 1996  # the pages; the footer with the column names is whole
    (tmp_path / "data.parquet").write_bytes(data)
    table = read_table(tmp_path / "data.parquet")
    with pytest.raises(DataError, match="data.parquet is damaged"):
        list(table.rows())


def test_a_dataset_dict_names_its_splits(tmp_path):
    from datasets import Dataset, DatasetDict

    both = DatasetDict(train=Dataset.from_list(ROWS))
    with pytest.raises(DataError, match="train.*pass one"):
        read_table(both)
    both.save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match="train.*pass the folder"):
        read_table(tmp_path / "saved")
    assert rows_of(tmp_path / "saved" / "train") == ROWS


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


@given(st.lists(st.tuples(cell.filter(lambda text: text.strip()), cell), min_size=1, max_size=8))
def test_csv_of_free_unicode_comes_back(tmp_path_factory, pairs):
    rows = [{"Label": label, "Text": text} for label, text in pairs]
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["Label", "Text"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    assert rows_of(path) == rows


def test_importing_the_front_door_is_light():
    code = "import sys, utils.records, utils.quality; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "pyarrow", "datasets", "torch", "transformers"} & set(loaded)
