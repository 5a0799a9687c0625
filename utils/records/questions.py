"""Questions about a context, answered with words from it (SQuAD and its like) → records."""

from collections.abc import Mapping
from typing import Any

from utils.records.conversion import Conversion, Record, Reject, checked, convert, is_missing, plain, require, text_of
from utils.records.extraction import body_of, literal
from utils.records.phrases import NO_PHRASES
from utils.records.readers import read_table
from utils.records.tables import BadRow, Table

QUESTION_INSTRUCTION = "Answer the question with words from the text, or with 'none' if it does not say: {question}"


def from_squad(
    source: Any,
    *,
    question: str = "question",
    context: str = "context",
    answers: str = "answers",
    instruction: str = QUESTION_INSTRUCTION,
) -> Conversion:
    """Turn questions about a context into records: input = context, output = the first answer, "none" without any.

    source: SQuAD-like JSON (articles with paragraphs with `qas`), or rows with these three columns as on the Hub.
        One question is one row; the article or context is the record's group.
    answers: a column of `{"text": [...]}`, of lists of texts or of `{"text": ...}`, or of one text each. No
        answer, or an empty one, means that the context does not say.
    instruction: `{question}` in it becomes the question.

    Rejected rows: no question, no context, no value for the answers (null), an answer that is not in its context.

    Raises:
        DataError: neither of the two forms, or a column that does not exist.

    >>> row = {"question": "Who went?", "context": "Anna went to school.", "answers": {"text": ["Anna"]}}
    >>> from_squad([row]).records[0].output
    'Anna'
    """
    table = read_table(source)
    if "paragraphs" in table.columns:
        rows = [question for article in table.rows() for question in _questions(article)]
        keys = dict.fromkeys(key for row in rows if isinstance(row, Mapping) for key in row)
        columns = [*{"question": 0, "context": 0, "answers": 0, "title": 0} | keys]
        table = Table(table.name, columns, lambda: iter(rows))
        question, context, answers = "question", "context", "answers"
    require(table, question=question, context=context, answers=answers)

    def make(row: Mapping[Any, Any]) -> Record:
        asked, body = body_of(row, question).strip(), body_of(row, context)
        texts = _answers(row.get(answers), answers)
        if texts and texts[0].startswith("{") and "array(" in texts[0]:
            raise Reject("a printed numpy array in place of the answers: save lists (to_json) instead")
        if texts and texts[0] not in body:
            raise Reject(f"the answer {texts[0][:40]!r} is not in its context")
        group = text_of(row, "title", missing="") or body
        answer = texts[0] if texts else NO_PHRASES
        return Record(instruction.replace("{question}", asked), body, answer, "question", group)

    return convert(table, make, used=(question, context, answers, "title", "is_impossible"))


def _answers(value: Any, column: str) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = literal(value.strip()) or value
    value = plain(value.get("text") if isinstance(value, Mapping) else value)
    if is_missing(value):
        raise Reject(f"{column} is missing (for no answer: an empty list)")
    found = value if isinstance(value, list | tuple) else [value]
    texts = [checked(answer.get("text") if isinstance(answer, Mapping) else answer, "an answer") for answer in found]
    return [text for text in texts if text.strip()]


def _questions(article: Any) -> list[dict[str, Any] | BadRow]:
    if isinstance(article, BadRow):
        return [article]
    title = article.get("title")
    paragraphs = article.get("paragraphs")
    if not isinstance(paragraphs, list):
        return [BadRow("an article without paragraphs", str(title))]
    return [row for paragraph in paragraphs for row in _paragraph(paragraph, title)]


def _paragraph(paragraph: Any, title: Any) -> list[dict[str, Any] | BadRow]:
    try:
        return [
            {
                **qa,
                "question": qa.get("question"),
                "context": paragraph["context"],
                # a test file without answers is not a file of unanswerable questions
                "answers": qa.get("answers", [] if qa.get("is_impossible") else None),
                "title": title,
            }
            for qa in paragraph["qas"]
        ]
    except (KeyError, TypeError, AttributeError):
        return [BadRow("a paragraph without context and qas", str(title))]
