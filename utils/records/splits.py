"""A split that does not leak: seeded, stratified by label, and nothing similar on both sides."""

import random
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence

from utils.errors import DataError
from utils.records.conversion import Record
from utils.records.own_texts import FEW_WORDS, contexts, label_sets, similar_records
from utils.text import counted


def split(records: Sequence[Record], *, test_fraction: float = 0.2, seed: int = 0) -> tuple[list[Record], list[Record]]:
    """Divide records into (train, test): seeded, stratified by label, and leak-free.

    Near-duplicates (see `similar_records`), records about one context or with the same text under other instructions,
    and records of one group stay together on one side; each label, and each unlabelled task, is divided in the same
    proportion as nearly as that allows. Both parts keep the order of the records. A label that forms a single
    cluster stays in train.

    Raises:
        DataError: a fraction that is not between 0 and 1, or records that are too few or so closely tied that not
            a tenth of the test records are left: where many groups share short texts ("nothing"), all of them
            become one cluster. A warning says it where the test part is smaller than asked, but not so much.

    >>> train, test = split([Record("Say it", str(i), "x") for i in range(10)], test_fraction=0.2, seed=1)
    >>> len(train), len(test)
    (8, 2)
    """
    from utils.records.similarity import clusters, words  # needs numpy, which nothing else here does

    if not 0 < test_fraction < 1:
        raise DataError(f"test_fraction is {test_fraction}: pass a number between 0 and 1, such as 0.2")
    about = contexts(records)
    pairs = [(i, j) for i, j, _ in similar_records(records, about)]
    # A long input under two instructions is one text; a short one ("No input", "yes") is shared by chance.
    long_inputs = [record.input if len(words(record.input)) > FEW_WORDS else "" for record in records]
    for keys in (long_inputs, about, [record.group for record in records]):
        first: dict[str | int, int] = {}
        pairs += [(first.setdefault(key, i), i) for i, key in enumerate(keys) if key]
    members: defaultdict[int, list[int]] = defaultdict(list)
    for i, leader in enumerate(clusters(len(records), pairs)):
        members[leader].append(i)

    labelled = label_sets(records)
    kinds = [(r.instruction, r.output) if r.instruction in labelled else (r.task,) for r in records]
    parts = list(members.values())
    random.Random(seed).shuffle(parts)
    test = {i for part in _choose(parts, kinds, test_fraction) for i in part}
    asked = test_fraction * len(records)
    if len(test) < max(1, 0.8 * asked - 1):
        largest = max(map(len, members.values()), default=0)
        groups = Counter(record.group for record in records if record.group)
        group, size = groups.most_common(1)[0] if groups else ("", 0)
        if size > 0.8 * largest:  # then texts have little to do with it
            tie = f"{counted(size, 'record')} of {len(records):,} belong to the group {group!r}"
            way = "choose another group, or leave it out"
        else:
            tie = f"near-duplicates and groups tie {counted(len(records), 'record')} into "
            tie += f"{counted(len(members), 'cluster')}, the largest of {largest:,}"
            way = "drop duplicates and very short texts first (apply_safe_fixes), leave out the group, or pass more "
            way += "records"
        why = f"{tie}, which leaves {counted(len(test), 'test record')} instead of {asked:,.0f}: {way}"
        if len(test) < max(1, asked / 10):
            raise DataError(why)
        warnings.warn(why, stacklevel=2)
    train = [record for i, record in enumerate(records) if i not in test]
    return train, [records[i] for i in sorted(test)]


def _choose(parts: Sequence[list[int]], kinds: Sequence[tuple[str, ...]], fraction: float) -> list[list[int]]:
    """Parts for the test side, in the order given, until it holds `fraction` of every kind of record.

    First those that fit entirely. What rounding leaves over, or parts of several kinds that fit none exactly,
    are filled up then, up to the right size of the whole. Of every kind something stays in train.
    """
    left = Counter(kinds)
    owed = {kind: fraction * count for kind, count in left.items()}
    chosen: list[list[int]] = []

    def fits(counts: Counter[tuple[str, ...]], exactly: bool) -> bool:
        if any(count >= left[kind] for kind, count in counts.items()):
            return False
        if exactly:
            return all(count <= owed[kind] + 1e-9 for kind, count in counts.items())
        is_rounding = all(count < owed[kind] + 1 for kind, count in counts.items())
        # the sum of (owed - count)² would be less than that of owed²
        is_nearer = sum(count * (count - 2 * owed[kind]) for kind, count in counts.items()) < 0
        return counts.total() <= sum(owed.values()) + 0.5 and (is_rounding or is_nearer)

    waiting = [(part, Counter(kinds[i] for i in part)) for part in parts]
    for exactly in (True, False):
        skipped = []
        for part, counts in waiting:
            if fits(counts, exactly):
                chosen.append(part)
                left.subtract(counts)
                for kind, count in counts.items():
                    owed[kind] -= count
            else:
                skipped.append((part, counts))
        waiting = skipped
    return chosen
