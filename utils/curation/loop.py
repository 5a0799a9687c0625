"""The whole loop for one seed of chance: reverse model, drafts, curation, forward models, and once more.

The notebook takes the same steps one by one. What comes out is plain data, for the record that `python -m utils.loop`
writes.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.curation.comparison import Forward, measure_forward
from utils.curation.drafts import write_drafts
from utils.curation.filters import Judged, judge_drafts
from utils.curation.fit import measure_fit
from utils.curation.loop_data import LoopData
from utils.curation.tables import slots_named
from utils.curation.training_sets import (
    CURATED,
    FIRST_SENTENCE,
    NEAREST,
    SEED_PAIRS,
    opponents,
    training_sets,
    tune,
    with_instructions,
)
from utils.inference import generate
from utils.prompts import REVERSE_INSTRUCTION
from utils.records import Record

AGAIN = "curated by the second round"


@dataclass(frozen=True)
class Settings:
    """What the loop depends on besides code and data; `make loop` takes these defaults, the sizes of notebook 06.

    Attributes:
        seed_rows, text_rows, test_rows: how many seed pairs, bare texts and reference pairs are used.
        reverse_test_rows: documents that the reverse models are measured on.
        write: reference instructions that each forward model writes a text to.
        samples: instructions that are drawn for each text, besides the greedy one.
        reverse_steps, forward_steps: of training, the same for every model of a kind.
        curve: numbers of bare texts; a forward model is trained on the curated ones of the first so many, with steps in
            proportion.
    """

    base: str = "smollm2-135m"
    seed_rows: int = 200
    text_rows: int = 120
    test_rows: int = 80
    reverse_test_rows: int = 84
    write: int = 24
    samples: int = 3
    reverse_steps: int = 50
    forward_steps: int = 30
    batch_size: int = 8
    learning_rate: float = 2e-4
    lora_plus: float = 8.0
    curve: tuple[int, ...] = (30, 60)


def run_loop(
    data: LoopData,
    settings: Settings,
    *,
    seed: int,
    output_dir: str | os.PathLike[str],
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run the loop once, and a second round with the reverse model that has seen the curated pairs, too.

    Args:
        seed: of training and of the draws.
        output_dir: for training's files.
        say: called with a line before each step.

    Returns:
        Plain data: `seed`; `reverse` and `reverse again`, the (named, wanted) slots of each test document; `kept` and
        `kept again`, whether each bare text stayed; `arms`, the forward models (`Forward.to_dict`) by their training
        set; `curve`, the same by the number of bare texts.
    """
    loop = _Loop(data, settings, seed, Path(output_dir), say)
    reverse, tokenizer = loop.train("reverse model", loop.seed_pairs, REVERSE_INSTRUCTION, settings.reverse_steps)
    found: dict[str, Any] = {"seed": seed, "reverse": loop.reverse_slots(reverse, tokenizer)}
    loop.scorer = loop.train("forward model of the seed", loop.seed_pairs[: len(data.texts)])
    judged = loop.judged(reverse, tokenizer)
    del reverse
    sets = training_sets(judged, loop.references)
    texts = [one.draft.text for one in judged]
    more = opponents(loop.seed_pairs, texts)
    sets |= {name: with_instructions(texts, more[name]) for name in (FIRST_SENTENCE, NEAREST)}
    found["kept"] = [one.kept for one in judged]
    found["arms"] = {SEED_PAIRS: loop.measured(loop.scorer)}
    found["arms"] |= {name: loop.measured(loop.train(name, pairs)) for name, pairs in sets.items()}
    found["curve"] = {str(size): loop.of_first(judged, size) for size in settings.curve}
    both = [*loop.seed_pairs, *sets[CURATED]]
    again, tokenizer = loop.train("second reverse model", both, REVERSE_INSTRUCTION, settings.reverse_steps)
    found["reverse again"] = loop.reverse_slots(again, tokenizer)
    judged = loop.judged(again, tokenizer)
    found["kept again"] = [one.kept for one in judged]
    pairs = training_sets(judged, loop.references)[CURATED]
    found["arms"][AGAIN] = loop.measured(loop.train(AGAIN, pairs))
    return found


@dataclass
class _Loop:
    """One run: what its steps share."""

    data: LoopData
    settings: Settings
    seed: int
    folder: Path
    say: Callable[[str], None]
    scorer: tuple = ()

    def __post_init__(self) -> None:
        self.data = self.data.first(
            seed=self.settings.seed_rows, texts=self.settings.text_rows, tests=self.settings.test_rows,
            reverse=self.settings.reverse_test_rows,
        )  # fmt: skip
        self.seed_pairs = self.data.seed
        self.references = [record.instruction for record in self.data.texts]

    def train(self, name: str, pairs: Sequence[Record], template=None, steps: int = 0) -> tuple:
        self.say(f"training: {name}, {len(pairs)} pairs")
        shared = {name: getattr(self.settings, name) for name in ("batch_size", "learning_rate", "lora_plus")}
        how = {"template": template} if template else {}
        result, tokenizer = tune(
            self.settings.base, pairs, output_dir=self.folder, steps=steps or self.settings.forward_steps,
            heldout=self.data.heldout if template else (), seed=self.seed, **how, **shared,
        )  # fmt: skip
        return result.model, tokenizer

    def reverse_slots(self, model, tokenizer) -> list[tuple[int, int]]:
        self.say("asking the reverse model about the test documents")
        answers = generate(model, tokenizer, self.data.reverse_test, REVERSE_INSTRUCTION, max_new_tokens=40)
        return slots_named([answer.text for answer in answers], self.data.reverse_slots)

    def judged(self, model, tokenizer) -> list[Judged]:
        self.say(f"writing and weighing instructions for {len(self.data.texts)} texts")
        texts = [record.output for record in self.data.texts]
        drafts = write_drafts(model, tokenizer, texts, samples=self.settings.samples, seed=self.seed)
        return judge_drafts(drafts, measure_fit(*self.scorer, drafts))

    def measured(self, forward: tuple) -> dict[str, Any]:
        self.say("measuring a forward model")
        tests, slots = self.data.tests, self.data.test_slots
        result: Forward = measure_forward(*forward, tests, slots, write=self.settings.write)
        return result.to_dict()

    def of_first(self, judged: Sequence[Judged], size: int) -> dict[str, Any]:
        pairs = [one.draft.pair for one in judged[:size] if one.kept]
        steps = max(1, round(self.settings.forward_steps * size / len(judged)))
        return {"pairs": len(pairs)} | self.measured(self.train(f"the first {size} texts", pairs, steps=steps))
