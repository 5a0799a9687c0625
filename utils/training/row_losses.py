"""The loss of each row by itself: what a comparison over rows needs, where a training run needs only their mean."""

from collections.abc import Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from utils.models import expanded_for_generation
from utils.training.checks import check_rows
from utils.training.shared_starts import Row, can_share, losses, pack


@torch.no_grad()
def row_losses(model: PreTrainedModel | PeftModel, tokenizer, rows: Sequence[Row]) -> list[tuple[float, int]]:
    """For each row the summed loss of its labelled tokens, in nats, and how many they are; nothing is trained.

    What rows have in common is computed once, where the model allows it (`shared_starts`). The sum with its sign turned
    is the log-probability of the answer after its prompt, EOS included.

    Args:
        model: a base, or what `fine_tune` returned as `.model`.
        rows: from `utils.prompts.encode`.

    Raises:
        ValueError: no rows, or one that the model cannot read, as in `fine_tune`.
    """
    check_rows("rows", rows, model, tokenizer)
    order = sorted(range(len(rows)), key=lambda at: list(rows[at]["input_ids"]))  # the order in which `pack` takes them
    model.eval()
    with expanded_for_generation(model):
        if can_share(model):
            packs = [{name: part.to(model.device) for name, part in one.items()} for one in pack(rows)]
            nats = torch.cat([losses(model, one).cpu() for one in packs])
        else:
            nats = torch.cat([_alone(model, rows[at]).cpu() for at in order])
    counts = [sum(label != -100 for label in rows[at]["labels"][1:]) for at in order]
    found = {at: (float(part.sum()), len(part)) for at, part in zip(order, nats.split(counts), strict=True)}
    return [found[at] for at in range(len(rows))]


def _alone(model: PreTrainedModel | PeftModel, row: Row) -> torch.Tensor:
    """The losses of one row's labelled tokens."""
    ids, labels = (torch.tensor(row[name], device=model.device) for name in ("input_ids", "labels"))
    logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
    labelled = labels[1:] != -100
    return torch.nn.functional.cross_entropy(logits[labelled].float(), labels[1:][labelled], reduction="none")
