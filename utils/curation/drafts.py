"""The instructions that a reverse model writes for bare texts: one as its best answer, and samples beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from peft import PeftModel
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from utils.inference import generate
from utils.prompts import REVERSE_INSTRUCTION, PromptTemplate
from utils.records import Record, words


@dataclass(frozen=True)
class Draft:
    """A bare text with the instruction that a model wrote for it.

    Attributes:
        instruction: the greedy answer, without white space around it.
        samples: answers that were drawn, for `agreement`; they are never used as instructions.
        stopped: the greedy answer ended by itself, rather than at the limit of its tokens.

    >>> Draft("Soup: leek, salt.", "Write a recipe for soup.", ("Write a recipe for soup.", "List soups.")).agreement
    0.5
    """

    text: str
    instruction: str
    samples: tuple[str, ...] = ()
    stopped: bool = True

    @property
    def agreement(self) -> float:
        """How alike the samples are to the greedy answer: shared words in all words (Jaccard), averaged; 1 without any.

        A model that answers something else at every draw does not know what the text is about.
        """
        own = set(words(self.instruction))
        others = [set(words(sample)) for sample in self.samples]
        return fmean(len(own & other) / (len(own | other) or 1) for other in others) if others else 1.0

    @property
    def pair(self) -> Record:
        """The training pair: the instruction asks, the text answers."""
        return Record(self.instruction, "", self.text, "document")


def write_drafts(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    samples: int = 3,
    template: PromptTemplate = REVERSE_INSTRUCTION,
    max_new_tokens: int = 40,
    batch_size: int = 32,
    seed: int = 0,
) -> list[Draft]:
    """Let a reverse model write an instruction for each text, greedily, and draw `samples` more.

    Args:
        model: trained on pairs with `template`, as `load_adapter` or `fine_tune` gives it.
        samples: drawn at temperature 0.9 and top-p 0.9; 0 draws none.
        seed: of the draws.

    Raises:
        ValueError: a text that leaves no room for an answer in the model's context, with its row.
    """
    bare = [Record("", "", text, "document") for text in texts]
    how = {"max_new_tokens": max_new_tokens, "batch_size": batch_size}
    greedy = generate(model, tokenizer, bare, template, **how)
    several = [record for record in bare for _ in range(samples)]
    drawn = generate(model, tokenizer, several, template, do_sample=True, seed=seed, **how) if several else []
    return [
        Draft(
            text,
            best.text.strip(),
            tuple(answer.text.strip() for answer in drawn[at * samples : (at + 1) * samples]),
            best.stopped,
        )
        for at, (text, best) in enumerate(zip(texts, greedy, strict=True))
    ]
