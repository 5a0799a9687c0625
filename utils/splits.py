"""What the records of a dataset share, and a split that does not leak: labels, own texts, train and test."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from utils.conversion import Record
from utils.tables import DataError

SHARED = 20  # an instruction that this many records share describes their task, not one of them


def own_texts(records: Sequence[Record]) -> list[str]:
    """For each record the text that tells it from the others of its task.

    That is the input where the instruction is that of a whole task, the question of a question about a
    context, the output of a document, and instruction and input together else. With a shared instruction left
    in, all short reviews would look alike.
    """
    shared = Counter(record.instruction for record in records)

    def own(record: Record) -> str:
        has_input = bool(record.input.strip())
        if record.task == "document" or not (has_input or record.instruction.strip()):
            return record.output
        if record.task == "question":
            return record.instruction
        is_task = record.task in ("classification", "extraction") or shared[record.instruction] >= SHARED
        return record.input if has_input and is_task else f"{record.instruction}\n{record.input}"

    return [own(record) for record in records]


def label_sets(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """For each instruction of a classification task its labels and how often each occurs.

    Records that came from `from_labels` say so. For others an instruction counts as a classification task if
    it is shared by `SHARED` records, its outputs are short, and at most one row in ten has an output of its own.
    """
    tasks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    declared: dict[str, set[str]] = defaultdict(set)
    for record in records:
        tasks[record.instruction][record.output] += 1
        declared[record.instruction].add(record.task)

    def is_labels(outputs: Counter[str]) -> bool:
        if outputs.total() < SHARED or len(outputs) == 1:
            return False
        single = sum(1 for count in outputs.values() if count == 1)
        return single <= outputs.total() / 10 and all(0 < len(output) <= 60 for output in outputs)

    return {
        instruction: outputs
        for instruction, outputs in tasks.items()
        if declared[instruction] == {"classification"}
        or (declared[instruction] <= {"", "instruction"} and is_labels(outputs))
    }


def split(records: Sequence[Record], *, test_fraction: float = 0.2, seed: int = 0) -> tuple[list[Record], list[Record]]:
    """Divide records into (train, test): seeded, stratified by label, and leak-free.

    Near-duplicates (see `utils.similarity`), records with the same text under other instructions, and records
    of one group stay together on one side; each label, and the rest as a whole, is divided in the same
    proportion. Both parts keep the order of the records. A label that forms a single cluster stays in train.

    Raises:
        DataError: a fraction that is not between 0 and 1, or records that are too few or too closely tied: where many
            groups share short texts ("nothing"), all of them become one cluster.

    >>> train, test = split([Record("Say it", str(i), "x") for i in range(10)], test_fraction=0.2, seed=1)
    >>> len(train), len(test)
    (8, 2)
    """
    from utils.similarity import clusters, near_duplicates  # needs numpy, which nothing else here does

    if not 0 < test_fraction < 1:
        raise DataError(f"test_fraction is {test_fraction}: pass a number between 0 and 1, such as 0.2")
    pairs = [(i, j) for i, j, _ in near_duplicates(own_texts(records))]
    # A long input under two instructions is one text; a short one ("No input", "yes") is shared by chance.
    long_inputs = [record.input if len(record.input.split()) > 3 else "" for record in records]
    for keys in (long_inputs, [record.group for record in records]):
        first: dict[str, int] = {}
        pairs += [(first.setdefault(key, i), i) for i, key in enumerate(keys) if key]
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, leader in enumerate(clusters(len(records), pairs)):
        members[leader].append(i)

    labelled = label_sets(records)
    strata: defaultdict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for cluster in members.values():
        record = records[cluster[0]]
        is_labelled = record.instruction in labelled
        strata[(record.instruction, record.output) if is_labelled else (record.task,)].append(cluster)

    generator = random.Random(seed)
    test: set[int] = set()
    owed = 0.0
    for name in sorted(strata):
        parts = strata[name]
        generator.shuffle(parts)
        # What rounding left over goes to the next stratum, so that the whole has the right size. Not more
        # than that: what a large cluster could not take must not be taken from another label.
        owed = max(-0.5, min(0.5, owed)) + test_fraction * sum(map(len, parts))
        for cluster in parts[1:]:  # one cluster always stays in train
            if len(cluster) <= owed + 0.5:
                test.update(cluster)
                owed -= len(cluster)
    if len(test) < max(1, test_fraction * len(records) / 10):
        largest = max(map(len, members.values()), default=0)
        raise DataError(
            f"near-duplicates and groups tie {len(records):,} records into {len(members):,} clusters, the largest of "
            f"{largest:,}, which leaves {len(test):,} test records where {test_fraction:.0%} were asked for: drop "
            "duplicates and very short texts first (apply_safe_fixes), leave out the group, or pass more records"
        )
    train = [record for i, record in enumerate(records) if i not in test]
    return train, [records[i] for i in sorted(test)]
