"""Similarity of texts: shingles, and the MinHash buckets that similar texts share.

Broder 1997, "On the resemblance and containment of documents"; experiments and measurements are in
eval/LOG.md, 2026-11-25. The adapter of datasketch.
"""

import re
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from assistant.text.tokens import fold, words

Shingles = NDArray[np.uint64]

SHINGLE_WORDS = 3
"""Words of a shingle. A reprint with one word in twelve exchanged shares 0.69 of its shingles of 5
words and 0.81 of those of 3; different articles share equally few of either."""

SHINGLE_CHARACTERS = 5
"""Characters of a shingle in scripts without spaces, whose words have about two characters."""

BANDS, ROWS = 32, 2
"""Buckets of an article, and minima of permutations in the key of each. They find 0.994 of the
reprints that `SHARED` accepts (24 buckets 0.989, 64 0.998). With three minima in a key, 42 buckets
miss an eighth of the reprints that were cut to less than half."""

FEW_SHINGLES = 30
"""A text with fewer is a copy only of an equally short one: any long text may contain it."""

NEAR_DUPLICATE = 0.85
"""Jaccard similarity of the words of two passages, or sentences, that say nearly the same."""

HASHED_AT_ONCE = 20_000
"""Shingles of a text that are hashed at once, in 10 MB of memory; a book has a million."""

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana and Chinese characters."""

_CHARACTER = re.compile(f"[{_UNSPACED}]")
_UNIT = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def units(text: str) -> list[str]:
    """The folded words of a text in order; in scripts without spaces, its characters."""
    return _UNIT.findall(fold(text))


def shingles(text: str) -> Shingles:
    """Sorted hashes of a text's distinct shingles; a text shorter than a shingle has one hash."""
    found = units(text)
    if not found:
        return np.zeros(0, dtype=np.uint64)
    unspaced = sum(1 for unit in found if _CHARACTER.fullmatch(unit)) if max(text) > "\u0e00" else 0
    length = SHINGLE_CHARACTERS if 2 * unspaced > len(found) else SHINGLE_WORDS
    length = min(length, len(found))
    hashes = np.array([crc32(unit.encode("utf-8", "surrogatepass")) for unit in found], np.uint64)
    mixed = np.zeros(len(found) - length + 1, dtype=np.uint64)
    for offset in range(length):
        mixed = _mixed(mixed + hashes[offset : offset + len(mixed)])
    return np.unique(mixed)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values * _FACTOR
    return np.asarray(values ^ (values >> np.uint64(29)), dtype=np.uint64)


def similarity(one: Shingles, other: Shingles) -> float:
    """Share of the shorter text's shingles that are in the longer, 0 to 1.

    Containment, because a reprint is often cut short or part of a longer report. Where the shorter
    text has fewer than `FEW_SHINGLES`, their Jaccard similarity.
    """
    both = len(np.intersect1d(one, other, assume_unique=True))
    shorter = min(len(one), len(other))
    all_of_them = shorter if shorter >= FEW_SHINGLES else len(one) + len(other) - both
    return both / max(all_of_them, 1)


def buckets(found: Shingles) -> list[int]:
    """The buckets of a text: `BANDS` signed 64-bit integers, or none for a text without words."""
    if not len(found):
        return []
    from datasketch import MinHash  # takes half a second; only indexing needs it

    sketch = MinHash(BANDS * ROWS, hashfunc=int, scheme="affine64")
    for start in range(0, len(found), HASHED_AT_ONCE):
        sketch.update_batch(found[start : start + HASHED_AT_ONCE].tolist())
    keys = np.arange(BANDS, dtype=np.uint64)
    for row in sketch.hashvalues.astype(np.uint64).reshape(BANDS, ROWS).T:
        keys = _mixed(keys + row)
    return [int(key) for key in keys.view(np.int64)]


def near_duplicates(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two passages with these words say nearly the same: by their Jaccard similarity."""
    # The sizes alone bound the similarity, which spares most intersections.
    smaller, larger = sorted((len(one), len(other)))
    if smaller < NEAR_DUPLICATE * larger:
        return False
    return len(one & other) / max(len(one | other), 1) >= NEAR_DUPLICATE


def nearly_same(text: str, other: str) -> bool:
    """Whether two sentences say nearly the same; see `near_duplicates`."""
    return near_duplicates(frozenset(words(text)), frozenset(words(other)))
