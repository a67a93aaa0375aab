"""Measures of one question (retrieval, answer, citations), and of refusing over many.

Pure functions with values from 0 to 1. A measure is nan where there is nothing to measure (no gold,
no items, no statements); `eval.statistics` leaves nan out, so that such a question does not count.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from assistant.text.sentences import split_sentences
from assistant.text.tokens import stems

Ranking = Sequence[Set[str]]
"""The gold keys (or any other keys) found at each rank, the best rank first."""

Supports = Callable[[str, str], bool]
"""Whether a premise, the first, supports a hypothesis, the second."""

LEXICAL_SUPPORT = 0.8
"""Share of a hypothesis' content words that its premise must hold; chosen, not fitted."""

_DOUBLE, _SINGLE, _HYPHENS, _BREAKS = "“”„‟«»", "‘’‚‛", "‐‑‒–", "—―…"
# In print, dashes and ellipses part words without spaces: removing them would join the words.
_UNPUNCTUATED = str.maketrans(
    dict.fromkeys(string.punctuation + _DOUBLE + _SINGLE + _HYPHENS, "")
    | dict.fromkeys(_BREAKS, " ")
)
_TYPEWRITTEN = str.maketrans(
    dict.fromkeys(_DOUBLE, '"')
    | dict.fromkeys(_SINGLE, "'")
    | dict.fromkeys(_HYPHENS + "—―", "-")
    | {"…": "..."}
)


def squeezed(text: str) -> str:
    """The text with every run of white space as a single space."""
    return " ".join(text.split())


def _typewritten(text: str) -> str:
    return squeezed(text.translate(_TYPEWRITTEN))


def article_ranking(article_ids: Iterable[str]) -> list[frozenset[str]]:
    """The ranking of distinct articles, each at the place of its best passage."""
    return [frozenset([article_id]) for article_id in dict.fromkeys(article_ids)]


def evidence_ranking(texts: Iterable[str], evidence: Iterable[str]) -> list[frozenset[str]]:
    """The ranking of passages: each holds the evidence strings that its text contains.

    White space is normalised, nothing else; evidence cut between two passages is in neither.
    """
    sought = {gold: squeezed(gold) for gold in evidence if gold.strip()}
    return [
        frozenset(gold for gold, flat in sought.items() if flat in text)
        for text in map(squeezed, texts)
    ]


def _first_ranks(ranking: Ranking, gold: Set[str]) -> list[int]:
    """The first rank, from 1, of each gold key that is found; ascending."""
    ranks: dict[str, int] = {}
    for rank, keys in enumerate(ranking, start=1):
        for key in keys & gold:
            ranks.setdefault(key, rank)
    return list(ranks.values())


def recall_at(ranking: Ranking, gold: Set[str], k: int) -> float:
    """``|gold found in the first k ranks| / |gold|``; nan without gold."""
    return sum(rank <= k for rank in _first_ranks(ranking, gold)) / len(gold) if gold else math.nan


def hit_at(ranking: Ranking, gold: Set[str], k: int) -> float:
    """1 if any gold is in the first k ranks, else 0 (also "success at k"); nan without gold."""
    return float(recall_at(ranking, gold, k) > 0) if gold else math.nan


def reciprocal_rank(ranking: Ranking, gold: Set[str]) -> float:
    """``1 / rank of the first gold``, 0 if none is found (Voorhees 1999); nan without gold."""
    return 1 / min(_first_ranks(ranking, gold), default=math.inf) if gold else math.nan


def ndcg_at(ranking: Ranking, gold: Set[str], k: int = 10) -> float:
    """Normalised discounted cumulative gain, ``DCG / ideal DCG`` (Järvelin & Kekäläinen 2002).

    ``DCG = Σ gain(rank) / log2(1 + rank)`` over the first k ranks; the gain is 1 where a gold key
    is found for the first time, else 0; the ideal has ``min(|gold|, k)`` ones. A rank that holds
    two new keys gains 1 all the same, so that the measure never passes 1. nan without gold.
    """
    if not gold:
        return math.nan
    gains = [1 / math.log2(1 + rank) for rank in range(1, k + 1)]
    found = {rank for rank in _first_ranks(ranking, gold) if rank <= k}
    return sum(gains[rank - 1] for rank in sorted(found)) / sum(gains[: len(gold)])


