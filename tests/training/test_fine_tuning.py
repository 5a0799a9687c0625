"""Fine-tuning: the loss is over the right tokens, only adapters change, nothing goes wrong unseen."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from models_fixture import RECORDS, Trained, save_model, small_config, trained  # noqa: F401
from peft.tuners.lora import LoraLayer

from utils.files import ROOT
from utils.models import load_base
from utils.prompts import ALPACA, encode
from utils.training import checks, fine_tune, sft
from utils.training.checks import TrainingError
from utils.training.fine_tuning import fine_tune_on_text


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("training") / "base")


@pytest.fixture
def loaded(base):
    return load_base(base)


@pytest.fixture(scope="module")
def rows(base):
    _, tokenizer = load_base(base, quantize=False)
    return encode(RECORDS, ALPACA, tokenizer, max_length=256).rows


def mean_loss(model, ids: list[int], labels: list[int]) -> torch.Tensor:
    """Summed loss over the labels that count, and their number."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].float()
    targets = torch.tensor(labels[1:])
    summed = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", ignore_index=-100)
    return torch.stack([summed, (targets != -100).sum()])


def test_training_lowers_the_held_out_loss(trained: Trained):  # noqa: F811
    metrics = trained.result.metrics
    assert metrics["heldout_loss"] < 0.9 * metrics["heldout_loss_before"]
    assert metrics["steps"] == 20 * 7
    assert metrics["rows"] == len(trained.rows)


def test_history_holds_every_step_and_held_out_losses_from_step_0_to_the_last(trained: Trained):  # noqa: F811
    history = trained.result.history
    assert [entry["step"] for entry in history if "loss" in entry] == list(range(1, 141))
    heldout = [entry["step"] for entry in history if "heldout_loss" in entry]
    assert heldout[0] == 0
    assert heldout[-1] == 140
    assert 9 <= len(heldout) <= 12


def test_held_out_rows_that_cost_more_than_the_training_are_measured_less_often(loaded, rows, tmp_path):
    result = fine_tune(*loaded, rows[:16], heldout=rows[:32], output_dir=tmp_path, epochs=2, batch_size=4)
    assert [entry["step"] for entry in result.history if "heldout_loss" in entry] == [0, 4, 8]


def test_only_adapter_weights_change(loaded, rows, tmp_path):
    model, tokenizer = loaded
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tuned = fine_tune(model, tokenizer, rows[:16], output_dir=tmp_path, epochs=2, learning_rate=1e-2).model
    after = {name.replace("base_layer.", ""): tensor for name, tensor in tuned.get_base_model().state_dict().items()}
    assert all(torch.equal(before[name], after[name]) for name in before)
    moved = [bool(tensor.any()) for name, tensor in after.items() if "lora_B" in name]
    assert moved == [True] * 14


@pytest.mark.parametrize(("given", "scale"), [({}, 2), ({"alpha": 1}, 0.25)])
def test_what_the_adapters_add_is_scaled_by_alpha_over_rank(given, scale, loaded, rows, tmp_path):
    tuned = fine_tune(*loaded, rows[:8], output_dir=tmp_path, epochs=1, rank=4, **given).model
    scales = [module.scaling["default"] for module in tuned.modules() if isinstance(module, LoraLayer)]
    assert scales == [scale] * 14


def test_adapters_are_fp32_and_each_of_their_weights_moves_at_a_small_learning_rate(loaded, rows, tmp_path):
    """In bf16, as SFTTrainer leaves them, nine in ten would not move."""
    starts = {}

    def remember(history):
        if not starts:
            starts.update({n: p.detach().clone() for n, p in loaded[0].named_parameters() if p.requires_grad})

    tuned = fine_tune(
        *loaded, rows[:32], output_dir=tmp_path, epochs=10, learning_rate=2e-5, heldout=rows[:1], on_log=remember
    ).model
    ends = {n: p for n, p in tuned.get_base_model().named_parameters() if p.requires_grad}
    assert {p.dtype for p in ends.values()} == {torch.float32}
    moved = torch.cat([(ends[n] != p).flatten() for n, p in starts.items()])
    assert moved.float().mean() > 0.9


def test_fine_tune_counts_the_loss_over_completions_only(loaded, rows, tmp_path):
    model, tokenizer = loaded
    batch = rows[:8]
    summed, count = sum(mean_loss(model, row["input_ids"], row["labels"]) for row in batch)
    result = fine_tune(model, tokenizer, batch, output_dir=tmp_path, epochs=1, batch_size=8)
    assert result.history[0]["loss"] == pytest.approx(float(summed / count), rel=5e-3)  # bf16 autocast


