"""Two runs of the same questions, measure by measure and question by question."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.datasets import UNANSWERABLE
from eval.glossary import LOWER_IS_BETTER, MEASURED, RIGHT
from eval.measures import auroc
from eval.statistics import Difference, bootstrap_statistic, paired_bootstrap

AUROC = "refusal AUROC"


@dataclass(frozen=True)
class Flip:
    """A question that is right in one run only."""

    id: str
    text: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What the second run gains over the first."""

    differences: dict[str, Difference]
    gained: tuple[Flip, ...]
    lost: tuple[Flip, ...]
    only_in_one: int
    """Number of questions that only one of the runs asked."""


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> Comparison:
    """Compares the questions that both runs asked; `first` is the older one."""
    before = {question["id"]: question for question in first["questions"]}
    after = {question["id"]: question for question in second["questions"]}
    common = [identity for identity in before if identity in after]
    pairs = [(before[identity], after[identity]) for identity in common]
    differences = {}
    for name in MEASURED:
        both = [(_value(a, name), _value(b, name)) for a, b in pairs]
        known = [(a, b) for a, b in both if a is not None and b is not None]
        if known:
            differences[name] = paired_bootstrap(*zip(*known, strict=True))
    both_answered = [(a, b) for a, b in pairs if a["answer"] and b["answer"]]
    if len({_answerable(a) for a, _ in both_answered}) == 2:
        differences[AUROC] = _auroc_difference(both_answered)
    flips = [
        Flip(a["id"], a["text"], a["outcome"], b["outcome"])
        for a, b in pairs
        if (a["outcome"] in RIGHT) != (b["outcome"] in RIGHT)
    ]
    return Comparison(
        differences,
        tuple(flip for flip in flips if flip.after in RIGHT),
        tuple(flip for flip in flips if flip.before in RIGHT),
        len(before.keys() ^ after.keys()),
    )


def _answerable(question: Mapping[str, Any]) -> bool:
    return not question["kind"].startswith(UNANSWERABLE)


def _auroc_difference(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Difference:
    """The gain in AUROC, which is of all questions together: the bootstrap draws whole questions.

    The p-value is that of a normal deviate with the spread of the bootstrap; all count as ties.
    """
    first = [a["answer"]["confidence"] for a, _ in pairs]
    second = [b["answer"]["confidence"] for _, b in pairs]
    labels = [_answerable(a) for a, _ in pairs]
    found = bootstrap_statistic(
        lambda a, b, known: auroc(b, known) - auroc(a, known), first, second, labels, resamples=500
    )
    error = (found.high - found.low) / 3.92  # 95 % of a normal distribution
    p_value = math.erfc(abs(found.mean) / error / math.sqrt(2)) if error else 1.0
    count = len(pairs)
    return Difference(found.mean, found.low, found.high, p_value, 0, 0, count, count)


def _value(question: Mapping[str, Any], name: str) -> float | None:
    """A measure of one question; the rates over all questions are means of these."""
    answer = question["answer"]
    answerable = _answerable(question)
    if name in LOWER_IS_BETTER:
        if answer is None or answerable != (name == "false-refusal rate"):
            return None
        return float(answer["answered"] != answerable)
    value: float | None = question["measures"].get(name)
    return value
