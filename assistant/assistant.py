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
from functools import partial
from pathlib import Path
from typing import Any

from assistant import feedback
from assistant.answering.extractive import ExtractiveAnswerer
from assistant.answering.generative import GenerativeAnswerer
from assistant.answering.messages import EMPTY_CORPUS, reply, say
from assistant.answering.pipeline import AskRequest, Pipeline, QueryUnderstanding
from assistant.answering.reader import Reader, TrainedReader
from assistant.answering.selection import Selector
from assistant.answering.verification.checks import Entailment
from assistant.answering.verification.entailment import ReaderEntailment
from assistant.corpus.folder import Corpus
from assistant.corpus.incoming import Limits
from assistant.corpus.indexing import Index
from assistant.corpus.ingestion import Ingestion
from assistant.corpus.library import Library
from assistant.corpus.plan import Plan, ShowPlan
from assistant.models.cross_encoder import CrossEncoder
from assistant.models.embedding import Embedder, SentenceEmbedder
from assistant.models.llm.base import LanguageModel
from assistant.models.llm.providers import language_model
from assistant.models.pair_models import Reranker, SentenceEntailment, SentenceReranker
from assistant.retrieval.retriever import Retriever
from assistant.retrieval.suggestions import suggest
from assistant.schema import Answer, Filter, ScoredPassage, ShowProgress, ShowWaiting, Turn
from assistant.settings import Settings, load_settings
from assistant.store.active_model import Models, ModelSwitch
from assistant.store.chroma_follower import ChromaFollower
from assistant.store.store import Store
from assistant.store.vector_index import VectorIndex


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
        embedder: replaces what the settings name, as do the others that are given: the reader, the
            reranker, the language model, and the judge whether a passage entails a sentence.

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
    reader = reader or TrainedReader(weights)
    if entails is None:
        named = settings.entailment
        entails = SentenceEntailment(named) if named else ReaderEntailment(weights)
    model = model or language_model(settings)
    return Assistant(settings, embedder, reader, reranker, model, entails)


class Assistant(Library):
    """A library of articles that answers questions from them. Make it with `open_assistant`; any
    thread may use it.
    """

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
        self._store = store = Store(settings.data_folder)
        self._models = Models(store.embeddings, embedder)
        self._chroma = ChromaFollower(store.embeddings, settings.data_folder / "chroma")
        index = Index(corpus, store, self._chroma, self._models, settings.passage_words)
        limits = Limits(
            settings.max_file_mb << 20, settings.fetch_timeout, settings.allow_private_addresses
        )
        super().__init__(Ingestion(index, limits), settings.data_folder / "removed")
        self._switch = ModelSwitch(self._models, self._chroma.follow)
        self._retriever = Retriever(
            store,
            VectorIndex(self._chroma),
            self._models.answering,
            mode=settings.retrieval,
            abbreviations=settings.abbreviations,
            reranker=reranker,
        )
        extractive = ExtractiveAnswerer(store)
        generative = None
        if model is not None:
            generative = GenerativeAnswerer(model, extractive, settings.llm_context, entails)
        self._pipeline = Pipeline(
            self._retriever,
            reader,
            Selector(store, settings.threshold, settings.answer_sentences),
            extractive,
            settings.candidates,
            # A reranker has read them all before: what it puts last is not read again.
            settings.candidates // (1 if reranker is None else 3) or 1,
            model,
            generative,
        )
        self._ready = threading.Event()
        self._suggestions = store.cached(partial(suggest, store))

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

    def ask(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        alone: bool = False,
        within: Filter = Filter(),
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
        *_, answer = self.stream(
            question, turns, alone=alone, within=within, today=today, narrow=narrow
        )
        return answer

    def stream(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        alone: bool = False,
        within: Filter = Filter(),
        today: date | None = None,
        narrow: bool = True,
    ) -> Iterator[Answer]:
        """The answer as it grows; each item holds all so far, the last is the whole answer."""
        said = reply(question)
        if said is None and self._store.catalogue.counts()[1] == 0:
            said = say(question, EMPTY_CORPUS)
        if said is not None:
            yield said
            return
        started = time.perf_counter()
        if not self._ready.is_set():
            self._load()
        loading = time.perf_counter() - started
        request = AskRequest(question, () if alone else turns, within, today, narrow)
        for answer in self._pipeline.stream(request):
            notice = " ".join(filter(None, (answer.notice, self.model_problem())))
            timings = answer.timings | {"loading": loading}
            yield replace(answer, notice=notice, timings=timings)

    def understand(
        self,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        within: Filter = Filter(),
        today: date | None = None,
    ) -> QueryUnderstanding:
        """What a question means after these turns, and which time it is about."""
        return self._pipeline.understand(AskRequest(question, turns, within, today))

    def retrieve(
        self, question: str, limit: int, within: Filter = Filter()
    ) -> tuple[ScoredPassage, ...]:
        """The passages nearest to a question, best first, for programs that read themselves."""
        return self._retriever.search(" ".join(question.split()), limit, within)[1]

    def suggested_questions(self, limit: int = 4) -> list[str]:
        """Questions that the articles answer, for people who do not know what to ask."""
        return self._suggestions()[:limit]

    def give_feedback(self, answer: Answer, reason: str, remark: str = "") -> Path:
        """Puts an answer that is wrong, for one of `feedback.REASONS`, into the inbox of the
        evaluation; returns the inbox.
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
        return f"ready: {articles:,} articles, {passages:,} passages" + (
            f"; {note}" if note else ""
        )

    def model_problem(self) -> str:
        """Why passages are not found by their meaning now, with the remedy; empty if they are."""
        return self._models.problem() if self.settings.retrieval != "lexical" else ""

    def mend_vectors(self) -> int:
        """Embeds the articles again that lack a vector of the model; returns how many."""
        return self._index.repair()

    def mend_chroma(self) -> list[str] | None:
        """Rebuilds Chroma if it is not whole; what was wrong, None if another process owns it."""
        return self._chroma.repair()

    # ---- the corpus -------------------------------------------------------------------------

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
            background: embeds with another model in a thread, while the old one answers here.
        """
        plan = self._ingestion.sync(show, progress, waiting)
        if background:
            self._switch.start()
        else:
            self._switch.run(progress, waiting)
        return plan
