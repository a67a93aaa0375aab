"""The façade: what a person can do, and the only place where the parts are wired.

with open_assistant(corpus="corpus/articles") as assistant:
    assistant.sync()
    print(assistant.ask("what did Galuzin say about the EU mission").text)
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant import answering, feedback
from assistant.adding import (
    Incoming,
    Limits,
    Places,
    files,
    from_address,
    from_file,
    is_address,
    page_at,
)
from assistant.answering import Composer
from assistant.asking import Pipeline, reply
from assistant.corpus import Corpus
from assistant.crossencoder import CrossEncoder
from assistant.embedding import (
    Embedder,
    Reranker,
    SentenceEmbedder,
    SentenceEntailment,
    SentenceReranker,
)
from assistant.entailment import ReaderEntailment
from assistant.errors import ArticleError, CorpusError
from assistant.generation import LanguageModel, language_model
from assistant.index import Index
from assistant.lexical import LexicalIndex
from assistant.reader import Reader, TrainedReader
from assistant.retrieval import Retriever
from assistant.schema import (
    Answer,
    Article,
    ArticleSummary,
    Change,
    Passage,
    Plan,
    Progress,
    ScoredPassage,
    Turn,
)
from assistant.settings import Settings, load_settings
from assistant.sources import parse_article, pasted_file
from assistant.store import Store
from assistant.suggestions import suggest
from assistant.vectors import VectorIndex
from assistant.verification import Entailment
from assistant.writing import Writer

SUGGEST_FROM = 200
"""Newest articles that example questions are made from."""

ShowPlan = Callable[[Plan], None]
ShowProgress = Callable[[Progress], None]
ShowWaiting = Callable[[str], None]


def open_assistant(
    settings: Settings | None = None,
    *,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    reranker: Reranker | str | None = None,
    model: LanguageModel | None = None,
    entails: Entailment | None = None,
    **chosen: Any,
) -> "Assistant":
    """An assistant over a folder of articles; cheap: models are loaded when first needed.

    Args:
        settings: as from `load_settings`; instead, single settings may be given by name.
        embedder: takes the place of the model named in the settings.
        reader: takes the place of the built-in reader.
        reranker: takes the place of the one named in the settings.
        model: a language model in the place of the one named in the settings.
        entails: judges prose in the place of the one named in the settings, or of the reader.

    Raises:
        SettingsError: a setting cannot be used.
        CorpusError: the corpus folder, where the index is to lie too, does not exist.
        StoreError: the data folder cannot be used.
        ModelError: the packaged model is not installed.
    """
    settings = settings or load_settings(**chosen)
    embedder = embedder or SentenceEmbedder(settings.embedding_model, settings.precision)
    reranker = reranker or settings.reranker
    if isinstance(reranker, str):
        reranker = SentenceReranker(reranker)
    weights = CrossEncoder()
    if entails is None:
        named = settings.entailment
        entails = SentenceEntailment(named) if named else ReaderEntailment(weights)
    return Assistant(
        settings, embedder, reader or TrainedReader(weights), reranker,
        model or language_model(settings), entails,
    )  # fmt: skip


class Assistant:
    """Answers questions from articles. Make it with `open_assistant`; any thread may use it."""

    def __init__(
        self,
        settings: Settings,
        embedder: Embedder,
        reader: Reader,
        reranker: Reranker | None = None,
        model: LanguageModel | None = None,
        entails: Entailment | None = None,
    ) -> None:
        self.settings = settings
        self._embedder = embedder
        self._corpus = Corpus(settings.corpus, settings.max_file_mb << 20)
        if settings.data is None:
            self._corpus.require()  # or a mistyped name would become an empty corpus
        self._store = Store(settings.data_folder)
        self._vectors = VectorIndex(
            self._store, settings.data_folder / "chroma", embedder.fingerprint
        )
        self._index = Index(
            self._corpus, self._store, self._vectors, embedder, settings.passage_words
        )
        self._retriever = Retriever(
            self._store, LexicalIndex(self._store), self._vectors, embedder,
            settings.retrieval, settings.abbreviations, reranker,
        )  # fmt: skip
        composer = Composer(self._store.article, settings.threshold, settings.answer_sentences)
        # A reranker has read them all before: what it puts last is not read again.
        read_first = settings.candidates // (1 if reranker is None else 3) or 1
        writer = None if model is None else Writer(model, composer, settings.llm_context, entails)
        self._pipeline = Pipeline(
            self._retriever, reader, composer, settings.candidates, read_first, model, writer
        )  # fmt: skip
        self._ready = threading.Event()
        self._suggestions: tuple[int, list[str]] = (-1, [])

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finishes what runs in the background and closes the index."""
        self._retriever.close()
        self._vectors.close()
        self._store.close()

    # ---- asking -----------------------------------------------------------------------------

    def ask(self, question: str, turns: Sequence[Turn] = (), *, alone: bool = False) -> Answer:
        """The answer to a question, with its citations; a refusal when the articles lack it.

        Args:
            turns: what was asked and answered before it, oldest first (`Answer.turn` makes one).
            alone: the question stands alone: it is searched for as it is.
        """
        *_, answer = self.stream(question, turns, alone=alone)
        return answer

    def stream(
        self, question: str, turns: Sequence[Turn] = (), *, alone: bool = False
    ) -> Iterator[Answer]:
        """The answer as it grows; each item holds all so far, the last is the whole answer."""
        said = reply(question)
        if said is not None:
            yield said
            return
        if self._store.counts()[1] == 0:
            yield answering.say(question, answering.EMPTY_CORPUS)
            return
        started = time.perf_counter()
        if not self._ready.is_set():
            self._load()
        loading = time.perf_counter() - started
        for answer in self._pipeline.stream(" ".join(question.split()), turns, alone):
            yield answer.timed(loading=loading)

    def standalone(self, question: str, turns: Sequence[Turn]) -> str:
        """What a question means after these turns; itself where it leans on none of them."""
        return self._pipeline.standalone(" ".join(question.split()), turns)

    def retrieve(self, question: str, limit: int) -> tuple[ScoredPassage, ...]:
        """The passages nearest to a question, best first, for programs that read themselves."""
        return self._retriever.search(" ".join(question.split()), limit)[1]

    def give_feedback(self, answer: Answer, reason: str, remark: str = "") -> Path:
        """Puts an answer that is wrong into the inbox of the evaluation; returns the inbox.

        Args:
            reason: one of `feedback.REASONS`.
            remark: what the person has to say about it.

        Raises:
            SettingsError: the reason is none of them, or the remark is too long.
            StoreError: the inbox cannot be written.
        """
        inbox = self.settings.evaluation_folder / feedback.INBOX
        feedback.give(inbox, answer, reason, remark)
        return inbox

    # ---- the models -------------------------------------------------------------------------

    def warm(self) -> None:
        """Loads the models and opens the vector index, so that the first question is fast."""
        self._load()
        self._vectors.follow()

    def _load(self) -> None:
        self._embedder.encode(["ready?"])
        self._ready.set()

    @property
    def ready(self) -> bool:
        """True when questions are answered without loading a model first."""
        return self._ready.is_set()

    def status(self) -> str:
        """One line for people: whether it is ready, and over how much."""
        if not self.ready:
            return "loading the models …"
        articles, passages = self._store.counts()
        return f"ready: {articles} articles, {passages} passages"

    # ---- the articles -----------------------------------------------------------------------

    def articles(self, matching: str = "") -> list[ArticleSummary]:
        """The indexed articles whose title, outlet or id contains the words, newest first."""
        return self._store.articles(matching)

    def article(self, article_id: str) -> Article:
        """One article with its text.

        Raises:
            CorpusError: no article has this id.
        """
        article = self._store.article(article_id)
        if article is None:
            raise CorpusError(
                article_id, "no article has this id", "`assistant list` shows the ids"
            )
        return article

    def passages(self, article_id: str) -> list[Passage]:
        """The passages of an article, in order."""
        return self._store.passages_of(self.article(article_id).id)

    def plan(self) -> Plan:
        """What `sync` would do; nothing is written."""
        return self._index.plan()

    def sync(
        self,
        *,
        show: ShowPlan | None = None,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
    ) -> Plan:
        """Makes the index hold what the corpus folder holds; returns what it did.

        Args:
            show: called with the plan before anything is written.
            progress: called after each commit.
            waiting: called about twice a second while another process is indexing.
        """
        with self._store.writing(waiting):
            plan = self._index.plan()
            if show is not None:
                show(plan)
            self._index.apply(plan, progress=progress)
        return plan

    def add(
        self,
        sources: Sequence[Path | str],
        *,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
    ) -> Plan:
        """Puts files, the files of folders, or pages and feeds of the web into the corpus, and
        indexes them.

        Args:
            sources: paths, and addresses that begin with http:// or https://.

        The same file again is a no-op; the same file with other content replaces its article; the
        same content under another name is not added twice. Of lists and archives (JSONL, CSV, ZIP)
        each article becomes a file. What fails is in the plan's failures; the rest is added.
        """
        with self._store.writing(waiting):
            added: dict[str, str] = {}
            changes: list[Change] = []
            places = Places(self._store.records())
            for found in self._incoming(sources, added):
                if isinstance(found, ArticleError):
                    changes.append(Change("failed", found.subject, error=str(found)))
                else:
                    changes += self._put(found, places, added)
            plan = self._index.plan(only=list(added))
            self._index.apply(plan, origins=added, progress=progress)
        return Plan((*plan.changes, *changes))

    def preview(self, url: str) -> Incoming:
        """The article at an address as it would be added; nothing is written.

        Raises:
            ArticleError: it cannot be fetched, holds no article, or is a feed.
        """
        return page_at(url, self._limits)

    def add_previewed(self, incoming: Incoming) -> Change:
        """Adds what `preview` gave, as it was seen."""
        with self._store.writing():
            added: dict[str, str] = {}
            same = self._put(incoming, Places(self._store.records()), added)
            if same:
                return same[0]
            plan = self._index.plan(only=list(added))
            self._index.apply(plan, origins=added)
        return plan.changes[0]

    def _put(self, found: Incoming, places: Places, added: dict[str, str]) -> list[Change]:
        """Writes the file of an article, which is then `added`; if it is there already, says so."""
        same = places.same(found)
        if same is not None:
            return [Change("unchanged", same[0], article_id=same[1])]
        path = places.older(found) or self._corpus.free_path(found.name)
        self._corpus.write(path, found.content)
        places.put(found, path)
        added[path] = found.origin
        return []

    @property
    def _limits(self) -> Limits:
        chosen = self.settings
        return Limits(
            chosen.max_file_mb << 20, chosen.fetch_timeout, chosen.allow_private_addresses
        )

    def _incoming(
        self, sources: Sequence[Path | str], added: dict[str, str]
    ) -> Iterator[Incoming | ArticleError]:
        """What the sources hold; files that lie in the corpus already are `added` as they are."""
        for source in sources:
            if is_address(source):
                yield from from_address(str(source), self._limits)
                continue
            for path in files([source]):
                inside = self._corpus.holds(path)
                if inside is not None:
                    added[inside] = str(path.resolve())
                else:
                    yield from from_file(path, self._limits)

    def add_text(
        self, text: str, *, title: str = "", source: str = "", published: str = "", url: str = ""
    ) -> Change:
        """Adds a pasted article: writes its file into the corpus and indexes it.

        Raises:
            ArticleError: there is no text, or the date is not one.
        """
        name, content = pasted_file(text, title=title, source=source, published=published, url=url)
        article = parse_article(content, name)
        with self._store.writing():
            for record in self._store.records().values():
                if record.digest == article.digest:
                    return Change("unchanged", record.path, article_id=record.id)
                if article.url and record.id == article.id:
                    path = record.path
                    break
            else:
                path = self._corpus.free_path(name)
            self._corpus.write(path, content)
            plan = self._index.plan(only=[path])
            self._index.apply(plan)
        change = plan.changes[0]
        if change.kind == "failed":
            raise ArticleError(path, change.error)
        return change

    def remove(self, article_id: str) -> Path | None:
        """Removes an article; its file is set aside in the data folder. Returns where.

        Raises:
            CorpusError: no article has this id, or its file cannot be moved.
        """
        with self._store.writing():
            article = self.article(article_id)
            aside = self._corpus.set_aside(article.path, self.settings.data_folder / "removed")
            gone = Change("removed", article.path, article_id=article.id)
            self._index.apply(Plan((gone,)))
        return aside

    def mend_vectors(self) -> int:
        """Embeds the articles again that lack a vector of the model; returns how many."""
        with self._store.writing():
            lacking = self._store.articles_without_vectors(self._embedder.fingerprint)
            if lacking:
                self._store.forget_recipes(lacking)
                self._index.apply(self._index.plan())
        return len(lacking)

    def mend_chroma(self) -> list[str] | None:
        """Builds Chroma anew where it is not whole; what was wrong, None if it is not ours."""
        problems = self._vectors.check()
        return problems if self._vectors.follow() else None

    def suggested_questions(self, limit: int = 4) -> list[str]:
        """Questions that the articles answer, for people who do not know what to ask."""
        generation = self._store.generation()
        if self._suggestions[0] != generation:
            articles = [self.article(found.id) for found in self._store.articles()[:SUGGEST_FROM]]
            self._suggestions = generation, suggest(articles, self._store.abbreviations())
        return self._suggestions[1][:limit]
