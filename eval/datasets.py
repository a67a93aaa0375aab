"""Questions with their gold answers, and the articles they are asked of.

The bundled questions are asked of the files in ``corpus/articles``. Any other data set is a folder
with ``articles.jsonl[.gz]`` or ``passages.jsonl[.gz]`` and ``questions.jsonl[.gz]``, one JSON
object a line. Its articles become files in a cache folder, which is named by the digest of the
data, and are then treated as any other article: the same cleaning, index and answers.
"""

import gzip
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from assistant.errors import CorpusError
from assistant.sources.formats.text import write_front_matter
from eval.measures import contains_answer, squeezed, verbatim_support

HERE = Path(__file__).parent
BUNDLED = "bundled"
BUNDLED_QUESTIONS = HERE / "questions.jsonl"
BUNDLED_CORPUS = HERE.parent / "corpus" / "articles"
CACHE = user_cache_path("news-assistant") / "eval"

UNANSWERABLE = "unanswerable"
"""Prefix of the kinds of questions that the articles do not answer."""

ANSWER = "answer"
"""The gold key of a question without verbatim evidence: its answer in a gold article."""

SAMPLE_SEED = 0
ARTICLES_PER_FOLDER = 1_000


@dataclass(frozen=True)
class Question:
    """One question with its gold. Ids of articles are those of the corpus it is asked of."""

    id: str
    text: str
    kind: str
    answers: tuple[str, ...] = ()
    """Accepted short answers."""
    article_ids: frozenset[str] = frozenset()
    evidence: tuple[str, ...] = ()
    """Verbatim pieces of gold articles that answer it."""
    reference: str = ""
    """The ideal answer in a sentence or two."""
    items: tuple[tuple[str, ...], ...] = ()
    """For a list, the accepted spellings of each item."""
    history: tuple[tuple[str, str], ...] = ()
    """The questions and answers before a follow-up."""
    standalone: str = ""
    """The follow-up made to stand alone."""
    asked: str | None = None
    """ISO date that "this week" and the like refer to."""

    @property
    def answerable(self) -> bool:
        """Whether the articles answer it."""
        return not self.kind.startswith(UNANSWERABLE)

    @property
    def gold(self) -> frozenset[str]:
        """The keys that `held` may find; empty if no gold is known."""
        if self.evidence:
            return frozenset(self.evidence)
        known = self.answerable and self.answers and self.article_ids
        return frozenset([ANSWER] if known else [])

    def held(self, article_id: str, text: str) -> frozenset[str]:
        """The gold keys that a passage or a sentence holds.

        A text holds an evidence string that it contains, or that contains it (a sentence may be
        shorter than its evidence). Without evidence, a text of a gold article holds the answer if
        it contains the answer or most of its words.
        """
        if self.evidence:
            flat = squeezed(text)
            return frozenset(e for e in self.evidence if squeezed(e) in flat or flat in squeezed(e))
        if not self.gold or article_id not in self.article_ids:
            return frozenset()
        said = contains_answer(text, self.answers) == 1.0
        return frozenset(
            [ANSWER] if said or any(verbatim_support(text, a) for a in self.answers) else []
        )


@dataclass(frozen=True)
class Dataset:
    """Questions, and the folder of article files they are asked of."""

    name: str
    questions: tuple[Question, ...]
    corpus: Path
    index: Path
    """Folder for the indexes of the corpus; each configuration has its own below it."""
    corpus_digest: str
    questions_digest: str


def bundled(cache: Path = CACHE, limit: int | None = None) -> Dataset:
    """The bundled questions on the bundled corpus."""
    files = sorted(path for path in BUNDLED_CORPUS.iterdir() if path.is_file())
    return Dataset(
        BUNDLED,
        _sample([_question(r, {}) for r in read_records(BUNDLED_QUESTIONS)], limit),
        BUNDLED_CORPUS,
        cache / BUNDLED,
        digest_of(*files),
        digest_of(BUNDLED_QUESTIONS),
    )


