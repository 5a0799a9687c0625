"""An exercise's check: it says right, what is missing, or that nothing was tried, and it never stops a notebook."""

from utils.series import check_answer

REQUIREMENTS = {"a list": lambda it: isinstance(it, list), "three of them": lambda it: len(it) == 3}


def test_dots_are_an_exercise_that_nobody_has_tried():
    assert check_answer(..., REQUIREMENTS).startswith("not tried yet")


def test_an_answer_that_meets_everything_is_right():
    assert check_answer([1, 2, 3], REQUIREMENTS) == "right"


def test_the_first_requirement_that_is_missed_is_named():
    assert check_answer([1, 2], REQUIREMENTS) == "not yet: three of them"
    assert check_answer((1, 2), REQUIREMENTS) == "not yet: a list"


def test_a_check_that_raises_is_a_requirement_that_is_missed():
    assert check_answer(7, {"two words": lambda it: len(it.split()) == 2}).startswith("not yet: two words (the check")
