"""Near-duplicates, exactly: all pairs of texts whose sets of three-word shingles overlap (Jaccard ≥ 0.8).

The method is the prefix filter of Chaudhuri et al. (2006) and Bayardo et al. (2007, "Scaling up all pairs
similarity search"): order the shingles of each text from rare to common; two texts can only be that similar
if the rarest fifth of one shares a shingle with the rarest fifth of the other. Unlike MinHash it misses no
pair, and it has no seed.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from math import ceil

import numpy as np

MANY = 10
# Chinese and Japanese write no spaces, so there each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def near_duplicates(texts: Sequence[str], *, threshold: float = 0.8) -> list[tuple[int, int, float]]:
    """Pairs `(i, j, similarity)`, i < j, of texts that nearly repeat each other, sorted.

    Upper and lower case, punctuation and white space do not count. Texts with the same shingles are each
    paired with the first of them only, and a text that already has `MANY` pairs gets another only where this joins two
    clusters: thousands of texts from one form letter give thousands of pairs, not millions. Of a text without any
    word ("!!!", "👍") the signs count.

    >>> near_duplicates(["the room was dirty and cold", "The room was dirty and cold!", "lovely"])
    [(0, 1, 1.0)]
    """
    sets, unshared = _shingle_ids(texts)
    first: dict[bytes, int] = {}
    pairs = []
    for i, shingles in enumerate(sets):
        if len(shingles) and (leader := first.setdefault(shingles.tobytes(), i)) != i:
            pairs.append((leader, i, 1.0))
    index: dict[int, list[int]] = {}
    parent = list(range(len(texts)))
    # Short texts first: then every candidate is the shorter one, and one bound on length is enough.
    for i in sorted(first.values(), key=lambda i: (len(sets[i]), i)):
        size, found = len(sets[i]), 0
        least = ceil(threshold * size - 1e-9)  # shared at least; 1e-9: rounding must not raise it
        prefix = [shingle for shingle in sets[i][: size - least + 1].tolist() if shingle >= unshared]
        candidates = {j for shingle in prefix for j in index.get(shingle, ()) if len(sets[j]) >= least}
        own = set(sets[i].tolist() if candidates else ())
        for j in sorted(candidates):
            if found >= MANY and (parent[j] == parent[i] or _root(parent, i) == _root(parent, j)):
                continue
            shared = len(own.intersection(sets[j].tolist()))  # for a few lines ten times as fast as numpy
            similarity = shared / (size + len(sets[j]) - shared)
            if similarity >= threshold:
                pairs.append((min(i, j), max(i, j), similarity))
                parent[_root(parent, i)] = _root(parent, j)
                found += 1
        # A longer text must share more of this one, eight ninths for 0.8, so a shorter prefix is enough here (Xiao et
        # al. 2008, PPJoin): letters that differ in a name or number, just below the threshold, never meet.
        least = ceil(2 * threshold / (1 + threshold) * size - 1e-9)
        for shingle in sets[i][: size - least + 1].tolist():
            if shingle >= unshared:
                index.setdefault(shingle, []).append(i)
    return sorted(pairs)


def clusters(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` items the smallest item that it is joined with, directly or through others.

    >>> clusters(4, [(0, 2), (2, 3)])
    [0, 1, 0, 0]
    """
    parent = list(range(count))
    for a, b in pairs:
        low, high = sorted((_root(parent, a), _root(parent, b)))
        parent[high] = low
    return [_root(parent, i) for i in range(count)]


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = i = parent[parent[i]]
    return i


def _shingle_ids(texts: Sequence[str]) -> tuple[list[np.ndarray], int]:
    """For each text its shingles as ascending numbers, and the first number that two texts may share.

    The rarer a shingle in all texts, the lower its number.
    """
    if not texts:
        return [], 0
    vocabulary: dict[str, int] = {}
    words = [
        [vocabulary.setdefault(w, len(vocabulary) + 1) for w in _WORD.findall(t.casefold()) or t.split()] for t in texts
    ]
    # A text of one or two words is padded, so that it too has a shingle: the whole text.
    words = [ids + [0] * (3 - len(ids)) if 0 < len(ids) < 3 else ids for ids in words]
    owner = np.repeat(np.arange(len(texts)), [len(ids) for ids in words])
    flat = np.fromiter(chain.from_iterable(words), dtype=np.uint64, count=len(owner))
    # Three word numbers of up to 21 bits (two million words) fit one 64-bit key without collisions.
    keys = (flat[:-2] << np.uint64(42)) | (flat[1:-1] << np.uint64(21)) | flat[2:]
    is_within = owner[:-2] == owner[2:]
    keys, owner = keys[is_within], owner[:-2][is_within]
    _, shingle, counts = np.unique(keys, return_inverse=True, return_counts=True)
    rank = np.empty_like(counts)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    # Sorting owner and rank as one number and dropping repeats is much faster than a Python set for each text.
    both = np.sort(owner * len(counts) + rank[shingle])
    both = both[np.diff(both, prepend=-1) > 0]
    owner, ids = np.divmod(both, max(len(counts), 1))
    sets = np.split(ids, np.searchsorted(owner, np.arange(1, len(texts))))
    return sets, int(np.count_nonzero(counts == 1))
