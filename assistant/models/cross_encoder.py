"""The trained reader: one forward pass over a question and a passage.

A pair is read as ``[CLS] question [SEP] heading passage [SEP]``. Token types are 0 in the question,
1 in the rest, and 2 where the rest repeats a word piece of the question's content words: the model
need not learn to compare words before it can learn to answer (the "exact match" feature of Chen et
al. 2017, "Reading Wikipedia to answer open-domain questions").
"""

import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from cachetools import LRUCache, cachedmethod
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from assistant.errors import ModelError
from assistant.text.tokens import STOP_WORDS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Ids = NDArray[np.int32]
Scores = NDArray[np.float32]
T = TypeVar("T")

FOLDER = Path(__file__).parent / "weights"
WEIGHTS = "reader.onnx"
TOKENIZER = "tokenizer.json"

MAX_QUESTION = 64
MAX_HEADING = 24
MAX_PAIR = 384
"""Tokens; a passage of 150 words has about 200."""

KEPT = 256
"""Pairs whose scores are kept, about 4 kB each: those of the last few questions, so that what was
read to understand a question is not read again to answer it."""

MAX_ANSWER = 24
"""Word pieces of a short answer; 98 in 100 of the training answers have no more."""


@dataclass(frozen=True)
class Tokens:
    """The word pieces of a text with their characters: ``text[starts[i]:ends[i]]`` is piece i."""

    ids: Ids
    starts: Ids
    ends: Ids


@dataclass(frozen=True)
class Pair:
    """What the model reads for one question and one passage."""

    ids: Ids
    types: Ids
    first: int
    """Where the passage's tokens begin."""
    length: int
    """How many tokens of the passage are read."""


