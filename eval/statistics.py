"""Bootstrap intervals of means over questions, and whether one system beats another.

A question is drawn with all its measures. Equal seeds give equal results. nan, the value where
there was nothing to measure, is left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
RESAMPLES = 2_000
"""Twice the minimum that Efron & Tibshirani (1993) advise for the ends of an interval."""

ROUNDING = 1e-12
"""How far apart two means of the same differences may be when these are added in another order."""


@dataclass(frozen=True)
class Interval:
    """The mean of a sample of questions, and where that of all such questions may lie."""

    mean: float
    """From `bootstrap_statistic`, the statistic of the sample."""
    low: float
    high: float
    count: int
    """Number of questions measured."""


@dataclass(frozen=True)
class Difference:
    """What b gains over a, question by question."""

    difference: float
    """Mean of b minus mean of a."""
    low: float
    high: float
    p_value: float
    """Two-sided; never 0, and nan with fewer than two questions."""
    wins: int
    """Number of questions on which b is higher."""
    losses: int
    ties: int
    count: int


def bootstrap_interval(
    values: ArrayLike, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean with its percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    Too narrow for few values, and without width if all are equal. nan without values.
    """
    known = _known(np.asarray(values, float))
    means = _resampled_means(known, resamples, seed)
    return Interval(_mean(known), *_ends(means, level), known.size)


def bootstrap_statistic(
    statistic: Callable[..., float],
    *columns: ArrayLike,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """A statistic of whole rows (an AUROC, a rate) with its percentile bootstrap interval.

    Resamples in which the statistic is nan, as an AUROC with one class only, are skipped. nan in
    the columns is left to the statistic.

    Args:
        statistic: takes as many arrays as there are columns.
        columns: arrays of equal length, a row per question.
    """
    arrays = [np.asarray(column) for column in columns]
    count = len(arrays[0])
    if any(len(array) != count for array in arrays):
        raise ValueError(f"columns differ in length: {[len(array) for array in arrays]}")
    drawn = [statistic(*(a[rows] for a in arrays)) for rows in _rows(count, resamples, seed)]
    return Interval(float(statistic(*arrays)), *_ends(_known(np.array(drawn, float)), level), count)


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """How b differs from a on the same questions; pairs with a nan are left out.

    The p-value is the achieved significance level of the bootstrap shift method (Efron &
    Tibshirani 1993, ch. 16; Smucker et al. 2007 compare it with its rivals for retrieval): the
    differences are moved to mean 0, and ``p = (1 + #{|mean*| ≥ |mean|}) / (resamples + 1)``.
    Differences that are all equal have no spread and get the lowest possible p, however few they
    are: read `wins` and `losses` beside it.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    if first.shape != second.shape:
        raise ValueError(f"pairs need equal lengths, got {first.size} and {second.size}")
    gains = _known(second - first)
    mean, means = _mean(gains), _resampled_means(gains, resamples, seed)
    extreme = int((np.abs(means - mean) >= abs(mean) - ROUNDING).sum())
    return Difference(
        mean,
        *_ends(means, level),
        p_value=(1 + extreme) / (resamples + 1) if gains.size > 1 else math.nan,
        wins=int((gains > 0).sum()),
        losses=int((gains < 0).sum()),
        ties=int((gains == 0).sum()),
        count=gains.size,
    )


def percentile(values: ArrayLike, q: float) -> float:
    """The nearest-rank percentile: the lowest value that at least q percent do not exceed.

    Always one of the values, never between two: that of rank ``⌈q · n / 100⌉``, or of rank 1 if q
    is 0. nan without values.
    """
    if not 0 <= q <= 100:
        raise ValueError(f"a percentile is between 0 and 100, got {q}")
    known = np.sort(_known(np.asarray(values, float)))
    return float(known[max(math.ceil(q * known.size / 100), 1) - 1]) if known.size else math.nan


def _rows(count: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """For each resample, `count` row numbers drawn with replacement; no resamples without rows."""
    shape = (resamples, count) if count else (0, 0)
    return np.random.default_rng(seed).integers(0, max(count, 1), shape)


def _resampled_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    if not values.size:  # the mean of nothing would warn
        return values
    return np.asarray(values[_rows(values.size, resamples, seed)].mean(axis=1))


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.extract(~np.isnan(values), values)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _ends(draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The ends of the middle `level` of the draws; nan without draws."""
    if not draws.size:
        return math.nan, math.nan
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
