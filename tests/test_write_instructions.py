"""Texts in, curated pairs out: the command on a model that learned to name people and cities."""

import json

import pytest
from models_fixture import TEXTS, trained  # noqa: F401

from utils import curation, write_instructions
from utils.curation import judge_drafts


@pytest.fixture
def letters(tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    for at, text in enumerate(TEXTS[:5]):
        (folder / f"{at}.txt").write_text(text, encoding="utf-8")
    (folder / "long.txt").write_text("very long " * 200, encoding="utf-8")
    return folder


def run(*arguments, adapter):
    return write_instructions.main(
        [*map(str, arguments), "--adapter", str(adapter), "--samples", "1", "--max-length", "200"]
    )


def test_a_folder_becomes_pairs_scores_and_reasons(letters, trained, tmp_path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.setattr(curation, "judge_drafts", lambda drafts, fits: judge_drafts(drafts, fits, {}))
    monkeypatch.setattr(write_instructions, "CHUNK", 2)
    assert run(letters, tmp_path / "out", adapter=trained.adapter) == 0
    said = capsys.readouterr().out
    assert "5 texts, 1 left out" in said and "written: 2 of 5" in said and "kept 5 of 5 texts" in said
    pairs = json.loads((tmp_path / "out" / "alpaca.json").read_text(encoding="utf-8"))
    assert sorted(pair["output"] for pair in pairs) == sorted(TEXTS[:5])
    [left_out] = (tmp_path / "out" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert "long.txt" in left_out and "too long" in left_out


def test_where_nothing_is_kept_the_status_is_1_and_reasons_are_written(letters, trained, tmp_path, monkeypatch):  # noqa: F811
    never = {"never": lambda drafts, fits: ["no"] * len(drafts)}
    monkeypatch.setattr(curation, "judge_drafts", lambda drafts, fits: judge_drafts(drafts, fits, never))
    assert run(letters, tmp_path / "out", "--forward", trained.adapter, adapter=trained.adapter) == 1
    assert (tmp_path / "out" / "rejected.jsonl").read_text(encoding="utf-8").count("never: no") == 5


def test_what_is_wrong_is_one_sentence(letters, trained, tmp_path, capsys):  # noqa: F811
    assert run(letters, letters, adapter=trained.adapter) == 1
    assert run(tmp_path / "missing", tmp_path / "out", adapter=trained.adapter) == 1
    assert run(letters, tmp_path / "new", adapter=tmp_path / "no_adapter") == 1
    first, second, third = capsys.readouterr().err.strip().splitlines()
    assert "not an empty folder" in first and "missing" in second and "no_adapter" in third


def test_a_forward_adapter_must_know_the_template(letters, trained, tmp_path):  # noqa: F811
    assert run(letters, tmp_path / "out", "--forward", tmp_path / "nothing", adapter=trained.adapter) == 1


def test_without_any_adapter_the_way_to_one_is_named(letters, tmp_path, capsys, monkeypatch):
    for name in ("REVERSE", "OF_03"):
        monkeypatch.setattr(write_instructions, name, tmp_path / "none")
    assert write_instructions.main([str(letters), str(tmp_path / "out")]) == 1
    assert "run notebook 06" in capsys.readouterr().err
