"""`torchrun` with two processes on CPUs trains like one process with the same global batch. On demand, a minute:

    python -m pytest tests/training/check_several_processes.py

The script is the plain calls of notebook 03, as a reader would start them on several GPUs.
"""

import json
import os
import subprocess
import sys

import pytest
from models_fixture import RECORDS, save_model

from utils.files import ROOT
from utils.models import load_base
from utils.prompts import ALPACA, encode

TRAIN = """
import json, os, sys

from utils.notebook import set_environment

set_environment(headless=True)
from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

from utils.models import load_base

base, rows, out = sys.argv[1:]
model, tokenizer = load_base(base)
arguments = SFTConfig(
    output_dir=out + ".run", use_cpu=True, bf16=False, max_length=None, learning_rate=1e-3, num_train_epochs=1,
    per_device_train_batch_size=8 // int(os.environ.get("WORLD_SIZE", 1)), logging_steps=1, save_strategy="no",
    report_to="none", disable_tqdm=True, activation_checkpointing=False,
)
lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
trainer = SFTTrainer(
    model, args=arguments, train_dataset=Dataset.from_list(json.load(open(rows))), processing_class=tokenizer,
    peft_config=lora,
)
for parameter in trainer.model.parameters():
    if parameter.requires_grad:
        parameter.data = parameter.data.float()
trainer.train()
if trainer.is_world_process_zero():
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    json.dump({"losses": losses, "processes": trainer.accelerator.num_processes}, open(out, "w"))
"""


def losses(launcher: list[str], folder, base, rows) -> dict:
    script, out = folder / "train.py", folder / f"{len(launcher)}.json"
    script.write_text(TRAIN)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *launcher, str(script), str(base), str(rows), str(out)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())


def test_two_processes_have_the_losses_of_one_with_the_same_global_batch(tmp_path):
    base = save_model(tmp_path / "base")
    _, tokenizer = load_base(base)
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps(encode(RECORDS, ALPACA, tokenizer, max_length=256).rows))
    one = losses([], tmp_path, base, rows)
    two = losses(["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"], tmp_path, base, rows)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert len(one["losses"]) == len(RECORDS) // 8 and one["losses"][-1] < one["losses"][0]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-3)
