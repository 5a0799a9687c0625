"""A model answers: in batches or piece by piece, in our prompts or in its own form."""

from utils.inference.classify import Choice, classify
from utils.inference.generation import Answer, answer_prompts, check_room, generate, stream
from utils.inference.own_form import answer_in_own_form, as_request, likeliest, own_prompts

__all__ = [
    "Answer",
    "Choice",
    "answer_in_own_form",
    "answer_prompts",
    "as_request",
    "check_room",
    "classify",
    "generate",
    "likeliest",
    "own_prompts",
    "stream",
]
