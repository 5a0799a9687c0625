"""Rows become batches: in which order, in which form, and how much each labelled token of a batch counts.

A batch is either padded, as TRL does it, or holds sequences in which the starts that rows share stand once
(`shared_starts`). Both give the same losses, up to rounding.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from transformers import Trainer

from utils.training.shared_starts import losses, pack

Row = Mapping[str, Any]  # input_ids and labels; weight, if it is to count more or less than 1
Batch = Mapping[str, Any]


def pad(collate: Callable[[list], dict[str, Any]], rows: Sequence[Row]) -> dict[str, Any]:
    """A padded batch as TRL's `collate` makes it, with the weights of its rows if they have any."""
    batch = collate([{key: row[key] for key in row if key != "weight"} for row in rows])
    return batch | ({"weight": torch.tensor([row["weight"] for row in rows])} if "weight" in rows[0] else {})


def share(rows: Sequence[Row]) -> dict[str, Any]:
    """A batch of sequences in which shared starts stand once."""
    return {"packs": pack(rows), "rows": rows}


def singles(batch: Batch) -> list[tuple[list[int], Batch]]:
    """The rows of a batch one by one: the ids of each, and a batch of it alone."""
    if "packs" in batch:
        return [(list(row["input_ids"]), share([row])) for row in batch["rows"]]
    tensors = {key: value for key, value in batch.items() if torch.is_tensor(value)}
    alone = [{key: value[i : i + 1] for key, value in tensors.items()} for i in range(len(batch["labels"]))]
    return [(one["input_ids"][one["attention_mask"].bool()].tolist(), one) for one in alone]


def summed_loss(model: torch.nn.Module, batch: Batch, *, by_row: bool) -> torch.Tensor:
    """The losses of all labelled tokens in nats, each times what it counts (`counted` is what to divide by).

    Args:
        model: as TRL patches it, with a head that meets labelled tokens only.
        by_row: every row counts alike, its weight spread over its tokens; else every token does.
    """
    if "packs" in batch:
        return sum((losses(model, one) * _weights(one, by_row)).sum() for one in batch["packs"])
    reads = {name: value for name, value in batch.items() if name != "weight"}
    out = model(**reads, use_cache=False, fused_lm_head=True)
    mask = out.label_mask.bool()
    part = mask / mask.sum(dim=1, keepdim=True).clamp(min=1)
    weight = batch.get("weight", torch.ones(len(mask), device=mask.device))[:, None].expand_as(part)
    return (-out.log_probs[mask] * _weights({"share": part[mask], "weight": weight[mask]}, by_row)).sum()


def counted(batch: Batch, *, by_row: bool) -> float:
    """The labelled tokens of a batch, or its rows if every row counts alike; each with its weight."""
    if "packs" in batch:
        return float(sum(_weights(one, by_row).sum() for one in batch["packs"]))
    labelled = (batch["labels"][:, 1:] != -100).sum(dim=1)
    weight = batch.get("weight", torch.ones(len(labelled), device=labelled.device))
    return float((weight * (labelled > 0 if by_row else labelled)).sum())


def _weights(each: Mapping[str, torch.Tensor], by_row: bool) -> torch.Tensor:
    """How much each labelled token counts: its row's weight, spread over the row if every row is to count alike."""
    return each["weight"] * each["share"] if by_row else each["weight"]


class EpochOrder(torch.utils.data.Sampler):
    """Steps of rows drawn at random, so that each mixes the tasks; the order follows from the seed and the epoch alone.

    Within a step rows are sorted by length, so that micro-batches hold rows of similar length; whole steps of similar
    length would be steps of one task. The step with the longest row comes first, so that a batch that does not fit into
    memory fails at step 1, not at step 300.
    """

    def __init__(self, trainer: Trainer, *, batch_size: int, lengths: list[int]) -> None:
        self.trainer, self.batch_size, self.lengths = trainer, batch_size, lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        epoch = int(self.trainer.state.epoch or 0)  # in a resumed run a fraction, such as 1.4, at the first call
        generator = torch.Generator().manual_seed(self.trainer.args.seed * 100_003 + epoch)
        drawn = torch.randperm(len(self.lengths), generator=generator).tolist()
        longest = drawn.index(max(drawn, key=self.lengths.__getitem__))
        drawn[0], drawn[longest] = drawn[longest], drawn[0]
        for start in range(0, len(drawn), self.batch_size):
            yield from sorted(drawn[start : start + self.batch_size], key=self.lengths.__getitem__, reverse=True)