def normalise_answer(text: str) -> str:
    """Lower case without punctuation, articles and surplus white space.

    As the official SQuAD v1.1 script (Rajpurkar et al. 2016), which removes only ASCII punctuation;
    here printed quotation marks and hyphens go too, and a printed dash or ellipsis parts words.
    """
    bare = text.lower().translate(_UNPUNCTUATED)
    return squeezed(re.sub(r"\b(a|an|the)\b", " ", bare))


def exact_match(given: str, expected: Sequence[str]) -> float:
    """1 if the normalised answer equals any expected one, else 0 (SQuAD); see `token_f1`."""
    return float(normalise_answer(given) in (_normalised(expected) or [""]))


def token_f1(given: str, expected: Sequence[str]) -> float:
    """Best F1 of the bags of normalised words over the expected answers (SQuAD).

    ``F1 = 2PR / (P + R)``, P and R the shares of the given and the expected words that are common.
    As in SQuAD 2.0 (Rajpurkar et al. 2018), expected answers that normalise to nothing are left
    out, no expected answer means the empty one, and if a side is empty F1 is 1 if both are, else 0.
    """
    words = normalise_answer(given).split()
    return max(_bag_f1(words, other.split()) for other in _normalised(expected) or [""])


def _bag_f1(words: list[str], others: list[str]) -> float:
    if not words or not others:
        return float(words == others)
    return 2 * sum((Counter(words) & Counter(others)).values()) / (len(words) + len(others))


def rouge_l(given: str, reference: str) -> float:
    """ROUGE-L: ``F1 = 2 LCS / (m + n)``, LCS the longest common subsequence of words (Lin 2004).

    Words as in Google's rouge-score without stemming: runs of ``a-z0-9`` in lower case, so that
    other scripts have none. 0 if either side has no words. Takes m × n steps.
    """
    words, others = (re.findall("[a-z0-9]+", text.lower()) for text in (given, reference))
    if not words or not others:
        return 0.0
    return 2 * _common_subsequence(words, others) / (len(words) + len(others))


def _common_subsequence(words: list[str], others: list[str]) -> int:
    """The length of the longest common subsequence, by dynamic programming row by row."""
    row = [0] * (len(others) + 1)
    for word in words:
        above = row
        row = [0]
        for at, other in enumerate(others):
            row.append(above[at] + 1 if word == other else max(above[at + 1], row[at]))
    return row[-1]


def contains_answer(given: str, expected: Sequence[str]) -> float:
    """1 if an expected answer stands in the given one as whole words, both normalised, else 0.

    "Armenia" is not in "Armenia's", which normalises to "armenias". nan if nothing is expected.
    """
    return item_recall(given, [expected]) if _normalised(expected) else math.nan


def item_recall(given: str, items: Sequence[Sequence[str]]) -> float:
    """Share of items one of whose spellings stands in the answer as whole words, both normalised.

    As "EM recall" of ALCE (Gao et al. 2023, for ASQA), but by words. nan without items.
    """
    if not items:
        return math.nan
    words = f" {normalise_answer(given)} "
    found = [any(f" {spelling} " in words for spelling in _normalised(item)) for item in items]
    return sum(found) / len(found)


def _normalised(answers: Sequence[str]) -> list[str]:
    """The normalised answers, without empty ones."""
    if isinstance(answers, str):  # a string is also a sequence of strings: its letters
        raise TypeError(f"a sequence of answers is needed, not one: {answers!r}")
    return [normal for normal in map(normalise_answer, answers) if normal]


@dataclass(frozen=True)
class Statement:
    """One sentence of an answer and the texts cited for it."""

    text: str
    cited: tuple[str, ...]


def citation_recall(statements: Sequence[Statement], supports: Supports) -> float:
    """Share of statements that their citations together support (ALCE, Gao et al. 2023).

    A statement without citations is unsupported. nan without statements.
    """
    supported = [_is_supported(statement, supports) for statement in statements]
    return sum(supported) / len(supported) if supported else math.nan


def citation_precision(statements: Sequence[Statement], supports: Supports) -> float:
    """Share of citations that are precise (ALCE, Gao et al. 2023).

    A citation is precise when its statement is supported by all its citations together, and the
    citation supports it alone or the rest no longer does. nan without statements; 0 if there are
    statements but no citations, as in ALCE's own script.
    """
    if not statements:
        return math.nan
    cited = sum(len(statement.cited) for statement in statements)
    return sum(_precise_citations(statement, supports) for statement in statements) / max(cited, 1)


def _is_supported(statement: Statement, supports: Supports) -> bool:
    return bool(statement.cited) and supports("\n".join(statement.cited), statement.text)


