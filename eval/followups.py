"""How near the rules alone come to what people write when they make a follow-up stand alone.

Without articles nothing can choose between the candidate rewrites that
`assistant.retrieval.followups` proposes: the first after the question as typed is taken. What
choosing adds is measured on the bundled conversations, as the "follow-up MRR".
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.errors import CorpusError
from assistant.models.embedding import SentenceEmbedder
from assistant.retrieval import followups
from assistant.schema import Turn
from eval.measures import token_f1
from eval.run import SIMILARITY_MODEL
from eval.statistics import Interval, bootstrap_interval

FILE = "followups.jsonl.gz"


@dataclass(frozen=True)
class FollowUp:
    """A question in its conversation, and the stand-alone question a person made of it."""

    question: str
    turns: tuple[Turn, ...]
    rewrite: str


def read(folder: Path) -> Iterator[FollowUp]:
    """The follow-ups of a data set with a history.

    Raises:
        CorpusError: the folder holds none.
    """
    path = folder / FILE
    if not path.is_file():
        raise CorpusError(folder, f"holds no {FILE}", "name the folder of the follow-ups")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for record in map(json.loads, file):
            turns = _turns(record["history"])
            if turns:
                yield FollowUp(record["question"], turns, record["rewrite"])


def _turns(history: list[dict[str, str]]) -> tuple[Turn, ...]:
    """Each question with its reply; the topic of a conversation counts as its first question."""
    topic = " ".join(one["text"] for one in history if one["role"] == "topic")
    turns = [Turn(topic)] if topic else []
    for one in history:
        if one["role"] == "user":
            turns.append(Turn(one["text"]))
        elif one["role"] == "assistant" and turns:
            turns[-1] = Turn(turns[-1].question, one["text"])
    return tuple(turns)


def rewritten(followup: FollowUp) -> str:
    """The candidate rewrite that the rules rank first."""
    return followups.candidate_rewrites(followup.question, followup.turns)[:2][-1]


def measure(folder: Path) -> dict[str, tuple[Interval, Interval]]:
    """For each way to rewrite, its mean cosine and token F1 against what people wrote."""
    asked = list(read(folder))
    ways = {
        "as typed": [one.question for one in asked],
        "the question before and this one": [
            f"{one.turns[-1].question} {one.question}" for one in asked
        ],
        "rules": [rewritten(one) for one in asked],
    }
    embedder = SentenceEmbedder(SIMILARITY_MODEL)
    wanted = embedder.encode([one.rewrite for one in asked])
    found = {}
    for way, texts in ways.items():
        cosines = (embedder.encode(texts) * wanted).sum(axis=1)
        f1 = [token_f1(t, (one.rewrite,)) for t, one in zip(texts, asked, strict=True)]
        found[way] = bootstrap_interval(np.asarray(cosines, float)), bootstrap_interval(f1)
    return found
