"""What rank, alpha, learning rate and epochs do, on one task that is really learned: `make settings` records it.

    python -m utils.series.settings_study

A run changes one setting of the first. All of them take most of an hour on two old cores, so notebook 03 shows the
record. The scores are of development rows: settings are chosen on them. This is a command, so it prints.
"""

from collections.abc import Mapping
from typing import Any

from utils.evaluation import bootstrap, score
from utils.files import ROOT, write_json
from utils.notebook import set_environment
from utils.series.settings_record import RECORD, RUNS, depends_on
from utils.series.tasks import load_tasks

ROWS, HELDOUT, SEED = 220, 10, 42


def _train(run: Mapping[str, Any]) -> dict[str, Any]:
    from utils.inference import generate
    from utils.models import load_base
    from utils.prompts import encode
    from utils.training import fine_tune

    task, (model, tokenizer) = load_tasks(evaluate_on="dev")["phrases"], load_base()
    rows, heldout = (
        encode(records, task.template, tokenizer, max_length=512).rows
        for records in (task.train[:-HELDOUT][:ROWS], task.train[-HELDOUT:])
    )
    where = ROOT / "outputs" / "checkpoints" / "settings"
    changed = {name: run[name] for name in ("rank", "learning_rate", "epochs")}
    result = fine_tune(
        model, tokenizer, rows, output_dir=where, heldout=heldout, alpha=round(run["alpha_by_rank"] * run["rank"]),
        lora_plus=8, batch_size=8, seed=SEED, checkpoint_every=10**6, **changed,
    )  # fmt: skip
    answers = generate(result.model, tokenizer, task.test, task.template, max_new_tokens=48, batch_size=32)
    found = score([answer.text for answer in answers], task.test, task.template)["span_f1"]
    metrics = result.metrics
    return {
        **run, "steps": metrics["steps"], "trained": metrics["trainable_parameters"], "loss": metrics["loss"],
        "heldout_loss": metrics["heldout_loss"], "span_f1": list(bootstrap(found, seed=SEED)),
    }  # fmt: skip


def main() -> None:
    """Train every run and write the record."""
    set_environment(headless=True)
    runs = []
    for run in RUNS:
        runs.append(_train(run))
        print(runs[-1], flush=True)
    print("written:", write_json(RECORD, {"depends_on": depends_on(), "runs": runs}))


if __name__ == "__main__":
    main()
