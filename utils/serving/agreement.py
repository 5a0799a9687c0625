"""How far two forms of one model are apart: their logits on the same prompts, and the answers that come of them.

A module of its own: it knows torch models, and the rest of this folder llama.cpp.
"""

from collections.abc import Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from utils.inference import Answer

Model = PreTrainedModel | PeftModel


@torch.no_grad()
def logit_difference(one: Model, other: Model, prompts: Sequence[Sequence[int]]) -> float:
    """The largest difference between the logits of two models, over all tokens of all prompts.

    Each prompt is read by itself, so that no padding is in the way.
    """
    largest = 0.0
    for prompt in prompts:
        ids = torch.tensor([prompt])
        logits = [model(input_ids=ids.to(model.device)).logits.float().cpu() for model in (one, other)]
        largest = max(largest, (logits[0] - logits[1]).abs().max().item())
    return largest


def equal_answers(one: Sequence[Answer], other: Sequence[Answer]) -> float:
    """The share of answers that are the same to the letter, and ended in the same way.

    Raises:
        ValueError: no answers, or not the same number of them.
    """
    if not one or len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} answers: compare answers to the same prompts, one or more")
    return sum((a.text, a.stopped) == (b.text, b.stopped) for a, b in zip(one, other, strict=True)) / len(one)
