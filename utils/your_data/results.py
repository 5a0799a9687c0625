"""The numbers, predictions and lists of a run, as files for programs; staged until all of them are there.

What this module does not do: words for people (`page`), or the adapter (`utils.adapters`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from utils.evaluation import predictions
from utils.files import write_json, write_jsonl, write_text
from utils.prompts import ChatTemplate, PromptTemplate, length_audit
from utils.records import to_messages
from utils.your_data.artefacts import staged
from utils.your_data.choices import Choices
from utils.your_data.fitting import Fitted
from utils.your_data.judgement import Judgement
from utils.your_data.page import folder_readme

VOLATILE = ("seconds", "rows_per_second", "peak_gpu_gib")  # differ from run to run; nothing else in the files does
NOT_LISTED = ("output_dir", "resume", "dry_run", "price_per_hour")  # parameters that the result does not depend on


def repeatable(metrics: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a training run that another run on the same machine gives again."""
    return {name: value for name, value in metrics.items() if name not in VOLATILE}


def listed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the result depends on."""
    return {name: value for name, value in settings.items() if name not in NOT_LISTED}


def write_results(
    folder: Path,
    settings: Mapping[str, Any],
    template: PromptTemplate | ChatTemplate,
    fitted: Fitted,
    judged: Judgement,
    *,
    answers: Mapping[str, Sequence[str]],
    choices: Choices | None,
    stopped: Sequence[bool],
    training: Mapping[str, float],
    memory: "Any | None",
) -> None:
    """Write rejected.jsonl, predictions.jsonl, metrics.json and the README of the folder, all staged.

    Args:
        answers: of each method to the test records.
        stopped: whether the fine-tuned model ended each answer by itself.
        memory: what `models.estimate` gave, if it did.
    """
    write_jsonl(staged(folder, "rejected.jsonl"), fitted.left_out)
    rows = [{"row": record.row} for record in fitted.test.records]
    for row, found, record in zip(
        rows, predictions(fitted.test.records, template, answers), fitted.test.records, strict=True
    ):
        row |= found
        if settings["task"] == "conversation":  # whole, with the answer that was expected
            row |= to_messages([record])[0]
    for row, choice in zip(rows, choices.choices if choices else (), strict=bool(choices)):
        shares = {label: round(share, 6) for label, share in choice.probabilities.items()}
        row |= {"chosen": choice.label, "probability": round(choice.probability, 6), "probabilities": shares}
    write_jsonl(staged(folder, "predictions.jsonl"), rows)
    metrics = {
        "settings": listed(settings),
        "template": template.to_dict(),
        "data": fitted.counts,
        "tokens": length_audit(fitted.lengths, max_length=fitted.max_length),
        "training": repeatable(training),
        "memory_bytes": asdict(memory) if memory else None,
        "stop_rate": sum(stopped) / len(stopped),
        "rows_answered": {method: len(given) for method, given in answers.items()},
        **judged.numbers(),
    }
    if choices:
        metrics["choosing"] = {
            "temperature": choices.temperature,
            "calibration_error": choices.after,
            "calibration_error_without": choices.before,
            "minus_writing": asdict(choices.gain),
        }
    write_json(staged(folder, "metrics.json"), metrics)
    write_text(staged(folder, "README.md"), folder_readme(settings, fitted, judged, choices))