def _precise_citations(statement: Statement, supports: Supports) -> int:
    if not _is_supported(statement, supports):
        return 0
    cited, text = statement.cited, statement.text
    if len(cited) == 1:  # it was just judged, and a judge may be a large model
        return 1
    rests = ["\n".join(cited[:at] + cited[at + 1 :]) for at in range(len(cited))]
    return sum(
        supports(one, text) or not supports(rest, text)
        for one, rest in zip(cited, rests, strict=True)
    )


def verbatim_support(premise: str, hypothesis: str, *, threshold: float = LEXICAL_SUPPORT) -> bool:
    """Whether every sentence of the hypothesis stands in the premise: the judge without a model.

    Quotation marks, dashes and white space are normalised. Failing that, at least `threshold` of
    the stems of the hypothesis' content words must be in the premise: a lexical proxy, not
    entailment, which misses paraphrase and is blind to negation and to who did what to whom; a
    threshold above 1 turns it off. An empty hypothesis is not supported.
    """
    text = _typewritten(premise)
    sentences = [hypothesis[start:end] for start, end in split_sentences(hypothesis)]
    if sentences and all(_typewritten(sentence) in text for sentence in sentences):
        return True
    sought = stems(hypothesis)
    return bool(sought) and len(set(sought) & set(stems(premise))) >= threshold * len(sought)


def quotes_exact(text: str, start: int, end: int, quote: str) -> bool:
    """Whether the quote stands at the offsets; an empty quote never does."""
    return 0 <= start < end <= len(text) and text[start:end] == quote


def evidence_hit(quotes: Sequence[str], evidence: Sequence[str]) -> float:
    """Share of evidence strings that hold a quote or are held by one, white space normalised.

    A partial overlap counts for nothing, a short quote inside long evidence in full. nan without
    evidence.
    """
    said = [flat for quote in quotes if (flat := squeezed(quote))]
    sought = [flat for gold in evidence if (flat := squeezed(gold))]
    held = [any(gold in quote or quote in gold for quote in said) for gold in sought]
    return sum(held) / len(held) if held else math.nan


@dataclass(frozen=True)
class RefusalPoint:
    """The rates when every question that scores below the threshold is refused."""

    threshold: float
    """Infinity refuses every question."""
    precision: float
    """Share of the refused that are unanswerable; nan if none is refused."""
    recall: float
    """Share of the unanswerable that are refused: 1 - `false_answer_rate`."""
    false_answer_rate: float
    false_refusal_rate: float


def false_answer_rate(answered: ArrayLike, answerable: ArrayLike) -> float:
    """Share of the unanswerable questions that were answered; nan if none is unanswerable."""
    return _share(np.asarray(answered, bool)[~np.asarray(answerable, bool)])


def false_refusal_rate(answered: ArrayLike, answerable: ArrayLike) -> float:
    """Share of the answerable questions that were refused; nan if none is answerable."""
    return _share(~np.asarray(answered, bool)[np.asarray(answerable, bool)])


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under the ROC curve: P(a positive scores above a negative), ties counting one half.

    The Mann–Whitney statistic over its maximum (Hanley & McNeil 1982). nan if a class is empty.

    Args:
        scores: the higher the more likely positive; not nan.
        labels: whether positive; of a refusal score, whether answerable.
    """
    values, positive = _scores(scores), np.asarray(labels, bool)
    above, below = values[positive], np.sort(values[~positive])
    if not above.size or not below.size:
        return math.nan
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.sum() / 2 / (above.size * below.size))


def refusal_curve(scores: ArrayLike, labels: ArrayLike) -> list[RefusalPoint]:
    """The rates at every possible threshold: each distinct score, ascending, then infinity.

    Args:
        scores: confidence that the question can be answered; not nan.
        labels: whether it is answerable.
    """
    values, answerable = _scores(scores), np.asarray(labels, bool)
    return [
        _refusal_point(float(threshold), values >= threshold, answerable)
        for threshold in [*np.unique(values), math.inf]
    ]


def _refusal_point(threshold: float, answered: np.ndarray, answerable: np.ndarray) -> RefusalPoint:
    answers = false_answer_rate(answered, answerable)
    refusals = false_refusal_rate(answered, answerable)
    return RefusalPoint(threshold, _share(~answerable[~answered]), 1 - answers, answers, refusals)


def _scores(scores: ArrayLike) -> np.ndarray:
    values = np.asarray(scores, float)
    if np.isnan(values).any():
        raise ValueError("a score is nan, which is neither above nor below another")
    return values
