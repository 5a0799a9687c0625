"""Near-duplicates, exactly: all pairs of texts whose sets of three-word shingles overlap (Jaccard ≥ 0.8).

The method is the prefix filter of Chaudhuri et al. (2006) and Bayardo et al. (2007, "Scaling up all pairs
similarity search"): order the shingles of each text from rare to common; two texts can only be that similar
if the rarest fifth of one shares a shingle with the rarest fifth of the other. Unlike MinHash it misses no
pair, and it has no seed. A shingle that stands in one text only is counted and then forgotten, so a million
texts need about 15 bytes for each of their words and no Python set.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

MANY = 10
_AT_ONCE = 20_000  # texts whose words are in memory at the same time
_PARTS = 8  # of the shingles, sorted one after the other
_FACTORS = [np.uint64(factor) for factor in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)]  # odd
# Chinese and Japanese write no spaces, so there each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """The words that are compared: lower case, without punctuation; of a text without any word, its signs.

    >>> words("The ROOM, please!"), words("!!!")
    (['the', 'room', 'please'], ['!!!'])
    """
    return _WORD.findall(text.casefold()) or text.split()


def near_duplicates(
    texts: Sequence[str], *, threshold: float = 0.8, within: Sequence[int] | None = None
) -> list[tuple[int, int, float]]:
    """Pairs `(i, j, similarity)`, i < j, of texts that nearly repeat each other, sorted.

    Upper and lower case, punctuation and white space do not count. Texts with the same shingles are each
    paired with the first of them only, and a text that already has `MANY` pairs gets another only where this joins two
    clusters: thousands of texts from one form letter give thousands of pairs, not millions. Of a text without any
    word ("!!!", "👍") the signs count.

    Args:
        texts: what is compared.
        threshold: the least similarity of a pair, above 0 and up to 1.
        within: a number for each text; texts with different numbers are never a pair.

    >>> near_duplicates(["the room was dirty and cold", "The room was dirty and cold!", "lovely"])
    [(0, 1, 1.0)]
    """
    sizes, starts, ids = _shared_shingles(texts, within)
    counts = np.diff(starts)
    first: dict[bytes, int] = {}
    is_compared = counts > 0
    pairs = []
    for i in np.flatnonzero((counts == sizes) & (counts > 0)).tolist():  # a shingle of its own has no twin
        if (leader := first.setdefault(ids[starts[i] : starts[i + 1]].tobytes(), i)) != i:
            pairs.append((leader, i, 1.0))
            is_compared[i] = False
    index: dict[int, list[int]] = {}
    parent = list(range(len(texts)))
    least = np.ceil(threshold * sizes - 1e-9).astype(int)  # shared at least; 1e-9: rounding must not raise it
    # A longer text must share more of this one, eight ninths for 0.8, so a shorter prefix is enough in the index (Xiao
    # et al. 2008, PPJoin): letters that differ in a name or number, just below the threshold, never meet.
    least_of_longer = np.ceil(2 * threshold / (1 + threshold) * sizes - 1e-9).astype(int)
    # Rare shingles come first, so those of one text only are a part of the prefix that needs no look-up.
    prefix = (counts - least + 1).tolist()
    indexed = (counts - least_of_longer + 1).tolist()
    order = np.lexsort((np.arange(len(sizes)), sizes))
    size, least, starts = sizes.tolist(), least.tolist(), starts.tolist()
    # Short texts first: then every candidate is the shorter one, and one bound on length is enough.
    for i in order[is_compared[order]].tolist():
        if prefix[i] <= 0:
            continue
        shingles = ids[starts[i] : starts[i + 1]].tolist()
        found = 0
        candidates = {j for shingle in shingles[: prefix[i]] for j in index.get(shingle, ()) if size[j] >= least[i]}
        own = set(shingles if candidates else ())
        for j in sorted(candidates):
            if found >= MANY and (parent[j] == parent[i] or _root(parent, i) == _root(parent, j)):
                continue
            shared = len(own.intersection(ids[starts[j] : starts[j + 1]].tolist()))  # ten times as fast as numpy here
            similarity = shared / (size[i] + size[j] - shared)
            if similarity >= threshold:
                pairs.append((min(i, j), max(i, j), similarity))
                parent[_root(parent, i)] = _root(parent, j)
                found += 1
        for shingle in shingles[: max(0, indexed[i])]:
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


def _shared_shingles(texts: Sequence[str], within: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sizes, starts, ids): how many shingles each text has, and those that others have, too.

    `ids[starts[i]:starts[i + 1]]` are the shared ones of text i, ascending; the rarer in all texts, the lower.
    """
    owners, hashes = [np.zeros(0, np.int32)], [np.zeros(0, np.uint64)]
    for some_owners, some_hashes in _hashed_shingles(texts, within):
        owners.append(some_owners)
        hashes.append(some_hashes)
    owner = np.concatenate(owners)
    owners.clear()  # of a million texts each list holds hundreds of megabytes
    keys = np.concatenate(hashes)
    hashes.clear()
    sizes = np.zeros(len(texts), dtype=np.int64)
    owners, shingles, counts = [], [], [np.zeros(0, np.int64)]
    width = 2**64 // _PARTS
    for part in range(_PARTS):
        here = np.flatnonzero((keys >= part * width) & (keys <= (part + 1) * width - 1))
        here = here[np.argsort(keys[here])]
        is_new = np.diff(keys[here], prepend=~keys[here[:1]]) != 0
        count = np.diff(np.flatnonzero(np.append(is_new, True)))
        is_shared = np.repeat(count > 1, count)
        sizes += np.bincount(owner[here[~is_shared]], minlength=len(sizes))
        known = sum(map(len, counts))
        count = count[count > 1]
        owners.append(owner[here[is_shared]])
        shingles.append(np.repeat(np.arange(known, known + len(count)), count))
        counts.append(count)
    del keys, owner
    counts = np.concatenate(counts)
    rank = np.empty_like(counts)
    rank[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    # Sorting owner and rank as one number and dropping repeats is much faster than a Python set for each text.
    both = np.sort(np.concatenate(owners).astype(np.int64) * len(counts) + rank[np.concatenate(shingles)])
    both = both[np.diff(both, prepend=-1) > 0]
    owner, ids = np.divmod(both, max(len(counts), 1))
    sizes += np.bincount(owner, minlength=len(sizes))
    return sizes, np.searchsorted(owner, np.arange(len(texts) + 1)), ids.astype(np.int32)


def _hashed_shingles(texts: Sequence[str], within: Sequence[int] | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The number of its text and a 64-bit hash for each shingle, some texts at a time.

    That two of 33 million shingles (a million texts) have the same hash has a chance of 1 in 30,000.
    """
    a, b, c = _FACTORS
    for start in range(0, len(texts), _AT_ONCE):
        hashes, counts = array("q"), []
        for text in texts[start : start + _AT_ONCE]:
            found = words(text)
            if 0 < len(found) < 3:  # padded, so that it too has a shingle: the whole text
                found += [""] * (3 - len(found))
            hashes.extend(map(hash, found))
            counts.append(len(found))
        flat = np.array(hashes, dtype=np.int64).view(np.uint64)
        owner = np.repeat(np.arange(start, start + len(counts), dtype=np.int32), counts)
        is_inside = owner[:-2] == owner[2:]
        owner, keys = owner[:-2][is_inside], (flat[:-2] * a + flat[1:-1] * b + flat[2:])[is_inside]
        if within is not None:
            keys += np.asarray(within[start : start + _AT_ONCE], dtype=np.uint64)[owner - start] * c
        yield owner, keys
