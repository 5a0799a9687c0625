"""Scores with their uncertainty: bootstrap intervals over test rows and training runs, differences, and their wording.

Every score is a formula over sums of rows (span F1: over the right, wrong and missed phrases of each answer). So one
bootstrap serves all of them: draw rows with replacement, add them up, apply the formula. `scipy.stats.bootstrap` does
the same for one sample (the tests compare), but not for rows and runs at once, and it is certain where all rows are
alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

RESAMPLES = 2_000
LEVEL = 0.95


@dataclass(frozen=True)
class Score:
    """One score of n answers, or of n answers of each of several training runs.

    Attributes:
        rows: shape (n, k) or (runs, n, k), what each answer adds to k sums.
        formula: makes sums of shape (..., k) into scores of shape (...).
    """

    rows: np.ndarray
    formula: Callable[[np.ndarray], np.ndarray]

    @property
    def value(self) -> float:
        return float(self.formula(self.rows.reshape(-1, self.rows.shape[-1]).sum(axis=0)))


@dataclass(frozen=True)
class Interval:
    """A score or a difference with its 95 % interval; prints as `0.93 [0.88, 0.97]`, unpacks into its three numbers."""

    value: float
    low: float
    high: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.value, self.low, self.high))

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"

    @property
    def signed(self) -> str:
        """A difference: `+0.02 [-0.05, 0.09]`."""
        return f"{self.value:+.2f} [{self.low:.2f}, {self.high:.2f}]"


def share(flags: Sequence[float]) -> Score:
    """The mean of one number per row, such as the share of rows where something holds."""
    return quotient([(float(flag), 1.0) for flag in flags])


def quotient(rows: Sequence[Sequence[float]]) -> Score:
    """A sum in a sum: of each row its part and its whole, such as its loss and its tokens; 0/0 is 0.

    Args:
        rows: n pairs (part, whole). A row of (0, 0) has no part in the score.
    """
    return Score(np.array(rows, dtype=float).reshape(-1, 2), lambda sums: ratio(sums[..., 0], sums[..., 1]))


def over_runs(scores: Sequence[Score]) -> Score:
    """One score out of those of several training runs on the same test rows; its interval covers both kinds of chance.

    Raises:
        ValueError: no runs, or runs with different numbers of rows.
    """
    sizes = sorted({len(score.rows) for score in scores})
    if len(sizes) != 1:
        raise ValueError(f"runs with {sizes or 'no'} rows make no score; score one run or more on the same test rows")
    return Score(np.stack([score.rows for score in scores]), scores[0].formula)


def bootstrap(score: Score, *, seed: int = 0) -> Interval:
    """The score with its 95 % percentile bootstrap interval over rows (Efron and Tibshirani 1993, chapter 13).

    With several runs, rows and runs are drawn independently (Owen 2007, "The pigeonhole bootstrap"), of r runs r - 1 at
    a time, which keeps the variance of so few unbiased (McCarthy and Snowden 1985). Two or three runs still say little
    about the next one: where runs differ by more than the chance of rows explains, the intervals are too short (with a
    standard deviation of 0.2 between runs, two runs cover the truth four times in five), so look at each run, too.

    Raises:
        ValueError: a score of no rows.
    """
    draws = score.formula(_drawn_sums(score, seed))
    return _interval(score.value, draws, rows=_rows_that_count(score), lowest=0.0)


def paired_bootstrap(base: Score, tuned: Score, *, seed: int = 0) -> Interval:
    """The difference tuned − base on the same rows: each draw takes the same rows, and the same runs, of both.

    Raises:
        ValueError: scores of different numbers of rows or runs, which can't be pairs, or of no rows.
    """
    if base.rows.shape[:-1] != tuned.rows.shape[:-1]:
        sizes = [" × ".join(map(str, score.rows.shape[:-1])) for score in (base, tuned)]
        raise ValueError(f"{sizes[0]} and {sizes[1]} rows are not pairs; score both on the same rows and seeds")
    draws = tuned.formula(_drawn_sums(tuned, seed)) - base.formula(_drawn_sums(base, seed))
    rows = min(_rows_that_count(base), _rows_that_count(tuned))
    return _interval(tuned.value - base.value, draws, rows=rows, lowest=-1.0)


def in_words(difference: Interval, *, small: float = 0.05) -> str:
    """What may be said of a difference of two scores from 0 to 1, and no more.

    Args:
        small: a difference that nobody would care about. 0.05 is five points of a hundred.

    >>> in_words(Interval(0.124, 0.05, 0.2))
    'higher by 12 points [+5, +20]'
    >>> in_words(Interval(-0.02, -0.09, 0.04))
    'not settled: -2 points [-9, +4]'
    >>> in_words(Interval(0.0, -0.03, 0.03))
    'the same within 5 points: +0 points [-3, +3]'
    """
    points, low, high = (round(part * 100) for part in (difference.value, difference.low, difference.high))
    size = f"[{low:+}, {high:+}]"
    if difference.low > 0 or difference.high < 0:
        return f"{'higher' if difference.low > 0 else 'lower'} by {abs(points)} points {size}"
    known = max(-difference.low, difference.high) < small
    verdict = f"the same within {small * 100:.0f} points" if known else "not settled"
    return f"{verdict}: {points:+} points {size}"


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, with 0 for 0/0, as in scikit-learn."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=np.asarray(whole) != 0)


def _drawn_sums(score: Score, seed: int) -> np.ndarray:
    """The sums of each resample, shape (RESAMPLES, k)."""
    if not score.rows.size:
        raise ValueError("a score of 0 rows has no interval; score at least one row")
    rows = score.rows.reshape(-1, *score.rows.shape[-2:])
    runs, n, _ = rows.shape
    by_run = _weights(n, n, seed) @ rows  # (runs, RESAMPLES, k)
    return by_run[0] if runs == 1 else np.einsum("dr,rdk->dk", _weights(runs, runs - 1, seed + 1), by_run)


@lru_cache(maxsize=8)  # the scores of one test set all draw the same rows
def _weights(of: int, drawn: int, seed: int) -> np.ndarray:
    """How often each one of `of` is drawn in each resample, shape (RESAMPLES, of)."""
    return np.random.default_rng(seed).multinomial(drawn, np.full(of, 1 / of), size=RESAMPLES).astype(float)


def _rows_that_count(score: Score) -> int:
    """Rows that add anything: to precision, an answer without phrases adds nothing. At least 1."""
    counts = score.rows.any(axis=-1)  # (n,) or (runs, n)
    return max(1, int(counts.reshape(-1, counts.shape[-1]).any(axis=0).sum()))


def _interval(value: float, draws: np.ndarray, *, rows: int, lowest: float) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    if high - low < 1e-9:
        # Rows that are all alike leave resampling without doubt, but for rounding and the rare draw of no row that
        # counts. n rows all right are still what a model that errs on a share p of them shows with probability
        # (1 − p)^n, so doubt as much as that (Clopper and Pearson 1934).
        doubt = 1 - tail ** (1 / rows)
        low, high = max(lowest, low - doubt), min(1.0, high + doubt)
    return Interval(value, float(low), float(high))
