"""The reverse loop: a model writes instructions for bare texts, filters keep some, a forward model learns from them.

`drafts` writes, `fit` weighs, `filters` decide, `tables` show; `training_sets` and `comparison` say what it was worth;
`loop` does all of it at once, and `bare_texts` and `pair_files` do it for a reader's own texts.
"""

from utils.curation.bare_texts import BareTexts, read_bare_texts, usable
from utils.curation.comparison import (
    Forward,
    better,
    forward_table,
    measure_forward,
    of_rows,
    over_seeds,
    own_form_loss,
    part_of_the_way,
    saved,
)
from utils.curation.draft_files import load_drafts, save_drafts
from utils.curation.drafts import Draft, write_drafts
from utils.curation.filters import FILTERS, Judged, judge_drafts
from utils.curation.fit import CONSTANT, Fit, measure_fit, neighbours, text_loss
from utils.curation.loop import AGAIN, Settings, run_loop
from utils.curation.loop_data import LoopData, load_loop_data
from utils.curation.loop_record import (
    RECORD,
    dependencies,
    read_record,
    recorded_arms,
    recorded_curve,
    stale_parts,
    write_record,
)
from utils.curation.names import invented, names_and_dates, stands_in
from utils.curation.pair_files import new_folder, write_pairs
from utils.curation.tables import by_fit, filter_table, pair_rows, slots_named, slots_score
from utils.curation.training_sets import (
    CONSTANT_SET,
    CURATED,
    FIRST_SENTENCE,
    MACHINE,
    NEAREST,
    REFERENCE,
    SEED_PAIRS,
    opponents,
    training_sets,
    tune,
    with_instructions,
)

__all__ = [
    "AGAIN",
    "BareTexts",
    "CONSTANT",
    "CONSTANT_SET",
    "CURATED",
    "Draft",
    "FILTERS",
    "FIRST_SENTENCE",
    "Fit",
    "Forward",
    "Judged",
    "LoopData",
    "MACHINE",
    "NEAREST",
    "RECORD",
    "REFERENCE",
    "SEED_PAIRS",
    "Settings",
    "better",
    "by_fit",
    "dependencies",
    "filter_table",
    "forward_table",
    "invented",
    "judge_drafts",
    "load_drafts",
    "load_loop_data",
    "measure_fit",
    "measure_forward",
    "names_and_dates",
    "neighbours",
    "new_folder",
    "of_rows",
    "opponents",
    "over_seeds",
    "own_form_loss",
    "pair_rows",
    "part_of_the_way",
    "read_bare_texts",
    "read_record",
    "recorded_arms",
    "recorded_curve",
    "run_loop",
    "save_drafts",
    "saved",
    "slots_named",
    "slots_score",
    "stale_parts",
    "stands_in",
    "text_loss",
    "training_sets",
    "tune",
    "usable",
    "with_instructions",
    "write_drafts",
    "write_pairs",
    "write_record",
]