class PairTokenizer:
    """Word pieces of texts, and pairs of them.

    Args:
        path: a ``tokenizer.json`` with the special tokens of BERT.
    """

    def __init__(self, path: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cls = self._tokenizer.token_to_id("[CLS]")
        self._sep = self._tokenizer.token_to_id("[SEP]")
        self._empty = frozenset(
            number
            for piece, number in self._tokenizer.get_vocab().items()
            if piece in STOP_WORDS or not piece.strip("#").isalnum()
        )

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The word pieces of each text, without special tokens."""
        # A lone surrogate is no text to the tokenizer; "?" has as many characters.
        plain = [text.encode("utf-8", "replace").decode() for text in texts]
        encoded = self._tokenizer.encode_batch(plain, add_special_tokens=False)
        return [_tokens(one, text) for one, text in zip(encoded, plain, strict=True)]

    def decode(self, ids: Ids) -> str:
        """The words of word pieces, in lower case."""
        return self._tokenizer.decode(ids.tolist())

    def pair(self, question: Ids, heading: Ids, passage: Ids) -> Pair:
        """The pair of a question and a passage below its heading, cut to `MAX_PAIR`."""
        asked, above = question[:MAX_QUESTION], heading[:MAX_HEADING]
        room = MAX_PAIR - 3 - len(asked) - len(above)
        read = np.concatenate([above, passage[:room]])
        content = np.array([i for i in asked.tolist() if i not in self._empty], dtype=np.int32)
        ids = np.concatenate([[self._cls], asked, [self._sep], read, [self._sep]])
        types = np.zeros(len(ids), dtype=np.int32)
        types[2 + len(asked) :] = 1
        types[2 + len(asked) : -1] += np.isin(read, content)
        first = 2 + len(asked) + len(above)
        return Pair(ids.astype(np.int32), types, first, len(read) - len(above))


def _tokens(encoded: Encoding, text: str) -> Tokens:
    spans = np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2)
    if not text.isascii():
        spans[:, 1] = [_with_marks(text, end) for end in spans[:, 1].tolist()]
    return Tokens(np.array(encoded.ids, dtype=np.int32), spans[:, 0], spans[:, 1])


def _with_marks(text: str, end: int) -> int:
    """The end of a piece with its last letter's combining marks, which the tokenizer drops."""
    while end < len(text) and unicodedata.category(text[end]) == "Mn":
        end += 1
    return end


def pad(pairs: Sequence[Pair]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Ids, attention mask and types of a batch, each of shape (len(pairs), longest pair)."""
    shape = len(pairs), max(len(pair.ids) for pair in pairs)
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for row, pair in enumerate(pairs):
        ids[row, : len(pair.ids)] = pair.ids
        mask[row, : len(pair.ids)] = 1
        types[row, : len(pair.ids)] = pair.types
    return ids, mask, types


@dataclass(frozen=True)
class PassageScores:
    """The model's scores of one passage; the end of a long one is not read, so has none."""

    starts: Ids
    ends: Ids
    """Characters of each word piece in the passage's text."""
    scores: Scores
    """Of each word piece to be the first of the answer, the last, and evidence: (pieces, 3)."""
    none: float
    """The score of "no answer here", comparable with the sum of a first and a last piece."""
    relevance: float
    """Logit that the passage answers."""

    def pieces(self, start: int, end: int) -> slice:
        """The word pieces of the characters from `start` to `end`."""
        first = int(np.searchsorted(self.ends, start, side="right"))
        return slice(first, max(first, int(np.searchsorted(self.starts, end, side="left"))))

    def evidence(self, start: int, end: int) -> float:
        """Logit that the characters from `start` to `end` answer; low when they were not read."""
        scores = self.scores[self.pieces(start, end), 2]
        return float(scores.mean()) if len(scores) else UNREAD

    def answer(self, start: int, end: int) -> tuple[int, int, float]:
        """The best short answer within these characters, and how far it is above "no answer"."""
        inside = self.pieces(start, end)
        scores = self.scores[inside]
        if not len(scores):
            return start, start, UNREAD
        first, last, score = best_span(scores[:, 0], scores[:, 1])
        starts, ends = self.starts[inside], self.ends[inside]
        # A piece may reach beyond both ends of the sentence: a word of 1,000 characters is one.
        low, high = max(start, int(starts[first])), min(end, int(ends[last]))
        return low, high, score - self.none


UNREAD = -10.0
"""Score of what the model did not read; about the lowest that it gives to what it reads."""


class CrossEncoder:
    """The trained model, loaded at the first `read`; any thread, several at once.

    Args:
        folder: where `WEIGHTS` and `TOKENIZER` lie.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lock = Lock()
        self._kept: LRUCache[tuple[str, str, str], PassageScores] = LRUCache(KEPT)

    def __reduce__(self) -> "tuple[type[CrossEncoder], tuple[Path]]":
        """A copy, also one for another process, loads its weights itself."""
        return CrossEncoder, (self._folder,)

    def read(self, question: str, passages: Sequence[tuple[str, str]]) -> list[PassageScores]:
        """The scores of each passage, given as its heading and its text.

        Raises:
            ModelError: the weights are missing or broken.
        """
        return [self._read(question, heading, text) for heading, text in passages]

    # One pair at a time. Activations have 8 bits with one scale for a whole batch: in batches of 8
    # scores differed by up to 1.3 with what a pair was read with. Nor is a batch faster on two
    # cores: its padding takes what it gains.
    @cachedmethod(attrgetter("_kept"), lock=attrgetter("_lock"))
    def _read(self, question: str, heading: str, text: str) -> PassageScores:
        session, tokenizer = self._loaded
        asked, above, read = tokenizer.tokens([question, heading, text])
        pair = tokenizer.pair(asked.ids, above.ids, read.ids)
        inputs = dict(zip(("ids", "mask", "types"), pad([pair]), strict=True))
        scores, relevance = session.run(None, inputs)
        return _scores(pair, read, scores[0], float(relevance[0]))

    @property
    def _loaded(self) -> "tuple[InferenceSession, PairTokenizer]":
        with self._lock:  # two threads at once would both compute a cached property
            return self._model

    @cached_property
    def _model(self) -> "tuple[InferenceSession, PairTokenizer]":
        weights, tokenizer = self._folder / WEIGHTS, self._folder / TOKENIZER
        for path in (weights, tokenizer):
            if not path.is_file():
                raise _unusable(path, "a file of the reader is missing")
        return _opened(weights, _session), _opened(tokenizer, PairTokenizer)


def _scores(pair: Pair, text: Tokens, scores: Scores, relevance: float) -> PassageScores:
    read = slice(pair.first, pair.first + pair.length)
    none = float(scores[0, 0] + scores[0, 1])
    starts, ends = text.starts[: pair.length], text.ends[: pair.length]
    return PassageScores(starts, ends, scores[read], none, relevance)


def _opened(path: Path, load: Callable[[Path], T]) -> T:
    try:
        return load(path)
    except Exception as error:  # of tokenizers and onnxruntime, which have no public bases
        raise _unusable(path, f"the reader cannot be loaded ({error})") from error


def _unusable(path: Path, problem: str) -> ModelError:
    remedy = "install the package again: `pip install --force-reinstall news-assistant`"
    return ModelError(str(path), problem, remedy)


def _session(path: Path) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    # A thread that spins while it waits for its next product takes a core from other questions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    here = set(onnxruntime.get_available_providers())
    wanted = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in here]
    return onnxruntime.InferenceSession(str(path), options, providers=wanted)


def best_span(
    start: NDArray[np.float32], end: NDArray[np.float32], most: int = MAX_ANSWER
) -> tuple[int, int, float]:
    """First and last token of the span with the highest ``start + end``, and that sum.

    Args:
        start: score of each token to be the first of the answer; shape (tokens,).
        end: the same to be the last.
    """
    total = start[:, None] + end[None, :]
    spans = np.ones_like(total, dtype=bool)
    total = np.where(np.triu(spans) & ~np.triu(spans, most), total, -np.inf)
    first, last = np.unravel_index(int(np.argmax(total)), total.shape)
    return int(first), int(last), float(total[first, last])
