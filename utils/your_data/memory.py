"""How much memory the training of a run needs, in a sentence; a model that cannot be measured ends nothing.

A module of its own, between the estimate (`utils.models`), which raises, and a run, which must go on.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from utils.your_data.fitting import Fitted

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def memory_needed(model: "PreTrainedModel", fitted: Fitted, settings: Mapping[str, Any]) -> tuple[Any, str]:
    """The estimate and the sentence that says it; None, and why, where the model's kind cannot be estimated."""
    from utils.models import GIB, estimate

    on_gpu, longest = model.device.type == "cuda", max(len(row["input_ids"]) for row in fitted.train.rows)
    most = max(sum(label != -100 for label in row["labels"]) for row in fitted.train.rows)
    try:
        need = estimate(
            model.config,
            method="qlora" if settings["quantize"] else "lora",
            batch_size=settings["micro_batch_size"] or settings["batch_size"],
            length=longest,
            labelled=most / longest,
            rank=settings["rank"],
            activation_checkpointing=on_gpu,
        )
    except Exception as error:  # of any of the libraries that know a model's parts: a note, never the end of a run
        return None, f"unknown, since this kind of model cannot be estimated ({type(error).__name__})"
    sentence = f"{need.total / GIB:.2g} GiB at the peak of a training step, {need.weights / GIB:.2g} of them the base"
    return need, sentence + ("" if on_gpu else ", as on a GPU; a CPU also holds the 4-bit weights expanded")
