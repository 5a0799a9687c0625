"""Notebook 07 as a job: it ends with a report on every task, and with one sentence where something is wrong."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from functools import partial
from html import unescape
from pathlib import Path

import nbformat
import pytest
from models_fixture import save_model

from utils import ask
from utils.adapters import load_adapter
from utils.files import ROOT, read_jsonl
from utils.job import NOTEBOOK, main
from utils.notebook import read_results
from utils.prompts import encode
from utils.records import from_messages
from utils.series import run_notebook
from utils.your_data import CHOSEN, ParameterError, artefacts, load_asker

LONG_ENOUGH = 3600  # seconds; a busy machine is not a fault


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


def small(model: Path) -> dict:
    small = {"limit": 24, "epochs": 1, "batch_size": 16, "rank": 2, "max_length": 900, "test_path": ""}
    return small | {"model_name": model}


LEFT = {*artefacts.NAMES, artefacts.FAULTS, artefacts.NOTEBOOK, "written.json"}


# --- what a job leaves ---

TASKS = {
    "extraction": {"data_path": "data/entity_phrases.jsonl"},
    "instructions": {"data_path": "data/instructions.json"},
    "documents": {"data_path": "data/documents.jsonl"},
}
BASE_FORMS = {"base model", "base model, own form"}
BASELINES = {
    "extraction": {"constant answer", "phrases known from training"},
    "instructions": {"constant answer", "answer to the most similar row"},
    "documents": {"constant answer", "answer to the most similar row"},
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_ends_with_adapter_report_and_numbers(task, model, tmp_path, capsys):
    status, printed, errors = job(tmp_path, capsys, task=task, **TASKS[task], **small(model))
    assert (status, errors) == (0, "")
    assert re.search(r"^18 rows, [\d,]+ tokens, 2 steps: about \d+ \w+ on this machine$", printed, re.MULTILINE)
    assert re.search(r"^epoch 1.00 of 1: loss [\d.]+; \d+:\d\d gone, about 0:00 to go$", printed, re.MULTILINE)
    assert printed.endswith(f"Report: {tmp_path / 'report.html'}\n")
    assert {path.name for path in tmp_path.iterdir()} == LEFT

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    predictions = read_jsonl(tmp_path / "predictions.jsonl")
    used = sum(metrics["data"][part] for part in ("train", "validation", "test"))
    assert used + len(read_jsonl(tmp_path / "rejected.jsonl")) == metrics["data"]["used"] == 24
    assert metrics["data"]["validation"] == 0, "so few training rows can spare none"
    assert len(predictions) == metrics["data"]["test"]
    check_scores_and_verdict(tmp_path, BASELINES[task])

    loaded, tokenizer, templates = load_adapter(tmp_path / "adapter")
    [name] = templates
    assert name == ("reverse_instruction" if task == "documents" else "alpaca")
    assert all(row["prompt"].endswith("### Response:\n") for row in predictions)
    recorded = read_results(tmp_path / "notebook.ipynb")
    assert recorded["test_rows"] == len(predictions)
    assert {name.split("_")[0] for name in recorded} >= {"base", "constant", "simple", "tuned"}
    assert load_asker(tmp_path)("a text")["answer"] is not None


def check_scores_and_verdict(folder: Path, baselines: set[str]) -> None:
    """Every opponent is there; the report opens with the strongest, in a box of the colour that its interval allows."""
    metrics = json.loads((folder / "metrics.json").read_text())
    chosen = {CHOSEN} if "choosing" in metrics else set()
    assert metrics["scores"].keys() == {*BASE_FORMS, "fine-tuned", *baselines, *chosen}
    for interval in (cell for scores in metrics["scores"].values() for cell in scores.values()):
        assert 0 <= interval["low"] <= interval["value"] <= interval["high"] <= 1
    differences, rival = metrics["fine_tuned_minus"], metrics["strongest_opponent"]
    assert differences.keys() == {*BASE_FORMS, *baselines}
    assert differences[rival]["value"] == min(difference["value"] for difference in differences.values())
    report = (folder / "report.html").read_text(encoding="utf-8")
    [(outcome, lead)] = re.findall(r'<p class="lead (\w+)">(.*?)</p>', report, re.DOTALL)
    assert f"Against the strongest opponent ({rival}" in unescape(lead)
    decided = {"ahead": differences[rival]["low"] > 0, "behind": differences[rival]["high"] < 0}
    assert outcome == next((name for name, holds in decided.items() if holds), "undecided")


# --- conversations ---

CHATS = {"messages": ("role", "content", "user", "assistant"), "conversations": ("from", "value", "human", "gpt")}


def write_chats(path: Path, form: str) -> Path:
    """Thirty chats of two exchanges with one system message, in a form of which the job knows three."""
    rows = []
    for i in range(30):
        said = [
            f"My {'lamp desk sofa'.split()[i % 3]} {i * 37} is late",
            f"Which of the {i + 2}?",
            f"No {i}",
            f"So {i % 5}",
        ]
        if form == "history":
            row = {"instruction": said[2], "input": "", "output": said[3], "history": [said[:2]], "system": "Be kind."}
        else:
            role, content, *names = CHATS[form]
            turns = [{role: names[at % 2], content: text} for at, text in enumerate(said)]
            row = {form: [{role: "system", content: "Be kind."}, *turns]}
        rows.append(json.dumps(row))
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory) -> Path:
    """The same small model with a chat template whose end of turn is not the tokenizer's EOS."""
    from models_fixture import small_config, small_tokenizer

    tokenizer = small_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = small_config(max_position_embeddings=1024, vocab_size=520)
    return save_model(tmp_path_factory.mktemp("chat_model") / "base", config, tokenizer)


