"""What the loss of a mixture is averaged over, on the same rows, rates and seeds: `make mixture` records it.

    python -m utils.series.mixture_study

Answers are kept in outputs/mixture/, so that an interrupted study goes on with the next run. All runs take an hour or
two on two cores. The scores are of development rows: settings are chosen on them. This is a command, so it prints.
"""

from collections.abc import Mapping
from typing import Any

from utils.evaluation import Score, bootstrap, over_runs, paired_bootstrap, score
from utils.files import ROOT, read_json, write_json
from utils.notebook import set_environment
from utils.series.mixture_record import FIXED, RECORD, RUNS, SEEDS, TASKS, depends_on
from utils.series.tasks import load_tasks

WHERE = ROOT / "outputs" / "mixture"
LONGEST_ANSWER = 64  # tokens


def _answers(number: int, run: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The steps of a run and its answers to the development rows of each task that it learned."""
    kept, made_from = WHERE / f"run_{number}_seed_{seed}.json", depends_on() | {"runs": run, "seeds": seed}
    if kept.is_file() and (before := read_json(kept))["depends_on"] == made_from:
        return before
    from utils.inference import generate
    from utils.models import load_base
    from utils.prompts import encode
    from utils.training import fine_tune

    tasks = {name: task for name, task in load_tasks(evaluate_on="dev").items() if name in run["rows"]}
    model, tokenizer = load_base()
    rows = []
    for name, task in tasks.items():
        encoded = encode(task.train[: run["rows"][name]], task.template, tokenizer, max_length=512).rows
        rows += [row | {"weight": run.get("weights", {}).get(name, 1.0)} for row in encoded]
    result = fine_tune(
        model, tokenizer, rows, output_dir=WHERE / "checkpoints", checkpoint_every=10**6, seed=seed,
        loss_mean=run.get("loss_mean", "token"), **FIXED | {"epochs": run.get("epochs", FIXED["epochs"])},
    )  # fmt: skip
    answers = {}
    for name, task in tasks.items():
        written = generate(
            result.model, tokenizer, task.test, task.template, max_new_tokens=LONGEST_ANSWER, batch_size=32
        )
        answers[name] = [answer.text for answer in written]
    found = {"depends_on": made_from, "steps": result.metrics["steps"], "answers": answers}
    write_json(kept, found)
    return found


def main() -> None:
    """Train what is missing, score it, and write the record."""
    set_environment(headless=True)
    found: dict[int, list[dict]] = {number: [] for number in range(len(RUNS))}
    for seed in SEEDS:
        for number, (name, run) in enumerate(RUNS.items()):
            found[number].append(_answers(number, run, seed))
            print(f"seed {seed}: {name}, {found[number][-1]['steps']} steps", flush=True)
    tasks = load_tasks(evaluate_on="dev")

    def scores_of(name: str, number: int) -> list[Score]:
        """Of each seed."""
        task = tasks[name]
        slots = task.slots or None
        return [
            score(one["answers"][name], task.test, task.template, allowed=task.labels, slots=slots)[TASKS[name]]
            for one in found[number]
        ]

    first = {name: over_runs(scores_of(name, 0)) for name in TASKS}
    runs = []
    for number, (title, run) in enumerate(RUNS.items()):
        row: dict[str, Any] = {"name": title, "steps": found[number][0]["steps"]}
        for name in run["rows"]:
            each = scores_of(name, number)
            whole = over_runs(each)
            row[name] = {
                "score": list(bootstrap(whole)), "against first": list(paired_bootstrap(first[name], whole)),
                "of each seed": [one.value for one in each],
            }  # fmt: skip
        runs.append(row)
    print("written:", write_json(RECORD, {"depends_on": depends_on(), "runs": runs}))


if __name__ == "__main__":
    main()
