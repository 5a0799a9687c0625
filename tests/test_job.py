"""Notebook 07 as a job: it ends with a report on every task, and with one sentence where something is wrong."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from html import unescape
from pathlib import Path

import nbformat
import pytest
from models_fixture import save_model

from utils import artefacts
from utils.inference import load_adapter
from utils.job import NOTEBOOK, main
from utils.notebook import project_root, read_results

LONG_ENOUGH = 3600  # seconds; a busy machine is no fault


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model of 0.2 M random weights with the smallest context that the prompts fit into."""
    from models_fixture import small_config

    return save_model(tmp_path_factory.mktemp("model") / "base", small_config(max_position_embeddings=1024))


def job(folder: Path, capsys, **parameters) -> tuple[int, str, str]:
    """Exit status and what was printed to stdout and stderr."""
    words = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    status = main([*words, "-p", "output_dir", str(folder)])
    return status, *capsys.readouterr()


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def small(model: Path) -> dict:
    return {"model_name": model, "limit": 24, "epochs": 1, "batch_size": 16, "rank": 2, "max_length": 900}


# --- what a job leaves behind ---

TASKS = {
    "classification": {"data_path": "data/hotel_reviews.csv"},
    "extraction": {"data_path": "data/entity_phrases.jsonl"},
    "instructions": {"data_path": "data/instructions.json"},
    "documents": {"data_path": "data/documents.jsonl"},
}
BASELINES = {
    "classification": {"majority label", "TF-IDF + logistic regression"},
    "extraction": {"phrases known from training"},
    "instructions": {"answer to the most similar row"},
    "documents": {"answer to the most similar row"},
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_ends_with_adapter_report_and_numbers(task, model, tmp_path, capsys):
    status, printed, errors = job(tmp_path, capsys, task=task, **TASKS[task], **small(model))
    assert (status, errors) == (0, "")
    assert "epoch 1.00 of 1" in printed and printed.endswith(f"Report: {tmp_path / 'report.html'}\n")
    assert {path.name for path in tmp_path.iterdir()} == {*artefacts.NAMES, "notebook.ipynb"}

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    predictions = lines(tmp_path / "predictions.jsonl")
    assert metrics["data"]["train"] + metrics["data"]["test"] + len(lines(tmp_path / "rejected.jsonl")) == 24
    assert len(predictions) == metrics["data"]["test"]
    assert metrics["scores"].keys() == {"base model", "fine-tuned", *BASELINES[task]}
    for interval in (cell for scores in metrics["scores"].values() for cell in scores.values()):
        assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert metrics["fine_tuned_minus"].keys() == {"base model", *BASELINES[task]}

    loaded, tokenizer, templates = load_adapter(tmp_path / "adapter")
    [name] = templates
    assert name == ("reverse_instruction" if task == "documents" else "alpaca")
    assert all(row["prompt"].endswith("### Response:\n") for row in predictions)
    recorded = read_results(tmp_path / "notebook.ipynb")
    assert recorded["test_rows"] == len(predictions) and any(name.startswith("tuned_") for name in recorded)
    if task == "classification":
        share = sum(row["correct"] for row in predictions) / len(predictions)
        assert metrics["scores"]["fine-tuned"]["label_accuracy"]["value"] == pytest.approx(share)
        with Path(project_root() / "data" / "hotel_reviews.csv").open(encoding="utf-8", newline="") as file:
            source = list(csv.DictReader(file))
        assert all(source[row["row"] - 1]["Label"] == row["expected"] for row in predictions)


def test_many_labels_few_rows_each_end_with_a_report_that_says_how_to_ask(model, tmp_path, monkeypatch, capsys):
    rows = [f"where is my {thing} {n},card_{thing}" for thing in range(60) for n in range(2)]
    (tmp_path / "intents.csv").write_text("text,category\n" + "\n".join(rows), encoding="utf-8")
    status, _, errors = job(tmp_path / "out", capsys, data_path=tmp_path / "intents.csv", **small(model) | {"limit": 0})
    assert (status, errors) == (0, "")
    report = unescape((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    [snippet] = re.findall(r"<pre>(from utils.*?)</pre>", report, re.DOTALL)
    assert "Name the category of the text below." in snippet
    monkeypatch.setenv("PYTHONPATH", str(project_root()))
    done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path / "out", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_job_that_is_interrupted_says_so_in_one_sentence(model, tmp_path):
    words = [word for name, value in small(model).items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "utils.job", *words, "-p", "epochs", "200", "-p", "output_dir", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests that run in the background ignore it
    with subprocess.Popen(command, cwd=project_root(), preexec_fn=heard, **pipes) as process:
        next(line for line in process.stdout if line.startswith("epoch"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_ENOUGH)
    assert (process.returncode, errors) == (130, "interrupted; the same command goes on from the last checkpoint\n")
    assert not {path.name for path in tmp_path.iterdir()} & {*artefacts.NAMES, "notebook.ipynb"}


def test_a_job_that_is_killed_goes_on_and_ends_with_the_same_bytes(model, tmp_path, capsys):
    parameters = small(model) | {"limit": 60, "epochs": 8, "batch_size": 4}
    words = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "utils.job", *words, "-p", "output_dir", str(killed)]
    with subprocess.Popen(command, cwd=project_root(), stdout=subprocess.DEVNULL) as process:
        started = time.monotonic()
        while not list(killed.glob("checkpoints/checkpoint-*")):
            assert process.poll() is None and time.monotonic() - started < LONG_ENOUGH
            time.sleep(0.05)
        kernels = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        for number in (process.pid, *map(int, kernels)):
            os.kill(number, signal.SIGKILL)
    assert not {path.name for path in killed.iterdir()} & {*artefacts.NAMES, "notebook.ipynb"}

    status, printed, _ = job(killed, capsys, **parameters)
    assert status == 0 and "epoch 0.00" not in printed, "it started over"
    status, printed, _ = job(whole, capsys, **parameters)
    assert status == 0 and "epoch 0.00" in printed
    for name in ("metrics.json", "predictions.jsonl", "rejected.jsonl", "report.html"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name


# --- what stops it ---


@pytest.fixture
def files(tmp_path) -> Path:
    rows = [
        f"text number {i} about {word},{'good' if i % 2 else 'bad'}" for i, word in enumerate("abcdefghijklmnopqrst")
    ]
    (tmp_path / "reviews.csv").write_text("review,verdict\n" + "\n".join(rows), encoding="utf-8")
    (tmp_path / "spelt.csv").write_text("text,label\n" + "\n".join(rows) + "\none more,Good", encoding="utf-8")
    (tmp_path / "small.csv").write_text("text,label\n" + "\n".join(rows[:4]), encoding="utf-8")
    (tmp_path / "same.csv").write_text("text,label\n" + "\n".join(rows[::2]), encoding="utf-8")
    (tmp_path / "tagged.conll").write_text("Anna B-PER\nsang O\n\n" * 12, encoding="utf-8")
    (tmp_path / "comma.json").write_text('{"name": "mine", "text": "Q: {instruction}",}', encoding="utf-8")
    template = {"name": "mine", "text": "Q: {question}\n### Response:\n"}
    (tmp_path / "field.json").write_text(json.dumps(template), encoding="utf-8")
    return tmp_path


COLUMNS = {"data_path": "reviews.csv", "text_column": "review", "answer_column": "verdict"}
FAULTS = {
    "a column": ({"data_path": "reviews.csv"}, "no column 'text' or 'sentence'; it has 'review', 'verdict'"),
    "a named column": (COLUMNS | {"text_column": "body"}, "no column 'body'; it has 'review', 'verdict': set text_col"),
    "a file": ({"data_path": "revews.csv"}, "revews.csv does not exist"),
    "a label": (COLUMNS | {"labels": "good"}, "10 rows with unknown label 'bad': allowed are good"),
    "a spelling": ({"data_path": "spelt.csv"}, "label_variant × 1, such as 'Good' and 'good'"),
    "a few rows": ({"data_path": "small.csv"}, "4 usable records are too few"),
    "one answer": ({"data_path": "same.csv"}, "all 10 records have the same answer, 'bad'"),
    "a template's JSON": (COLUMNS | {"template": "comma.json"}, "template file comma.json is not valid JSON"),
    "a template's field": (COLUMNS | {"template": "field.json"}, "unknown field {question}"),
    "a template's name": (COLUMNS | {"template": "alpacca"}, "template 'alpacca' is neither a file nor one of alpaca"),
    "a model": (COLUMNS | {"model_name": "no/model"}, "no/model is"),
    "a model's folder": (
        COLUMNS | {"model_name": "data/base_modl"},
        "data/base_modl does not exist; in data/ there is",
    ),
    "a task": ({"data_path": "tagged.conll"}, "a token and its tag on each line: set task to extraction"),
    "a type": ({"data_path": "tagged.conll", "task": "extraction", "labels": "PERSON"}, "no phrase of the type 'PERS"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_job_with_one_sentence_and_leaves_nothing_whole(fault, files, monkeypatch, capsys):
    parameters, sentence = FAULTS[fault]
    monkeypatch.chdir(files)  # paths mean what they say where the command is given
    monkeypatch.setenv("PYTHONPATH", str(project_root()))  # as `python -m utils.job` needs it there
    status, _, errors = job(files / "out", capsys, **parameters)
    assert status == 1
    assert sentence in errors.split("\n")[0] and "Traceback" not in errors
    assert not {path.name for path in (files / "out").iterdir()} & {*artefacts.NAMES, "notebook.ipynb"}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("epoch", "3", "there is no parameter 'epoch': did you mean epochs?"),
        ("epochs", "three", "epochs is 'three', not of type float"),
        ("limit", "2.5", "limit is '2.5', not of type int"),
        ("resume", "maybe", "resume is 'maybe', not of type bool"),
        ("batch_size", "0", "batch_size is 0: it has to be 1 or more"),
        ("test_fraction", "1.5", "test_fraction is 1.5: it has to lie between 0.01 and 0.9"),
        ("micro_batch_size", "3", "micro_batch_size is 3: it has to divide batch_size, which is 8"),
    ],
)
def test_a_bad_parameter_stops_before_a_kernel_starts(name, value, sentence, tmp_path, capsys):
    status, printed, errors = job(tmp_path / "out", capsys, **{name: value})
    assert (status, printed, errors) == (1, "", sentence + "\n")
    assert not (tmp_path / "out").exists()


def test_plain_papermill_stops_at_a_misspelt_parameter_too(tmp_path):
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(tmp_path / "out.ipynb"), "-p", "epoch", "3"]
    done = subprocess.run(command, cwd=NOTEBOOK.parent, capture_output=True, text=True)
    assert done.returncode and "there is no parameter 'epoch': did you mean epochs?" in done.stderr


def test_the_results_of_an_earlier_run_stay_until_a_new_run_is_whole(tmp_path, capsys):
    (tmp_path / "report.html").write_text("the old one")
    status, _, _ = job(tmp_path, capsys, data_path="nowhere.csv")
    assert status == 1 and (tmp_path / "report.html").read_text() == "the old one"


def test_help_explains_every_parameter(capsys):
    [cell] = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    names = re.findall(r"^(\w+):", cell.source, re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert len(names) > 20 and all(re.search(rf"^  {name} +\S", shown, re.MULTILINE) for name in names)


# --- real data ---


def test_sms_spam_ends_with_a_report_beside_tfidf(refdata, tmp_path, capsys):
    path = refdata / "classify" / "SMSSpamCollection"
    status, _, errors = job(
        tmp_path, capsys, data_path=path, text_column=1, answer_column=0, limit=400, label_names="ham: fine, spam: spam"
    )
    assert (status, errors) == (0, "")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["data"]["rows_in"] == 5574 and metrics["data"]["train"] > 250
    scores = {method: row["label_accuracy"]["value"] for method, row in metrics["scores"].items()}
    assert scores["fine-tuned"] > scores["base model"] and scores["fine-tuned"] > 0.8
    assert scores["TF-IDF + logistic regression"] > 0.9
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Against TF-IDF + logistic regression:" in report
