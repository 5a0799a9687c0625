"""What is wrong with records before any GPU minute is spent: the rules, the linter, and the safe fixes."""

from utils.quality.fixes import apply_safe_fixes
from utils.quality.linter import Finding, lint, summary
from utils.quality.rules import RULES

__all__ = [
    "Finding",
    "RULES",
    "apply_safe_fixes",
    "lint",
    "summary",
]
