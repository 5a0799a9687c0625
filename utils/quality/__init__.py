"""What is wrong with records before any GPU minute is spent: the rules, the linter, label errors, the safe fixes."""

from utils.quality.findings import Finding, Findings, message_in_file, summary
from utils.quality.fixes import apply_safe_fixes, prompt_of
from utils.quality.label_errors import label_errors
from utils.quality.linter import lint, spelling
from utils.quality.rules import RULES
from utils.quality.tfidf import TOKEN, tfidf_model, tfidf_vectorizer

__all__ = [
    "Finding",
    "Findings",
    "RULES",
    "TOKEN",
    "apply_safe_fixes",
    "label_errors",
    "lint",
    "message_in_file",
    "prompt_of",
    "spelling",
    "summary",
    "tfidf_model",
    "tfidf_vectorizer",
]