@pytest.mark.parametrize(("form", "template"), [("messages", ""), ("conversations", "alpaca"), ("history", "chat")])
def test_whole_conversations_are_trained_on_and_the_last_answers_tested(form, template, chat_model, tmp_path, capsys):
    data = write_chats(tmp_path / "chats.jsonl", form)
    settings = small(chat_model) | {"limit": 0, "template": template, "epochs": 2, "learning_rate": 1e-2}
    out = tmp_path / "out"
    status, printed, errors = job(out, capsys, task="conversation", data_path=data, **settings)
    assert (status, errors) == (0, "") and "30 rows in, 30 records" in printed
    check_scores_and_verdict(out, BASELINES["instructions"])
    source, train = read_jsonl(data), json.loads((out / "metrics.json").read_text())["data"]["train"]
    predictions = read_jsonl(out / "predictions.jsonl")
    assert train + len(predictions) == 30 and all("rouge_l" in scores for scores in
               json.loads((out / "metrics.json").read_text())["scores"].values())  # fmt: skip
    for row in predictions:
        texts = [turn["content"] for turn in row["messages"]]
        told = json.dumps(source[row["row"] - 1])
        assert len(texts) == 5 and all(text in told for text in texts) and row["expected"] == texts[-1]
        assert all(text in row["prompt"] for text in texts[:-1])
    report = unescape((out / "report.html").read_text(encoding="utf-8"))
    assert "The earlier answers of a conversation carry a loss, too:" in report
    asked = predictions[0]["messages"][1]["content"]
    assert f"user: {asked}" in report or asked in report

    model, tokenizer, templates = load_adapter(out / "adapter")
    [saved] = templates.values()
    assert saved.name == (template or "chat")
    [told] = from_messages([{"messages": predictions[0]["messages"]}]).records
    [row] = encode([told], saved, tokenizer, max_length=None).rows
    assert tokenizer.apply_chat_template(saved.messages(told))["input_ids"] == row["input_ids"]
    end = tokenizer.eos_token_id if template == "alpaca" else tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert [label for label in row["labels"] if label in (end, tokenizer.eos_token_id)] == [end] * 2
    ask_it = load_asker(out)
    assert ask_it.form["instruction"] == "Be kind." and ask_it("My lamp is late")["answer"] is not None
    assert ask_it(predictions[0]["messages"])["answer"] == predictions[0]["answer"].strip()
    assert "python -m utils.ask OUT" in (out / "adapter" / "README.md").read_text()


# --- one run of many labels with few rows each, and the same run interrupted ---


@pytest.fixture(scope="module")
def intents(model, tmp_path_factory) -> dict:
    """Parameters of a job whose validation rows choose the weights."""
    rows = [f"where is my {thing} {n},card_{thing}" for thing in range(40) for n in range(3)]
    path = tmp_path_factory.mktemp("data") / "intents.csv"
    path.write_text("text,category\n" + "\n".join(rows), encoding="utf-8")
    settings = {"limit": 0, "epochs": 2, "batch_size": 4, "test_fraction": 0.45, "price_per_hour": 2}
    return small(model) | settings | {"data_path": path}


def words_of(parameters: dict, folder: Path) -> list[str]:
    parameters = parameters | {"output_dir": folder}
    return [word for name, value in parameters.items() for word in ("-p", name, str(value))]