def load(folder: Path, cache: Path = CACHE, limit: int | None = None) -> Dataset:
    """A data set in the format of the module's docstring.

    Args:
        cache: folder for its article files and indexes, which are made once for each content.
        limit: size of a sample of the questions, the same at every run.

    Raises:
        CorpusError: a file is missing, or a line in it is not a record.
    """
    questions_file = _either(folder, "questions")
    articles_file = _either(folder, "articles", "passages")
    digest = digest_of(articles_file)
    home = cache / f"{folder.name}-{digest[:12]}"
    records = list(read_records(articles_file))
    ids = {str(r["_id"]): _path(number) for number, r in enumerate(records)}
    _write_articles(records, home / "articles")
    texts = {ids[str(r["_id"])]: str(r["text"]) for r in records}
    questions = [_verbatim(_question(r, ids), texts) for r in read_records(questions_file)]
    return Dataset(
        folder.name,
        _sample(questions, limit),
        home / "articles",
        home,
        digest,
        digest_of(questions_file),
    )


def digest_of(*files: Path) -> str:
    """Digest of the names and the uncompressed content of files."""
    digest = blake2b(digest_size=16)
    for path in files:
        digest.update(path.name.removesuffix(".gz").encode() + b"\0" + _bytes(path))
    return digest.hexdigest()


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a ``.jsonl`` or ``.jsonl.gz`` file.

    Raises:
        CorpusError: a line is not a record; names file and line.
    """
    for number, line in enumerate(_bytes(path).decode("utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
            record["_id"], record["text"]
        except (ValueError, TypeError, KeyError) as error:
            raise CorpusError(
                f"{path}:{number}", "is not a record with _id and text", "correct the line"
            ) from error
        yield record


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _either(folder: Path, *names: str) -> Path:
    for name in names:
        for path in (folder / f"{name}.jsonl.gz", folder / f"{name}.jsonl"):
            if path.is_file():
                return path
    wanted = " or ".join(f"{name}.jsonl[.gz]" for name in names)
    raise CorpusError(folder, f"holds no {wanted}", "name the folder of a data set")


def _path(number: int) -> str:
    return f"{number // ARTICLES_PER_FOLDER:03d}/{number:06d}.txt"


def _write_articles(records: list[dict[str, Any]], folder: Path) -> None:
    """Writes the article files, unless they exist already."""
    if folder.is_dir():
        return
    unfinished = folder.with_name("articles.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    for number, record in enumerate(records):
        path = unfinished / _path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without the url: it would become the id, and two records may share one.
        facts = {key: record[key] for key in ("title", "source", "published") if record.get(key)}
        path.write_text(write_front_matter(facts) + record["text"] + "\n", encoding="utf-8")
    unfinished.rename(folder)


def _question(record: dict[str, Any], ids: dict[str, str]) -> Question:
    return Question(
        id=str(record["_id"]),
        text=record["text"],
        kind=record["kind"],
        answers=tuple(record.get("answers") or ()),
        article_ids=frozenset(ids.get(i, i) for i in record.get("article_ids") or ()),
        evidence=tuple(record.get("evidence") or ()),
        reference=record.get("reference") or "",
        items=tuple(tuple(item) for item in record.get("items") or ()),
        history=tuple((t["question"], t["answer"]) for t in record.get("history") or ()),
        standalone=record.get("standalone") or "",
        asked=record.get("asked"),
    )


def _verbatim(question: Question, texts: dict[str, str]) -> Question:
    """The question with only the evidence that its gold articles contain: some data sets give an
    explanation in other words, which no passage could hold.
    """
    gold = " ".join(squeezed(texts[i]) for i in sorted(question.article_ids) if i in texts)
    kept = tuple(e for e in question.evidence if squeezed(e) in gold)
    return replace(question, evidence=kept)


def _sample(questions: list[Question], limit: int | None) -> tuple[Question, ...]:
    if limit is None or limit >= len(questions):
        return tuple(questions)
    chosen = set(random.Random(SAMPLE_SEED).sample(range(len(questions)), limit))
    return tuple(question for at, question in enumerate(questions) if at in chosen)
