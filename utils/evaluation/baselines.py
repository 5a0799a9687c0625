"""What a fine-tuned model has to beat: methods that need no language model, fitted to the same training records.

Each function takes training records and returns a function from records to answers, one string each, in the form that
the model is asked for; so `score` fits them as it is. They read the instruction and the input of a record, never the
field that is asked for. The settings are the ones that such a baseline usually has; nothing is tuned.

    >>> from utils.records import Record
    >>> from utils.prompts import ALPACA
    >>> train = [Record("Which?", "good", "yes"), Record("Which?", "fine", "yes"), Record("Which?", "bad", "no")]
    >>> answer = constant_answer(train, ALPACA)
    >>> answer([Record("Which?", "awful")])
    ['yes']
"""

from collections import Counter
from collections.abc import Callable, Sequence

from utils.prompts import PromptTemplate
from utils.quality import TOKEN, tfidf_model, tfidf_vectorizer
from utils.records import Record, format_phrases, parse_phrases

Baseline = Callable[[Sequence[Record]], list[str]]


def constant_answer(records: Sequence[Record], template: PromptTemplate) -> Baseline:
    """Always the most frequent completion: the majority label, or "none" where most texts hold no phrase.

    Of several, the first in the alphabet. A score that it reaches says nothing of the texts.

    Raises:
        ValueError: no records.
    """
    counts = Counter(template.render(record)[1] for record in _some(records))
    constant = min(counts, key=lambda completion: (-counts[completion], completion))
    return lambda asked: [constant] * len(asked)


def tfidf_classifier(records: Sequence[Record]) -> Baseline:
    """Logistic regression on TF-IDF of words and word pairs of the input: the classic text classifier.

    Raises:
        ValueError: no records, all of one label, which leaves nothing to tell apart, or none with a text.
    """
    labels = [record.output for record in _some(records)]
    if len(set(labels)) < 2:
        raise ValueError(f"all {len(labels)} records have the label {labels[0]!r}: pass records of two labels or more")
    if not any(TOKEN.search(record.input) for record in records):
        raise ValueError(f"all {len(labels)} records have an empty input: pass records with the text in `input`")
    model = tfidf_model()
    model.fit([record.input for record in records], labels)
    return lambda asked: [str(label) for label in model.predict([record.input for record in asked])] if asked else []


def phrase_dictionary(records: Sequence[Record]) -> Baseline:
    """Every phrase known from training that occurs in the text, the longest first, as an answer of `format_phrases`.

    A phrase that the training texts leave unmarked more often than not ("May" in most sentences) is forgotten.

    Raises:
        ValueError: no records.
    """
    marked = {phrase for record in _some(records) for phrase in parse_phrases(record.output)}
    right, seen = Counter[str](), Counter[str]()
    for record in records:
        found = set(_known_phrases(record.input, marked))
        seen.update(found)
        right.update(found & set(parse_phrases(record.output)))
    known = {phrase for phrase in marked if 2 * right[phrase] >= max(1, seen[phrase])}
    return lambda asked: [format_phrases(list(dict.fromkeys(_known_phrases(r.input, known)))) for r in asked]


def nearest_answer(records: Sequence[Record], template: PromptTemplate) -> Baseline:
    """The answer of the training record whose prompt is most like the one asked (cosine of TF-IDF rows).

    Raises:
        ValueError: no records.
    """
    import numpy as np

    prompts, answers = zip(*map(template.render, _some(records)), strict=True)
    vectorizer = tfidf_vectorizer()
    known = vectorizer.fit_transform(prompts)  # rows of length 1, so a product of two is their cosine

    def answer(asked: Sequence[Record]) -> list[str]:
        if not asked:
            return []
        likeness = vectorizer.transform([template.prompt(record) for record in asked]) @ known.T
        return [answers[int(np.asarray(row.todense()).argmax())] for row in likeness]

    return answer


def _known_phrases(text: str, known: set[str]) -> list[str]:
    """The known phrases in a text, from left to right; each begins and ends where a token does, none overlap."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    longest = max((len(TOKEN.findall(phrase)) for phrase in known), default=0)
    found, at = [], 0
    while at < len(tokens):
        sizes = range(min(longest, len(tokens) - at), 0, -1)
        cuts = ((size, text[tokens[at][0] : tokens[at + size - 1][1]]) for size in sizes)
        size, phrase = next(((size, cut) for size, cut in cuts if cut in known), (1, ""))
        found += [phrase] if phrase else []
        at += size
    return found


def _some(records: Sequence[Record]) -> Sequence[Record]:
    if not records:
        raise ValueError("no training records: a baseline learns from at least one")
    return records
