"""Token files whose columns stand in another order, with comments and headings, come out right or are refused."""

import pytest

from utils.errors import DataError
from utils.records import from_tagged, has_tags, parse_phrases

NUMBERED = "0\tAnna\tB-PER\n1\tlives\tO\n2\tin\tO\n3\tNew\tB-LOC\n4\tYork\tI-LOC\n\n0\tYes\tO\n1\t.\tO\n"
ANNA = ("Anna lives in New York", "Anna; New York")


def pairs(source, **options):
    return [(record.input, record.output) for record in from_tagged(source, **options).records]


@pytest.fixture
def write(tmp_path):
    def write(text, name="a.conll"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize("start", [0, 1])
def test_running_numbers_are_refused_with_the_column_to_pass(write, start):
    lines = [line.split("\t") for line in NUMBERED.split("\n")]
    text = "\n".join("\t".join([str(int(line[0]) + start), *line[1:]]) if line[0] else "" for line in lines)
    path = write(text)
    with pytest.raises(DataError, match="first column of a.conll holds running numbers, not tokens: pass tokens=1$"):
        from_tagged(path)
    assert pairs(path, tokens=1) == [ANNA, ("Yes .", "none")]
    assert pairs(path, tokens=-2, tags=-1) == [ANNA, ("Yes .", "none")]
    assert from_tagged(path, tokens=1).unused == ("column 0",)


def test_numbers_that_are_tokens_are_read(write):
    assert pairs(write("1999\tO\n2001\tO\n\n3\tO\n7\tO\nBonn\tB-LOC\n")) == [
        ("1999 2001", "none"),
        ("3 7 Bonn", "Bonn"),
    ]


GERMEVAL = (
    "#\thttp://de.example.org/wiki/Manfred [2009-10-17]\n"
    "1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n3\tin\tO\tO\n4\tBonner\tB-ORG\tB-LOCderiv\n5\tVerein\tI-ORG\tO\n\n"
    "#\thttp://de.example.org/wiki/O [2009-10-17]\n1\t#\tO\tO\n2\tNein\tO\tO\n"
)


def test_comments_and_two_columns_of_tags(write):
    path = write(GERMEVAL, "NER-de-dev.tsv")
    with pytest.raises(DataError, match=r"pass tokens=1; several columns hold tags \(2, 3\), pass tags=2"):
        from_tagged(path)
    assert pairs(path, tokens=1, tags=2)[0] == ("Schartau sagte in Bonner Verein", "Schartau; Bonner Verein")
    assert pairs(path, tokens=1)[0][1] == "Bonner"
    assert pairs(path, tokens=1)[1] == ("# Nein", "none")
    assert from_tagged(path, tokens=1, tags=2).unused == ("column 0", "column 3 (B-LOCderiv)")


CONLLU = (
    "# global.columns = ID FORM UPOS NER MISC\n# sent_id = 1\n# text = Vámonos al mar O\n"
    "1-2\tVámonos\t_\t_\t_\n1\tVamos\tVERB\tO\t_\n2\tnos\tPRON\tO\t_\n3\tal\tADP\tO\t_\n4\tmar\tNOUN\tB-LOC\tSpaceAfter=No\n"
    "4.1\tx\t_\t_\t_\n\n# sent_id = 2\n1\tSí\tINTJ\tO\t_\n2\t.\tPUNCT\tO\t_\n"
)


def test_columns_by_name_in_conll_u(write):
    path = write(CONLLU, "es.conllup")
    assert pairs(path, tokens="FORM", tags="NER") == [("Vamos nos al mar", "mar"), ("Sí .", "none")]
    assert from_tagged(path, tokens="FORM", tags="NER").unused == ("ID", "UPOS", "MISC")
    with pytest.raises(DataError, match="no column 'WORD'; found 'ID', 'FORM', 'UPOS', 'NER', 'MISC': pass tokens="):
        from_tagged(path, tokens="WORD", tags="NER")
    assert not has_tags(path, None, "utf-8") and has_tags(path, "NER", "utf-8") and has_tags(path, 3, "utf-8")


def test_a_line_of_headings_is_not_a_token(write):
    path = write("token\tner_tag\nAnna\tB-PER\nran\tO\n\nYes\tO\n", "a.tsv")
    assert pairs(path) == pairs(path, tokens="token", tags="ner_tag") == [("Anna ran", "Anna"), ("Yes", "none")]


def test_hashes_that_are_tokens_stay(write):
    path = write("#\tO\nBonn\tB-LOC\n\n# tag\tO\nis\tO\n\n#sun\tO\nin\tO\n")
    assert [text for text, _ in pairs(path)] == ["# Bonn", "# tag is", "#sun in"]


def test_a_line_of_another_width_rejects_its_sentence(write):
    path = write("Anna\tNNP\tB-PER\nran\tO\n\nYes\tUH\tO\n.\t.\tO\n")
    result = from_tagged(path)
    assert [(note.row, note.reason) for note in result.rejected] == [(1, "a line of 2 columns instead of 3")]
    assert result.unused == ("column 1 (NNP)",)


def test_a_column_that_is_not_there_is_refused(write):
    with pytest.raises(DataError, match="no column 5; found 0, 1, 2: pass tags="):
        from_tagged(write(NUMBERED), tokens=1, tags=5)


def test_a_file_without_blank_lines_is_refused(write):
    with pytest.raises(DataError, match="3,000 tokens and no blank line.*pass sentence="):
        from_tagged(write("Anna\tB-PER\nran\tO\nto\tO\n" * 1000))


def test_the_real_file_with_numbers_first(refdata):
    path = refdata / "extract" / "conll_es_test.conllu"
    with pytest.raises(DataError, match="tokens=1"):
        from_tagged(path)
    result = from_tagged(path, tokens=1)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert (result.rows_in, len(result.records), result.rejected) == (1517, 1517, [])
    assert " ".join(record.input for record in result.records).split(" ") == [
        line.split("\t")[1] for line in lines if line.strip()
    ]
    listed = sum(len(parse_phrases(record.output)) for record in result.records)
    begun = sum(line.split("\t")[2].startswith("B-") for line in lines if line.strip())
    assert 0.95 * begun < listed <= begun


@pytest.mark.parametrize("number", ["1-{}", "{}-{}"])
def test_lines_numbered_with_a_sentence_or_an_offset_are_tokens(write, number):
    lines = [f"{number.format(at, at + 3)}\t{word}\t{tag}" for at, (word, tag) in enumerate(
        [("Anna", "B-PER"), ("lives", "O"), ("in", "O"), ("Bonn", "B-LOC")])]  # fmt: skip
    path = write("\n".join(lines) + "\n\n" + "\n".join(lines) + "\n")
    assert [record.output for record in from_tagged(path, tokens=1, tags=2).records] == ["Anna; Bonn"] * 2
    with pytest.raises(DataError, match="holds running numbers, not tokens"):
        from_tagged(path)