def test_fine_tune_on_text_counts_the_loss_over_every_token_and_eos(loaded, rows, tmp_path):
    model, tokenizer = loaded
    texts = ["".join(ALPACA.render(record)) for record in RECORDS[:8]]
    summed, count = sum(mean_loss(model, row["input_ids"], row["input_ids"]) for row in rows[:8])
    result = fine_tune_on_text(model, tokenizer, texts, output_dir=tmp_path, epochs=1, batch_size=8, heldout=rows[8:16])
    assert result.history[1]["loss"] == pytest.approx(float(summed / count), rel=5e-3)
    heldout, answers = sum(mean_loss(result.model, row["input_ids"], row["labels"]) for row in rows[8:16])
    assert result.metrics["heldout_loss"] == pytest.approx(float(heldout / answers), rel=5e-3)


def test_micro_batches_give_the_losses_of_the_whole_batch(base, rows, tmp_path):
    losses = [
        [
            entry["loss"]
            for entry in fine_tune(
                *load_base(base), rows[:32], output_dir=tmp_path, epochs=1, learning_rate=1e-2, micro_batch_size=size
            ).history
        ]
        for size in (16, 4)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=5e-3)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(base, rows, tmp_path):
    weights = [
        [
            p.clone()
            for p in fine_tune(*load_base(base), rows[:32], output_dir=tmp_path, epochs=1, seed=seed).model.parameters()
        ]
        for seed in (1, 1, 2)
    ]
    assert all(map(torch.equal, weights[0], weights[1]))
    assert not all(map(torch.equal, weights[0], weights[2]))


def losses_of(base, rows, folder, **settings) -> list[float]:
    result = fine_tune(*load_base(base), rows, output_dir=folder, epochs=1, learning_rate=1e-2, **settings)
    return [entry["loss"] for entry in result.history if "loss" in entry]


@pytest.mark.parametrize("loss_mean", ["token", "row"])
def test_shared_starts_give_the_losses_of_padded_batches(base, rows, tmp_path, loss_mean):
    settings = {"loss_mean": loss_mean, "batch_size": 8, "micro_batch_size": 4}
    shared, padded = (losses_of(base, rows[:32], tmp_path, share_starts=on, **settings) for on in (True, False))
    assert shared == pytest.approx(padded, rel=2e-3)


def test_a_mean_over_rows_gives_short_answers_the_weight_of_long_ones(loaded, base, tmp_path):
    model, tokenizer = loaded
    records = [replace(RECORDS[0], output="no"), replace(RECORDS[1], output="Amina went to Oslo by train. " * 3)]
    rows = encode(records, ALPACA, tokenizer, max_length=256).rows
    sums = [mean_loss(model, row["input_ids"], row["labels"]) for row in rows]
    by_row = losses_of(base, rows, tmp_path, loss_mean="row")
    by_token = losses_of(base, rows, tmp_path, loss_mean="token")
    assert by_row == pytest.approx([float(sum(s / n for s, n in sums) / 2)], rel=5e-3)
    assert by_token == pytest.approx([float(sum(s for s, _ in sums) / sum(n for _, n in sums))], rel=5e-3)


def test_the_rows_of_a_step_mix_the_tasks(loaded, tmp_path, monkeypatch):
    """Rows that are sorted by length over several steps would fill whole steps with one task."""
    model, tokenizer = loaded
    short = [replace(record, input="Oslo") for record in RECORDS[:40]]
    rows = encode([*short, *RECORDS[:40]], ALPACA, tokenizer, max_length=256).rows
    longest, seen = max(len(row["input_ids"]) for row in rows), []
    step = sft.LoraTrainer.compute_loss

    def spy(self, model, inputs, *args, **kwargs):
        seen.append({len(row["input_ids"]) == longest for row in inputs["rows"]})
        return step(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(sft.LoraTrainer, "compute_loss", spy)
    fine_tune(model, tokenizer, rows, output_dir=tmp_path, epochs=1, batch_size=8)
    assert sum(len(kinds) == 2 for kinds in seen) >= 8


def test_the_weights_with_the_lowest_held_out_loss_are_the_result(loaded, rows, tmp_path):
    model, tokenizer = loaded
    wrong = [{**row, "labels": [5 if label != -100 else label for label in row["labels"]]} for row in rows[:4]]
    seen = []
    # every step drives the model away from these held-out rows, so the first measurement is the best
    result = fine_tune(
        model, tokenizer, rows[8:40], heldout=wrong, output_dir=tmp_path, epochs=5, learning_rate=3e-2,
        on_log=lambda history: seen.append(history[-1]),
    )  # fmt: skip
    measured = {e["step"]: e["heldout_loss"] for e in result.history if "heldout_loss" in e and e["step"]}
    best = min(measured, key=measured.get)
    assert result.metrics["best_step"] == best < max(measured)
    assert result.metrics["heldout_loss"] == measured[best]
    summed, count = sum(mean_loss(result.model, row["input_ids"], row["labels"]) for row in wrong)
    assert float(summed / count) == pytest.approx(measured[best], rel=5e-3)


def test_a_plan_says_what_lies_ahead_before_the_first_step(loaded, rows, tmp_path):
    plans, steps = [], []
    fine_tune(
        *loaded, rows[:32], output_dir=tmp_path, epochs=2, batch_size=8,
        on_start=lambda plan: plans.append((plan, len(steps))), on_log=steps.append,
    )  # fmt: skip
    [(plan, before)] = plans
    assert before == 0
    assert (plan.rows, plan.steps, plan.tokens) == (32, 8, 2 * sum(len(row["input_ids"]) for row in rows[:32]))
    assert 0 < plan.seconds < 600


def test_a_plan_changes_no_weight_of_the_run(base, rows, tmp_path):
    ends = [
        [p.clone() for p in fine_tune(*load_base(base), rows[:32], output_dir=tmp_path, **settings).model.parameters()]
        for settings in ({"epochs": 1}, {"epochs": 1, "on_start": print})
    ]  # fmt: skip
    assert all(map(torch.equal, *ends))


def test_activation_checkpointing_changes_no_loss_and_is_off_afterwards(base, rows, tmp_path):
    results = [
        fine_tune(*load_base(base), rows[:32], output_dir=tmp_path, epochs=1, activation_checkpointing=on)
        for on in (False, True)
    ]
    first, second = ([entry["loss"] for entry in result.history] for result in results)
    assert first == pytest.approx(second, rel=1e-3)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in results[1].model.modules())


