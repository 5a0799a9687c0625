"""Records: what one is, the converters that make them, and files of them.

    >>> from utils.records import from_labels
    >>> from_labels([{"Label": "Complaint", "Text": "Dirty room"}], text="Text", label="Label").summary()
    '1 row in, 1 record, 0 rejected'

Neither torch nor transformers; pyarrow and datasets are imported when a call needs them.
"""

from utils.records.classification import CLASSIFICATION_INSTRUCTION, from_labels, unfold_columns
from utils.records.conversion import Conversion, Record, RowNote
from utils.records.exports import (
    save_dataset,
    to_alpaca,
    to_messages,
    to_prompt_completion,
    to_sharegpt,
    to_text,
    to_watsonx,
)
from utils.records.extraction import EXTRACTION_INSTRUCTION, from_phrases, from_spans
from utils.records.instructions import from_documents, from_instructions, from_messages, from_sharegpt
from utils.records.phrase_types import check_types, tags_at_line_ends, type_of
from utils.records.phrases import NO_PHRASES, format_phrases, parse_phrases
from utils.records.questions import QUESTION_INSTRUCTION, from_squad
from utils.records.readers import read_table
from utils.records.similarity import clusters, near_duplicates
from utils.records.splits import label_sets, own_texts, split
from utils.records.storage import fingerprint, load_records, save_records
from utils.records.tables import BadRow, Table
from utils.records.tagged import from_tagged

__all__ = [
    "BadRow",
    "CLASSIFICATION_INSTRUCTION",
    "Conversion",
    "EXTRACTION_INSTRUCTION",
    "NO_PHRASES",
    "QUESTION_INSTRUCTION",
    "Record",
    "RowNote",
    "Table",
    "check_types",
    "clusters",
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
    "label_sets",
    "load_records",
    "near_duplicates",
    "own_texts",
    "parse_phrases",
    "read_table",
    "save_dataset",
    "save_records",
    "split",
    "tags_at_line_ends",
    "to_alpaca",
    "to_messages",
    "to_prompt_completion",
    "to_sharegpt",
    "to_text",
    "to_watsonx",
    "type_of",
    "unfold_columns",
]
