"""Drafts and fits to judge, written by no model."""

from utils.curation import Draft, Fit

GOOD = Fit(0.2, 0.1)
SOUP = Draft(
    "Leek soup for Ann: leek, salt, cream.", "Write a recipe for leek soup.", ("Write a recipe for leek soup",)
)


def drafts(*instructions: str) -> list[Draft]:
    """A draft for each instruction, each with a text of its own that names Ann."""
    themes = ["winter roads and salt", "a lost umbrella at the pool", "the choir on the hill", "boots for the garden",
              "two tickets to the river", "bread that did not rise"]  # fmt: skip
    return [Draft(f"Dear Ann, this is about {theme}.", text) for theme, text in zip(themes, instructions, strict=False)]
