"""The façade: what a person can do, and the only place where the parts are wired.

with open_assistant(corpus="corpus/articles") as assistant:
    assistant.sync()
    print(assistant.ask("what did Galuzin say about the EU mission").text)
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from assistant import feedback
from assistant.answering import messages
from assistant.answering.extractive import ExtractiveAnswerer
from assistant.answering.generative import GenerativeAnswerer
from assistant.answering.pipeline import AskRequest, Pipeline, QueryUnderstanding
from assistant.answering.reader import Reader, TrainedReader
from assistant.answering.selection import Selector
from assistant.answering.small_talk import reply, say
from assistant.answering.verification.checks import Entailment
from assistant.answering.verification.entailment import ReaderEntailment
from assistant.corpus import embedding_migration, feeds, watch
from assistant.corpus.editing import Details, Editor
from assistant.corpus.feeds import FeedSummary
from assistant.corpus.folder import Corpus
from assistant.corpus.incoming import Incoming, Limits, page_at
from assistant.corpus.indexing import Index
from assistant.corpus.ingestion import Ingestion
from assistant.corpus.pace import Pace
from assistant.corpus.plan import Change, Plan, ShowPlan
from assistant.corpus.transfer.exporting import export_corpus
from assistant.corpus.transfer.manifest import Transfer
from assistant.errors import CorpusError
from assistant.models.cross_encoder import CrossEncoder
from assistant.models.embedding import Embedder, SentenceEmbedder
from assistant.models.llm.base import LanguageModel
from assistant.models.llm.providers import language_model
from assistant.models.nli import SentenceEntailment
from assistant.models.rerankers import Reranker, SentenceReranker
from assistant.retrieval.retriever import EVERYTHING, Retriever
from assistant.retrieval.suggestions import suggest
from assistant.schema import (
    Answer,
    Article,
    ArticleSummary,
    Copy,
    Filter,
    Order,
    Passage,
    ScoredPassage,
    ShowProgress,
    ShowWaiting,
    Turn,
)
from assistant.settings import Settings, load_settings
from assistant.sources.corrections import Correction
from assistant.store.active_model import Models
from assistant.store.chroma_follower import ChromaFollower
from assistant.store.full_text import LexicalIndex
from assistant.store.near_duplicates import Copies
from assistant.store.per_generation import PerGeneration
from assistant.store.store import Store
from assistant.store.vector_index import VectorIndex

SUGGEST_FROM = 200
"""Newest articles that example questions are made from."""


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
        corpus = Corpus(settings.corpus, settings.max_file_mb << 20)
        if settings.data is None:
            corpus.require()  # or a mistyped name would become an empty corpus
        self._corpus = corpus
        self._store = store = Store(settings.data_folder)
        self._models = Models(store.embeddings, embedder)
        self._chroma = ChromaFollower(store.embeddings, settings.data_folder / "chroma")
        self._copies = Copies(store)
        self._index = Index(
            corpus, store, self._copies, self._chroma, self._models, settings.passage_words
        )
        self._switch = embedding_migration.BackgroundSwitch(self._index)
        self._ingestion = Ingestion(self._index, _limits(settings))
        self._editor = Editor(self._index, settings.data_folder / "removed")
        self._lexical = LexicalIndex(store)
        vectors = VectorIndex(store.embeddings, self._chroma)
        self._retriever = Retriever(
            store, self._lexical, vectors, self._models.answering,
            settings.retrieval, settings.abbreviations, reranker,
        )  # fmt: skip
        extractive = ExtractiveAnswerer(self._store.article, self._copies)
        generative = None
        if model is not None:
            generative = GenerativeAnswerer(model, extractive, settings.llm_context, entails)
        # A reranker has read them all before: what it puts last is not read again.
        read_first = settings.candidates // (1 if reranker is None else 3) or 1
        selector = Selector(
            self._store.article, self._copies, settings.threshold, settings.answer_sentences
        )
        self._pipeline = Pipeline(
            self._retriever,
            reader,
            selector,
            extractive,
            settings.candidates,
            read_first,
            model,
            generative,
        )
        self._ready = threading.Event()
        self._suggestions: PerGeneration[str, list[str]] = PerGeneration(self._store.generation)

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finishes what runs in the background and closes the index."""
        self._switch.close()
        self._retriever.close()
        self._chroma.close()
        self._store.close()

    # ---- asking -----------------------------------------------------------------------------

    def ask(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        alone: bool = False,
        within: Filter = EVERYTHING,
        today: date | None = None,
        narrow: bool = True,
    ) -> Answer:
        """The answer to a question, with its citations; a refusal when the articles lack it.

        Args:
            turns: what was asked and answered before it, oldest first (`Answer.turn` makes one).
            alone: the question stands alone: it is searched for as it is.
            within: only these articles may answer.
            today: the day that "last week" refers to; the day it is unless given.
            narrow: whether a time that the question speaks of may narrow it to articles of then.
        """
        options = {"alone": alone, "within": within, "today": today, "narrow": narrow}
        *_, answer = self.stream(question, turns, **options)  # type: ignore[arg-type]
        return answer

    def stream(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        alone: bool = False,
        within: Filter = EVERYTHING,
        today: date | None = None,
        narrow: bool = True,
    ) -> Iterator[Answer]:
        """The answer as it grows; each item holds all so far, the last is the whole answer."""
        said = reply(question)
        if said is not None:
            yield said
            return
        if self._store.catalogue.counts()[1] == 0:
            yield say(question, messages.EMPTY_CORPUS)
            return
        started = time.perf_counter()
        if not self._ready.is_set():
            self._load()
        loading = time.perf_counter() - started
        flat = " ".join(question.split())
        for answer in self._pipeline.stream(
            AskRequest(flat, () if alone else turns, within, today, narrow)
        ):
            notice = " ".join(filter(None, (answer.notice, self.model_problem())))
            yield replace(answer, notice=notice).timed(loading=loading)

    def understand(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        within: Filter = EVERYTHING,
        today: date | None = None,
    ) -> QueryUnderstanding:
        """What a question means after these turns, and of which time it speaks."""
        return self._pipeline.understand(
            AskRequest(" ".join(question.split()), turns, within, today)
        )

    def retrieve(
        self, question: str, limit: int, within: Filter = EVERYTHING
    ) -> tuple[ScoredPassage, ...]:
        """The passages nearest to a question, best first, for programs that read themselves."""
        return self._retriever.search(" ".join(question.split()), limit, within)[1]

    def sources(self) -> list[str]:
        """The outlets of the articles, those with most articles first."""
        return self._store.catalogue.sources()

    def authors(self) -> list[str]:
        """The authors of the articles, those with most articles first."""
        return self._store.catalogue.authors()

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
        self._chroma.follow()

    def _load(self) -> None:
        self._models.answering().encode(["ready?"])
        self._ready.set()

    @property
    def ready(self) -> bool:
        """True when questions are answered without loading a model first."""
        return self._ready.is_set()

    def status(self) -> str:
        """One line for people: whether it is ready, and over how much."""
        if not self.ready:
            return "loading the models …"
        articles, passages = self._store.catalogue.counts()
        note = self._switch.note or self.model_problem()
        ready = f"ready: {articles:,} articles, {passages:,} passages"
        return f"{ready}; {note}" if note else ready

    # ---- the articles -----------------------------------------------------------------------

    def articles(
        self,
        matching: str = "",
        within: Filter = EVERYTHING,
        order: Order = "date",
        *,
        reverse: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[ArticleSummary]:
        """The indexed articles whose title, outlet or id contains the words, newest first.

        Args:
            within: only these.
            order: see `Order`; what has no date or outlet is last, `reverse` or not.
            limit: as many at most, after the first `offset`; all, when negative.
        """
        return self._store.catalogue.articles(
            matching, within, order, reverse=reverse, limit=limit, offset=offset
        )

    def count_articles(self, matching: str = "", within: Filter = EVERYTHING) -> int:
        """How many articles `articles` lists without a limit."""
        return self._store.catalogue.count_articles(matching, within)

    def languages(self) -> list[str]:
        """The languages of the articles, those of most articles first."""
        return self._store.catalogue.languages()

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

    def details(self, article_id: str) -> Details:
        """All that is known of an article, for a person who looks it over.

        Raises:
            CorpusError: no article has this id.
        """
        return self._editor.details(self.article(article_id))

    def copies(self, article_id: str) -> tuple[Copy, ...]:
        """The articles with nearly the same text as this one, the most similar first.

        Raises:
            CorpusError: no article has this id.
        """
        return self._copies.of(self.article(article_id).id)

    def plan(self) -> Plan:
        """What `sync` would do; nothing is written."""
        return self._index.plan()

    def sync(
        self,
        *,
        show: ShowPlan | None = None,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
        background: bool = False,
    ) -> Plan:
        """Makes the index hold what the corpus folder holds; returns what it did.

        Where the settings name another embedding model than the one that answers, it then makes
        that one's vectors, and has it answer when all are there. Stopped, it goes on next time.

        Args:
            show: called with the plan before anything is written.
            progress: called after each commit.
            waiting: called about twice a second while another process is indexing.
            background: embeds with another model in a thread, while the old one answers here.
        """
        plan = self._ingestion.sync(show, progress, waiting)
        if background:
            self._switch.start()
        else:
            embedding_migration.switch(self._index, progress=progress, waiting=waiting)
        return plan

    def add(
        self,
        sources: Sequence[Path | str],
        *,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
        stop: threading.Event | None = None,
    ) -> Plan:
        """Puts files, the files of folders, or pages and feeds of the web into the corpus, and
        indexes them.

        Args:
            sources: paths, and addresses that begin with http:// or https://.
            progress: called after each commit; the total is an estimate until all is read.
            stop: ends it early when it is set: the plan is then what was done until there.

        Ended early, by `stop`, Ctrl-C or an error, what was committed stays; a file that is not
        indexed by then is taken back, or is again what it was. Killed, the next sync indexes it.

        The same file again is a no-op; the same file with other content replaces its article; the
        same content under another name is not added twice. Of lists and archives (JSONL, CSV, ZIP)
        each article becomes a file. What fails is in the plan's failures; the rest is added.
        """
        return self._ingestion.add(sources, progress, waiting, stop)

    def watch(self, pace: Pace | None = None, *, polling: bool = False) -> Iterator[Plan]:
        """Follows the corpus folder until `Pace.stop` is set; see `watch.watch`."""
        return watch.watch(self._ingestion, pace or Pace(), polling=polling)

    def follow(self, urls: Sequence[str] = (), pace: Pace | None = None) -> Iterator[Plan]:
        """Follows feeds until `Pace.stop` is set; see `feeds.follow`."""
        return feeds.follow(self._ingestion, urls, pace or Pace())

    def feeds(self) -> list[FeedSummary]:
        """The feeds that were added or followed, by address."""
        return feeds.feeds(self._ingestion)

    def unfollow(self, url: str) -> None:
        """Follows a feed no longer; see `feeds.unfollow`."""
        feeds.unfollow(self._ingestion, url)

    def preview(self, url: str) -> Incoming:
        """The article at an address as it would be added; nothing is written.

        Raises:
            ArticleError: it cannot be fetched, holds no article, or is a feed.
        """
        return page_at(url, _limits(self.settings))

    def foresee(self, incoming: Incoming) -> Change:
        """What adding a previewed article would do: it is new, takes the place of an older version,
        or is there already; with those that it is a copy of. Nothing is written.
        """
        return self._ingestion.foresee(incoming)

    def add_previewed(self, incoming: Incoming) -> Change:
        """Adds what `preview` gave, as it was seen."""
        return self._ingestion.add_one(incoming)

    def add_text(
        self, text: str, *, title: str = "", source: str = "", published: str = "", url: str = ""
    ) -> Change:
        """Adds a pasted article: writes its file into the corpus and indexes it.

        Raises:
            ArticleError: there is no text, or the date is not one.
        """
        return self._editor.add_text(text, title=title, source=source, published=published, url=url)

    def correct(
        self,
        article_id: str,
        *,
        title: str | None = None,
        source: str | None = None,
        authors: Sequence[str] | None = None,
        published: str | None = None,
        url: str | None = None,
        language: str | None = None,
        seen: str = "",
    ) -> Change:
        """Corrects facts of an article in its file, and indexes it as the same article.

        An empty value takes a fact away, None leaves it. Of a text or Markdown file the front
        matter is changed and nothing else; any other file becomes Markdown, and is itself set aside
        in the data folder. The id is another when it was, or becomes, the address.

        Args:
            seen: the `Details.version` that the corrections were made on.

        Raises:
            CorpusError: no article has this id, or its file has changed since it was seen.
            ArticleError: a value cannot be used, or the file cannot be read.
        """
        facts: dict[str, Correction | None] = {
            "title": title, "source": source, "published": published, "url": url,
            "language": language, "authors": None if authors is None else tuple(authors),
        }  # fmt: skip
        return self._editor.correct(self.article(article_id), facts, seen)

    def remove(self, article_id: str) -> Path | None:
        """Removes an article; its file is set aside in the data folder. Returns where.

        Raises:
            CorpusError: no article has this id, or its file cannot be moved.
        """
        return self._editor.remove(self.article(article_id))

    def export(self, archive: Path, *, progress: ShowProgress | None = None) -> Transfer:
        """Writes the corpus with its index into one file; see `export_corpus`, `import_corpus`."""
        return export_corpus(self._corpus, self._store, archive, progress)

    def mend_vectors(self) -> int:
        """Embeds the articles again that lack a vector of the model; returns how many."""
        return embedding_migration.repair(self._index)

    def model_problem(self) -> str:
        """Why passages are not found by their meaning now, with the remedy; empty if they are."""
        return self._models.problem() if self.settings.retrieval != "lexical" else ""

    def mend_chroma(self) -> list[str] | None:
        """Builds Chroma anew where it is not whole; what was wrong, None if it is not ours."""
        return self._chroma.repair()

    def suggested_questions(self, limit: int = 4) -> list[str]:
        """Questions that the articles answer, for people who do not know what to ask."""
        return self._suggestions.get("", self._suggest)[:limit]

    def _suggest(self) -> list[str]:
        articles = [
            self.article(found.id) for found in self._store.catalogue.articles(limit=SUGGEST_FROM)
        ]
        return suggest(articles, self._lexical.abbreviations())


def _limits(settings: Settings) -> Limits:
    return Limits(
        settings.max_file_mb << 20, settings.fetch_timeout, settings.allow_private_addresses
    )
