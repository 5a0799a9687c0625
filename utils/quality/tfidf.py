"""The classic text classifier: logistic regression on TF-IDF.

A module of its own, since the linter and the baselines of `utils.evaluation` share it.
scikit-learn is imported by the calls, not here.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import Pipeline

TOKEN = re.compile(r"\w+|[^\w\s]")  # a word, or one other character: what stands between two phrases, too


def tfidf_vectorizer() -> "TfidfVectorizer":
    """TF-IDF of words, signs and their pairs; each text becomes a sparse row of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN.pattern)


def tfidf_model() -> "Pipeline":
    """Logistic regression on `tfidf_vectorizer`, not yet fitted: `fit(texts, labels)`, `predict(texts)`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    # C=10: TF-IDF rows have length 1, on which the default of 1 holds the weights down too much.
    return make_pipeline(tfidf_vectorizer(), LogisticRegression(C=10, max_iter=1000))
