"""Fits how the reader's scores and a sentence's words tell whether a passage supports it.

Sentences are made of the questions and answers of texts that the reader never saw: "Who found it?"
and "Ann" give "Ann found it". A passage supports it when the answer is the right one and its
sentence is there. It does not when the answer is another of the passage's, when another name,
number or opposite is said, when the answering sentence is taken out, and when it is the passage of
another text that has the most of the sentence's words.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from assistant.answering.verification.entailment import (
    ENTAILMENT_FEATURES,
    LEXICAL,
    ReaderEntailment,
)
from assistant.corpus.chunking import cut_passages
from assistant.models.cross_encoder import CrossEncoder
from assistant.models.logistic import LogisticModel
from assistant.schema import Article, Passage
from assistant.text.names import names_of
from assistant.text.sentences import sentences_of
from assistant.text.tokens import stems
from eval.measures import auroc
from eval.training.calibrate import fit
from eval.training.examples import Question, held_out, read, swap_detail

SEED = 5
QUESTIONS = 1200
PASSAGE_WORDS = 150
FOLDS = 5
WEAK = 0.05
"""Share of supported sentences that may be called weak: a mark at every fifth says nothing."""


@dataclass(frozen=True)
class Pair:
    """A sentence and a passage that supports it or does not."""

    article: str
    kind: str
    sentence: str
    passage: str

    @property
    def supported(self) -> bool:
        return self.kind == "supported"


def declarative(question: str, answer: str) -> str:
    """The question as a statement, by plain replacement: "When did it begin?", "2019" give "It
    begin 2019".
    """
    asked = " ".join(question.split()).rstrip("?. ")
    asked = re.sub(r"\b(?:did|does|do) ", "", asked, count=1, flags=re.IGNORECASE)
    for opening in (r"how (?:many|much)", r"who(?:m|se)?", r"what", r"which"):
        made, count = re.subn(rf"\b{opening}\b", lambda _: answer, asked, count=1, flags=re.I)
        if count:
            break
    else:
        made = re.sub(r"^(?:when|where|why|how \w+|how)\b\s*", "", asked, flags=re.I)
        made = f"{made} {answer}"
    return made[:1].upper() + made[1:] + "."


def pairs(data: Path) -> list[Pair]:
    """The pairs of `QUESTIONS` questions on held-out texts of `data`; the same at every run."""
    articles, questions = read(data)
    kept = {identity: a for identity, a in articles.items() if held_out(identity)}
    asked = [q for q in questions if q.article in kept and q.answers]
    asked = random.Random(SEED).sample(asked, min(QUESTIONS, len(asked)))
    passages = {i: cut_passages(article, PASSAGE_WORDS) for i, article in kept.items()}
    sets = [(p, frozenset(stems(p.text))) for own in passages.values() for p in own]
    found: list[Pair] = []
    for number, question in enumerate(asked):
        rng = random.Random(f"{SEED}-{number}")
        found += _of_question(question, kept[question.article], passages, sets, rng)
    return found


def _of_question(
    question: Question,
    article: Article,
    passages: dict[str, list[Passage]],
    sets: Sequence[tuple[Passage, frozenset[str]]],
    rng: random.Random,
) -> Iterator[Pair]:
    start, end = question.answers[0]
    home = next((p for p in passages[article.id] if p.start <= start and end <= p.end), None)
    answer = article.text[start:end]
    if home is None or len(answer) > 80:
        return
    said = declarative(question.text, answer)
    yield Pair(article.id, "supported", said, home.text)
    other = _other_answer(question, article.text, home, rng)
    if other is not None:
        wrong = declarative(question.text, other)
        yield Pair(article.id, "another answer", wrong, home.text)
    swapped = swap_detail(said, rng, article.text)
    if swapped is not None and rng.random() < 0.5:
        yield Pair(article.id, "swapped", swapped, home.text)
    rest = _without(home, question)
    if rest and answer.lower() not in rest.lower():
        yield Pair(article.id, "taken out", said, rest)
    sought = set(stems(said))
    far = max(
        (one for one in sets if one[0].article_id != article.id),
        key=lambda one: len(sought & one[1]),
    )[0]
    if answer.lower() not in far.text.lower() and rng.random() < 0.5:
        yield Pair(article.id, "other text", said, far.text)


def _other_answer(question: Question, text: str, home: Passage, rng: random.Random) -> str | None:
    """A name or number of the passage that is not an answer."""
    answers = [text[start:end].lower() for start, end in question.answers]
    names = [" ".join(n.written) for n in names_of(home.text) if not n.begins]
    digits = re.findall(r"\b\d[\d,.]*\d\b|\b\d\b", home.text)
    pool = digits if answers[0][:1].isdigit() else names
    others = [o for o in pool if not any(o.lower() in a or a in o.lower() for a in answers)]
    return rng.choice(others) if others else None


def _without(passage: Passage, question: Question) -> str:
    kept = [
        passage.text[start - passage.start : end - passage.start]
        for start, end in sentences_of(passage)
        if not any(start < e and s < end for s, e in question.evidence)
    ]
    return " ".join(kept)


def calibrate(data: Path, folder: Path) -> None:
    """Prints `ENTAILMENT_MODEL`, and the AUROC of cross-validation by text, with all features and
    without each.

    Args:
        folder: of the reader's weights.
    """
    made = pairs(data)
    judge = ReaderEntailment(CrossEncoder(folder))
    rows = [judge.features([(p.sentence, p.passage)])[0] for p in tqdm(made, "reading")]
    report(made, np.array(rows))


def report(made: Sequence[Pair], x: np.ndarray) -> None:
    """Prints what `calibrate` says of pairs that were read."""
    every = np.ones(x.shape[1])
    lexical = np.zeros(x.shape[1])
    lexical[LEXICAL] = 1
    chosen = {"all features": every, "no model": lexical, "the model alone": every - lexical}
    for at, name in enumerate(ENTAILMENT_FEATURES):
        chosen[f"without {name}"] = every * (np.arange(x.shape[1]) != at)
    for name, used in chosen.items():
        _report(name, made, x * used)
    y = np.array([p.supported for p in made])
    model = _shifted(fit(x, y, balanced=True), x[y])
    weights = ", ".join(f"{weight:.3f}" for weight in model.weights)
    print(f"ENTAILMENT_MODEL = LogisticModel({model.bias:.3f}, ({weights}))")


def _shifted(model: LogisticModel, supported: np.ndarray) -> LogisticModel:
    """The model with the bias that calls `WEAK` of the supported pairs less likely than not."""
    return replace(model, bias=model.bias - float(np.quantile(model.logits(supported), WEAK)))


def _report(name: str, made: Sequence[Pair], x: np.ndarray) -> None:
    y = np.array([pair.supported for pair in made])
    kinds = np.array([pair.kind for pair in made])
    fold = np.array([int(pair.article, 16) // 10 % FOLDS for pair in made])
    scores = np.zeros(len(made))
    for one in range(FOLDS):
        train = fold != one
        model = _shifted(fit(x[train], y[train], balanced=True), x[train & y])
        scores[~train] = model(x[~train])
    areas = {
        str(kind): round(auroc(scores[y | (kinds == kind)], y[y | (kinds == kind)]), 3)
        for kind in np.unique(kinds[~y])
    }
    weak = {
        str(kind): round(float((scores[kinds == kind] < 0.5).mean()), 3)
        for kind in np.unique(kinds)
    }
    print(f"{name}: AUROC {auroc(scores, y):.3f} {areas}; weak: {weak}")