@pytest.fixture(scope="module")
def whole(intents, tmp_path_factory) -> tuple[Path, str]:
    """The folder that the job left, and what was printed."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    with redirect_stdout(io.StringIO()) as printed:
        assert main(words_of(intents, folder)) == 0
    return folder, printed.getvalue()


def test_validation_rows_are_neither_trained_on_nor_tested_with(whole, intents):
    folder, printed = whole
    metrics, predictions = json.loads((folder / "metrics.json").read_text()), read_jsonl(folder / "predictions.jsonl")
    train, validation, test = (metrics["data"][part] for part in ("train", "validation", "test"))
    assert train + validation + test == metrics["data"]["used"] == 120
    assert 4 <= validation <= 7
    assert f"{train} rows to train on, {validation} to validate with, {test} to test with" in printed
    assert "epoch 0.00 of 2: loss on validation rows" in printed
    best = metrics["training"]["best_step"]
    assert 0 < best <= metrics["training"]["steps"] and metrics["training"]["rows"] == train
    assert f"The weights of step {best} are kept" in printed
    assert f"{validation} to validate with" in (folder / "report.html").read_text(encoding="utf-8")
    source = Path(intents["data_path"]).read_text(encoding="utf-8").split("\n")[1:]
    assert len(predictions) == test
    assert all(source[row["row"] - 1].endswith("," + row["expected"]) for row in predictions)


def test_the_base_is_asked_about_the_first_test_rows(whole):
    folder, _ = whole
    metrics, predictions = json.loads((folder / "metrics.json").read_text()), read_jsonl(folder / "predictions.jsonl")
    test = metrics["data"]["test"]
    assert test > 48
    others = dict.fromkeys(["constant answer", "TF-IDF + logistic regression", "fine-tuned"], test)
    assert metrics["rows_answered"] == dict.fromkeys(BASE_FORMS, 48) | others
    for name in ("base_answer", "base_own_form_answer"):
        assert [row[name] is not None for row in predictions] == [True] * 48 + [False] * (test - 48)
    labels = {row["expected"] for row in predictions}
    assert all(row["base_own_form_answer"].startswith("card_") for row in predictions[:48]) and len(labels) > 25
    check_scores_and_verdict(folder, {"constant answer", "TF-IDF + logistic regression"})
    share = sum(row["correct"] for row in predictions) / test
    assert metrics["scores"]["fine-tuned"]["label_accuracy"]["value"] == pytest.approx(share)


def test_time_price_and_rare_labels_are_said_before_it_starts(whole):
    _, printed = whole
    before = printed[: printed.index("epoch 0.00")]
    assert "steps: about" in before and "at 2 an hour: about" in before and "memory (estimate):" in before
    assert "40 labels with fewer than 10 rows each" in before


def test_every_answer_has_a_probability_and_no_label_is_made_up(whole):
    folder, _ = whole
    predictions, metrics = read_jsonl(folder / "predictions.jsonl"), json.loads((folder / "metrics.json").read_text())
    labels = predictions[0]["probabilities"].keys()
    for row in predictions:
        assert row["chosen"] in labels and row["probabilities"][row["chosen"]] == row["probability"]
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    share = sum(row["chosen"] == row["expected"] for row in predictions) / len(predictions)
    assert metrics["scores"][CHOSEN]["label_accuracy"]["value"] == pytest.approx(share)
    assert metrics["choosing"]["temperature"] > 0 and CHOSEN not in metrics["fine_tuned_minus"]
    assert "Labels with a probability" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_says_how_to_ask_and_that_runs(whole, monkeypatch, capsys):
    folder, _ = whole
    for text in (unescape((folder / "report.html").read_text(encoding="utf-8")), (folder / "README.md").read_text()):
        [snippet] = re.findall(r"(from utils.your_data import load_asker.*?\))\n?(?:</pre>|```)", text, re.DOTALL)
        exec(snippet.replace("'OUT'", repr(str(folder))), {})
        assert capsys.readouterr().out.startswith("card_")


def test_the_folder_is_asked_by_a_command_about_a_text_or_the_rows_of_a_file(whole, tmp_path, capsys):
    folder, _ = whole
    assert ask.main([str(folder), "where is my card?"]) == 0
    assert re.fullmatch(r"card_\d+  \(probability \d\.\d\d\)\n", capsys.readouterr().out)
    (tmp_path / "in.csv").write_text("id,text\n1,where is my parcel\n2,\n3,where is it\n", encoding="utf-8")
    assert ask.main([str(folder), str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.jsonl")]) == 1
    assert capsys.readouterr().err.endswith("rows without an answer: 1 (their lines say why)\n")
    first, second, third = read_jsonl(tmp_path / "out.jsonl")
    assert [row["row"] for row in (first, second, third)] == [1, 2, 3]
    assert first["answer"].startswith("card_") and "no text" in second["error"] and 0 < third["probability"] <= 1
    assert ask.main([str(folder / "adapter"), str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.jsonl")]) == 1
    assert "out.jsonl exists: name a new file" in capsys.readouterr().err


def test_asking_a_folder_without_an_adapter_is_one_sentence(tmp_path, capsys):
    assert ask.main([str(tmp_path), "a text"]) == 1
    assert "holds no adapter of a job" in capsys.readouterr().err


def test_a_dry_run_says_what_it_costs_and_leaves_no_checkpoint(intents, tmp_path, capsys):
    status, printed, errors = job(tmp_path, capsys, **intents | {"dry_run": True})
    assert (status, errors) == (0, "")
    assert "rows to train on" in printed and "an hour: about" in printed and "epoch 0" not in printed
    assert {path.name for path in tmp_path.iterdir()} == {"faulty_rows.jsonl", "written.json"}


def test_a_job_that_is_killed_goes_on_and_ends_with_the_same_bytes(whole, intents, tmp_path, capsys):
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "utils.job", *words_of(intents, killed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        started = time.monotonic()
        while not list(killed.glob("checkpoints/checkpoint-*")):
            assert process.poll() is None and time.monotonic() - started < LONG_ENOUGH
            time.sleep(0.05)
        kernels = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        for number in (process.pid, *map(int, kernels)):
            os.kill(number, signal.SIGKILL)
    assert not {path.name for path in killed.iterdir()} & {*artefacts.NAMES, "notebook.ipynb"}

    status, printed, _ = job(killed, capsys, **intents)
    assert status == 0 and "epoch 0.00" not in printed, "it started over"
    for name in ("metrics.json", "predictions.jsonl", "rejected.jsonl", "report.html"):
        assert (killed / name).read_bytes() == (whole[0] / name).read_bytes(), name


def test_a_job_that_is_interrupted_says_so_in_one_sentence(intents, tmp_path):
    command = [sys.executable, "-m", "utils.job", *words_of(intents | {"epochs": 200}, tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests that run in the background ignore it
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=heard, **pipes) as process:
        next(line for line in process.stdout if line.startswith("epoch"))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG_ENOUGH)
    assert (process.returncode, errors) == (130, "interrupted; the same command goes on from the last checkpoint\n")
    assert not {path.name for path in tmp_path.iterdir()} & {*artefacts.NAMES, "notebook.ipynb"}


# --- what stops it ---


@pytest.fixture
def files(tmp_path) -> Path:
    rows = [
        f"text number {i} about {word},{'good' if i % 2 else 'bad'}" for i, word in enumerate("abcdefghijklmnopqrst")
    ]
    (tmp_path / "reviews.csv").write_text("review,verdict\n" + "\n".join(rows), encoding="utf-8")
    (tmp_path / "spelt.csv").write_text("text,label\n" + "\n".join(rows) + "\none more,Good", encoding="utf-8")
    blind = {"text": "{instruction}\n### Response:\n"}
    (tmp_path / "blind.json").write_text(json.dumps(blind))
    (tmp_path / "named.json").write_text(json.dumps(blind | {"name": "x/y"}))
    (tmp_path / "small.csv").write_text("text,label\n" + "\n".join(rows[:4]), encoding="utf-8")
    return tmp_path


COLUMNS = {"data_path": "reviews.csv", "text_column": "review", "answer_column": "verdict"}
FAULTS = {  # one of each stage; what else there is, tests/your_data/ asks the functions themselves
    "a template": (COLUMNS | {"template": "alpacca"}, "template 'alpacca' is neither a file nor one of alpaca"),
    "a model": (COLUMNS | {"model_name": "data/smollm"}, "data/smollm does not exist; in data/ there is"),
    "a file": ({"data_path": "revews.csv"}, "revews.csv does not exist"),
    "a column": ({"data_path": "reviews.csv"}, "or 'message'; found 'review', 'verdict'"),
    "a spelling": ({"data_path": "spelt.csv"}, "label_variant × 1, such as 'Good' and 'good'"),
    "a template that hides the text": (COLUMNS | {"template": "blind.json"}, "'blind' does not show the input of"),
    "a name that cannot be saved": (COLUMNS | {"template": "named.json"}, "its name is 'x/y'"),
    "a few rows": ({"data_path": "small.csv"}, "4 usable records are too few"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_job_with_one_sentence_and_leaves_nothing_whole(fault, files, monkeypatch, capsys):
    parameters, sentence = FAULTS[fault]
    monkeypatch.chdir(files)  # paths mean what they say where the command is given
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # as `python -m utils.job` needs it there
    status, _, errors = job(files / "out", capsys, **parameters)
    assert status == 1
    assert sentence in errors.split("\n")[0] and "Traceback" not in errors
    assert not {path.name for path in (files / "out").iterdir()} & {*artefacts.NAMES, artefacts.NOTEBOOK}


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
        ("epochs", "inf", "epochs is inf: give a finite number"),
        ("on_errors", "go on", "on_errors is 'go on': use one of stop, drop, keep"),
        (
            "data_path",
            "\udcff.csv",
            "data_path is '\\udcff.csv', whose bytes are not UTF-8: rename the file, or copy it",
        ),
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


@pytest.mark.parametrize(("name", "value"), [("output_dir", 20240601), ("template", 5), ("new_text", 7)])
def test_numbers_that_papermill_made_of_text_are_one_sentence(name, value, tmp_path):
    with pytest.raises(ParameterError, match=f"{name} is {value}, which is not text: papermill turns text"):
        run_notebook(NOTEBOOK, tmp_path / "out.ipynb", parameters={name: value}, cwd=tmp_path)


def test_a_folder_that_is_not_the_jobs_is_refused_before_a_kernel_starts(tmp_path, capsys):
    (tmp_path / "checkpoints" / "other").mkdir(parents=True)
    (tmp_path / "checkpoints" / "other" / "w.pt").write_text("x")
    (tmp_path / "report.html").write_text("mine")
    status, printed, errors = job(tmp_path, capsys, data_path="nowhere.csv")
    assert (status, printed) == (1, "") and "report.html was not written by the job: move it" in errors
    (tmp_path / "report.html").unlink()
    assert job(tmp_path, capsys, data_path="nowhere.csv")[0] == 1
    assert {path.name for path in tmp_path.rglob("*")} == {"checkpoints", "other", "w.pt"}


@pytest.mark.parametrize("place", ["", ".", "data", str(Path.home())])
def test_the_project_is_not_an_output_folder(place, capsys):
    before = {path.name for path in ROOT.iterdir()} | {path.name for path in (ROOT / "data").iterdir()}
    assert main(["-p", "output_dir", place, "-p", "data_path", "nowhere.csv"]) == 1
    assert capsys.readouterr().err.startswith("output_dir is")
    assert {path.name for path in ROOT.iterdir()} | {path.name for path in (ROOT / "data").iterdir()} == before


def test_the_results_of_an_earlier_run_stay_until_a_new_run_is_whole(tmp_path, capsys):
    folder = artefacts.start(str(tmp_path))
    for name in artefacts.NAMES:
        artefacts.staged(folder, name).write_text("the old one")
    artefacts.publish(folder)
    status, _, _ = job(tmp_path, capsys, data_path="nowhere.csv")
    assert status == 1 and (tmp_path / "report.html").read_text() == "the old one"


def test_braces_in_the_folder_and_another_place_to_run_from(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    status, _, errors = job(files / "{braces} {0}", capsys, data_path="small.csv")
    assert status == 1 and "4 usable records are too few" in errors
    assert {path.name for path in (files / "{braces} {0}").iterdir()} >= {"faulty_rows.jsonl", "written.json"}
    assert {path.name for path in files.iterdir() if path.is_dir()} == {"{braces} {0}"}, "something lies elsewhere"


def test_help_explains_every_parameter(capsys):
    [cell] = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    names = re.findall(r"^(\w+):", cell.source, re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert len(names) > 20 and all(re.search(rf"^  {name} +\S", shown, re.MULTILINE) for name in names)


# --- real data ---


def test_sms_spam_ends_with_a_report_that_calls_no_model_the_winner_that_is_not(refdata, model, tmp_path, capsys):
    columns = {"data_path": refdata / "classify" / "SMSSpamCollection", "text_column": 1, "answer_column": 0}
    settings = small(model) | {"limit": 400, "epochs": 0.1, "label_names": "ham: fine, spam: spam"}
    status, printed, errors = job(tmp_path, capsys, **columns, **settings)
    assert (status, errors) == (0, "")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["data"]["rows_in"] == 5574 and metrics["data"]["train"] > 250 and metrics["data"]["test"] <= 60
    assert 20 <= metrics["data"]["validation"] <= 32 and "loss on validation rows" in printed
    scores = {method: row["label_accuracy"]["value"] for method, row in metrics["scores"].items()}
    assert scores["TF-IDF + logistic regression"] > 0.9 > scores["fine-tuned"], "random weights have learned to read"
    assert metrics["strongest_opponent"] == "TF-IDF + logistic regression"
    check_scores_and_verdict(tmp_path, {"constant answer", "TF-IDF + logistic regression"})
