"""Exercises that check themselves: a cell tells the reader "right", or what is missing, and never the answer.

A module of its own, since exercises need nothing else of this folder.
"""

from collections.abc import Callable, Mapping
from typing import Any


def check_answer(answer: Any, requirements: Mapping[str, Callable[[Any], bool]]) -> str:
    """Say whether an answer to an exercise meets every requirement, or which one it misses first.

    Args:
        answer: what the reader put in place of the dots; `...` stands for an exercise that nobody has tried yet.
        requirements: tests of the answer by what they ask for, in words that complete "not yet: …". A test that raises
            counts as missed, since a reader's answer may be of any type.

    Example: `print(check_answer(mine, {"a list of 3 records": lambda it: len(it) == 3}))`
    """
    if answer is ...:
        return "not tried yet: put your answer in place of the dots"
    for wanted, is_met in requirements.items():
        try:
            if is_met(answer):
                continue
        except Exception as error:
            return f"not yet: {wanted} (the check stopped with {type(error).__name__}: {error})"
        return f"not yet: {wanted}"
    return "right"
