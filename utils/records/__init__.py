"""Records: what one is, the converters that make them, and files of them.

    >>> from utils.records import from_labels
    >>> from_labels([{"Label": "Complaint", "Text": "Dirty room"}], text="Text", label="Label").summary()
    '1 row in, 1 record, 0 rejected'

Neither torch nor transformers; pyarrow and datasets are imported when a call needs them.
"""

from utils.records.classification import CLASSIFICATION_INSTRUCTION, from_labels, unfold_columns
from utils.records.conversations import conversation_so_far, from_messages, from_sharegpt, speaker_key
from utils.records.conversion import Conversion, Record, Turn
from utils.records.exports import (
    save_dataset,
    to_alpaca,
    to_messages,
    to_prompt_completion,
    to_sharegpt,
    to_text,
    to_watsonx,
)
from utils.records.extraction import EXTRACTION_INSTRUCTION, from_phrases, has_token_rows
from utils.records.instructions import from_documents, from_instructions
from utils.records.notes import Note, grouped_reasons
from utils.records.own_texts import contexts, continued, label_sets, own_texts, similar_records, task_instructions
from utils.records.phrases import NO_PHRASES, format_phrases, parse_phrases
from utils.records.questions import QUESTION_INSTRUCTION, from_squad
from utils.records.readers import read_table
from utils.records.similarity import clusters, near_duplicates, words
from utils.records.spans import from_spans
from utils.records.splits import split
from utils.records.storage import fingerprint, load_records, save_records
from utils.records.tables import BadRow, Table, columns_in_words
from utils.records.tagged import from_tagged
from utils.records.token_lines import has_tags
from utils.records.turns import exchanges, turns_of, without_first_exchange

__all__ = [
    "BadRow",
    "CLASSIFICATION_INSTRUCTION",
    "Conversion",
    "EXTRACTION_INSTRUCTION",
    "NO_PHRASES",
    "Note",
    "QUESTION_INSTRUCTION",
    "Record",
    "Table",
    "Turn",
    "clusters",
    "columns_in_words",
    "contexts",
    "continued",
    "conversation_so_far",
    "exchanges",
    "fingerprint",
    "format_phrases",
    "from_documents",
    "from_instructions",
    "from_labels",
    "from_messages",
    "from_phrases",
    "from_sharegpt",
    "from_spans",
    "from_squad",
    "from_tagged",
    "grouped_reasons",
    "has_tags",
    "has_token_rows",
    "label_sets",
    "load_records",
    "near_duplicates",
    "own_texts",
    "parse_phrases",
    "read_table",
    "save_dataset",
    "save_records",
    "similar_records",
    "speaker_key",
    "split",
    "task_instructions",
    "to_alpaca",
    "to_messages",
    "to_prompt_completion",
    "to_sharegpt",
    "to_text",
    "to_watsonx",
    "turns_of",
    "unfold_columns",
    "without_first_exchange",
    "words",
]
