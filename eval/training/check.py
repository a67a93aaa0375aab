"""How well held-out questions are read: the points of the training's curve."""

import random
from collections.abc import Callable

import numpy as np

from assistant.models.cross_encoder import best_span
from eval.measures import auroc, token_f1
from eval.training.material import Material
from eval.training.model import Batch, collate

Scorer = Callable[[Batch], tuple[np.ndarray, np.ndarray]]
"""Scores of tokens, (pairs, tokens, 3), and of pairs, (pairs,)."""


def check(score: Scorer, material: Material, count: int) -> dict[str, float]:
    """Of `count` held-out questions, each in its passage of 200 tokens and in a wrong one, 0 to 1.

    f1: of the best span in the right passage, read as if it were known to answer. evidence: the
    best sentence of the right passage answers. relevance: AUROC of right passages against wrong
    ones; no_answer: the same by the score of the span against "no answer".
    """
    rng = random.Random(0)
    chosen = rng.sample(material.held_out, min(count, len(material.held_out)))
    f1, evidence, relevance, margins, right = [], [], [], [], []
    for at in range(0, len(chosen), 8):
        some = chosen[at : at + 8]
        labelled = [one for number in some for one in material.both(number, 200, rng)]
        pairs = [material.pair(one) for one in labelled]
        batch = collate(pairs, labelled)
        scores, relevant = score(batch)
        relevance += relevant.tolist()
        right += [bool(one.evidence) for one in labelled]
        sentences = batch.sentences.numpy()
        means = np.einsum("pst,pt->ps", sentences, scores[..., 2])
        best = np.where(sentences.any(axis=2), means, -np.inf).argmax(axis=1)
        for row, (pair, one) in enumerate(zip(pairs, labelled, strict=True)):
            inside = scores[row, pair.first : pair.first + pair.length]
            first, last, span = best_span(inside[:, 0], inside[:, 1])
            margins.append(span - float(scores[row, 0, 0] + scores[row, 0, 1]))
            if one.evidence:
                evidence.append(int(best[row]) in one.evidence)
            if one.evidence and one.answers:
                question = material.questions[some[row // 2]]
                given = material.tokenizer.decode(one.passage[first : last + 1])
                text = material.articles[question.article]
                f1.append(token_f1(given, [text[s:e] for s, e in question.answers]))
    return {
        "f1": float(np.mean(f1)),
        "evidence": float(np.mean(evidence)),
        "relevance": auroc(np.array(relevance), np.array(right)),
        "no_answer": auroc(np.array(margins), np.array(right)),
    }