def test_the_longest_rows_come_first_so_that_memory_runs_out_at_step_1_or_never(loaded, rows, tmp_path, monkeypatch):
    lengths = []
    step = sft.LoraTrainer.compute_loss

    def spy(self, model, inputs, *args, **kwargs):
        lengths.append(max(len(row["input_ids"]) for row in inputs["rows"]))
        return step(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(sft.LoraTrainer, "compute_loss", spy)
    fine_tune(*loaded, rows, output_dir=tmp_path, epochs=1, batch_size=4)
    assert lengths[0] == max(lengths) == max(len(row["input_ids"]) for row in rows)


def test_rows_without_a_supervised_token_are_refused_by_number(loaded, rows, tmp_path):
    masked = {**rows[3], "labels": [-100] * len(rows[3]["labels"])}
    with pytest.raises(ValueError, match=r"2 of 5 rows have no token to learn from \(first: 3, 4\)"):
        fine_tune(*loaded, [*rows[:3], masked, masked], output_dir=tmp_path)
    with pytest.raises(ValueError, match="1 of 1 heldout have no token"):
        fine_tune(*loaded, rows[:3], heldout=[masked], output_dir=tmp_path)


def test_rows_that_do_not_fit_the_model_are_refused_by_number(loaded, rows, tmp_path):
    long = {"input_ids": [5] * 257, "labels": [5] * 257}
    with pytest.raises(ValueError, match=r"rows\[1\] has 257 tokens, the model reads 256"):
        fine_tune(*loaded, [rows[0], long], output_dir=tmp_path)
    with pytest.raises(ValueError, match=r"rows\[0\] holds token 9999"):
        fine_tune(*loaded, [{"input_ids": [5, 9999], "labels": [5, 9999]}], output_dir=tmp_path)
    with pytest.raises(ValueError, match=r"rows\[0\] has 2 input_ids but 1 labels"):
        fine_tune(*loaded, [{"input_ids": [5, 6], "labels": [5]}], output_dir=tmp_path)
    with pytest.raises(ValueError, match=r"rows\[1\] has \d+ tokens, the model reads 256"):
        fine_tune_on_text(*loaded, ["short", "Amina went " * 300], output_dir=tmp_path)
    with pytest.raises(ValueError, match="rows is empty"):
        fine_tune(*loaded, [], output_dir=tmp_path)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """A base whose embedding of token 500 is not a number."""
    folder = save_model(tmp_path_factory.mktemp("poisoned") / "base", small_config(tie_word_embeddings=False))

    def load():
        model, tokenizer = load_base(folder)
        model.get_input_embeddings().weight.data[500] = float("nan")
        return model, tokenizer

    return load


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_rows(poisoned, rows, tmp_path):
    bad = {"input_ids": [0, 500, 7, 1], "labels": [-100, -100, 7, 1]}
    mixed = [*rows[:10], bad, *rows[10:20], bad | {"input_ids": [0, 500, 8, 1]}]
    with pytest.raises(TrainingError, match=r"the loss became nan at step \d+, in rows 10, 21: look at what they hold"):
        fine_tune(*poisoned(), mixed, output_dir=tmp_path, batch_size=32)
    with pytest.raises(TrainingError, match=r"the loss became nan at step 1, in heldout 1"):
        fine_tune(*poisoned(), rows[:8], heldout=[rows[0], bad], output_dir=tmp_path)


def test_a_bad_row_is_blamed_even_if_it_comes_alone_or_twice(poisoned, rows, tmp_path):
    bad = {"input_ids": [0, 500, 7, 1], "labels": [-100, -100, 7, 1]}
    settings = {"output_dir": tmp_path, "batch_size": 4, "micro_batch_size": 1}
    with pytest.raises(TrainingError, match=r"in rows 1, 3: look at what they hold"):
        fine_tune(*poisoned(), [rows[0], bad, rows[1], bad], **settings)


def test_weights_that_exploded_are_not_blamed_on_the_rows(loaded, rows, tmp_path):
    def explode(history):
        for name, parameter in loaded[0].named_parameters():
            if "lora_B" in name:
                parameter.data.fill_(float("inf"))

    with pytest.raises(TrainingError, match="the weights are not numbers any more: lower learning_rate"):
        fine_tune(*loaded, rows[:32], output_dir=tmp_path, on_log=explode)


def test_out_of_gpu_memory_says_what_to_lower(loaded, rows, tmp_path, monkeypatch):
    def out_of_memory(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(sft.LoraTrainer, "training_step", out_of_memory)
    with pytest.raises(TrainingError, match=r"out of GPU memory with 16 rows of up to \d+ tokens.*micro_batch_size=8"):
        fine_tune(*loaded, rows, output_dir=tmp_path)


def test_a_model_with_an_adapter_is_refused_until_it_is_unloaded(loaded, rows, tmp_path):
    model, tokenizer = loaded
    tuned = fine_tune(model, tokenizer, rows[:16], output_dir=tmp_path, epochs=1).model
    for used in (model, tuned):
        with pytest.raises(TrainingError, match="carries an adapter already"):
            fine_tune(used, tokenizer, rows[:16], output_dir=tmp_path, epochs=1)
    fine_tune(tuned.unload(), tokenizer, rows[:16], output_dir=tmp_path, epochs=1)


def test_a_batch_size_that_micro_batches_do_not_divide_is_refused(loaded, rows, tmp_path):
    with pytest.raises(ValueError, match="batch_size 16 is not a multiple of micro_batch_size 5"):
        fine_tune(*loaded, rows, output_dir=tmp_path, micro_batch_size=5)


HEADLESS = """
import sys
from utils.notebook import prepare
prepare()
from utils.models import load_base
from utils.training import fine_tune, fine_tune_on_text
from utils.inference import generate
from utils.records import Record
from utils.prompts import ALPACA
base, out = sys.argv[1:]
row = {"input_ids": [0, 5, 6, 1], "labels": [-100, 5, 6, 1]}
result = fine_tune(*load_base(base), [row] * 4, heldout=[row], output_dir=out, epochs=1)
generate(result.model, load_base(base)[1], [Record("Say hello.", "", "")], ALPACA, max_new_tokens=3)
fine_tune_on_text(*load_base(base), ["one", "two"], output_dir=out, epochs=1)
"""


def test_headless_training_leaves_no_debris_on_either_stream(base, tmp_path):
    """What a cell prints to either stream would be committed with the notebook."""
    done = subprocess.run(
        [sys.executable, "-c", HEADLESS, str(base), str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    # bitsandbytes misses an optional kernel package at import, before any of our code runs
    assert [line for line in done.stderr.splitlines() if "kernels-community" not in line] == []


def test_checkpoints_hold_no_model_card_and_at_most_two_are_kept(loaded, rows, tmp_path):
    fine_tune(*loaded, rows[:32], output_dir=tmp_path, epochs=3, checkpoint_every=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-5", "checkpoint-6", "run.json"]
    assert checks.claim_folder(tmp_path, {"seed": 1}, resume=False) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json"]


@pytest.mark.parametrize("share_starts", [True, False])
@pytest.mark.parametrize("loss_mean", ["token", "row"])
def test_a_weight_makes_a_row_count_as_if_it_stood_there_so_often(base, rows, tmp_path, share_starts, loss_mean):
    settings = {"share_starts": share_starts, "loss_mean": loss_mean, "batch_size": 8}
    weighed = [row | {"weight": 3.0 if i == 0 else 1.0} for i, row in enumerate(rows[:4])]
    [one] = losses_of(base, weighed, tmp_path, **settings)
    [other] = losses_of(base, [*rows[:4], rows[0], rows[0]], tmp_path, **settings)
    assert one == pytest.approx(other, rel=5e-3)
