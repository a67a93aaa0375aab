"""Files to a searchable index: decide what changed, then apply it, batch by batch.

`plan` only looks. `apply` writes whole articles in transactions of the store; killed at any
instant, the same sync again finishes the rest and embeds nothing twice that was committed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.corpus.chunking import cut_passages
from assistant.corpus.folder import Corpus
from assistant.corpus.plan import Change, Plan, decide
from assistant.errors import ArticleError, AssistantError, Stopped
from assistant.models.embedding import Embedder, Vectors
from assistant.schema import Passage, Progress
from assistant.store.active_model import Models, described
from assistant.store.near_duplicates import Copies
from assistant.store.store import Entry, Record, Store, digest_of
from assistant.store.vector_index import VectorIndex
from assistant.text.abbreviations import mine_abbreviations

CUT = 3
"""Version of cleaning, cutting and mining; a new one has every article indexed again."""

BATCH_PASSAGES = 256
"""Passages embedded and committed at once: long enough for batches of equal length, short enough
for a progress bar that moves and little to do again after a crash."""


def _size(change: Change) -> int:
    """Bytes of the file, as its stamp says."""
    return int(change.stamp.partition(":")[0] or 0)


@dataclass(frozen=True)
class Index:
    """Store and vectors kept in step with a corpus."""

    corpus: Corpus
    store: Store
    vectors: VectorIndex
    models: Models
    passage_words: int

    @property
    def recipe(self) -> str:
        """How articles are cut; kept with each of them. The model is the vectors' matter."""
        return f"{CUT}/{self.passage_words}"

    def plan(self, only: Sequence[str] | None = None) -> Plan:
        """What `apply` would do; see `decide`."""
        if only is not None:
            records = self.store.records(only)
            return decide(self.corpus, records, self.recipe, only, self._holder)
        plan = decide(self.corpus, self.store.records(), self.recipe)
        other = self.models.switching_to()
        lacking = self.store.texts_without_vectors(other.fingerprint) if other else 0
        return replace(plan, lacking=lacking)

    def _holder(self, article_id: str) -> str | None:
        record = self.store.record(article_id, "id")
        return record.path if record else None

    def apply(
        self,
        plan: Plan,
        *,
        origins: Mapping[str, str] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Makes the index hold what the plan says. The caller holds `store.writing`.

        Args:
            origins: for paths copied into the corpus: where from.
            progress: told after each commit.
        """
        self.put(plan, origins=origins, progress=progress)
        if not plan.empty:
            self.finish(progress)

    def finish(self, progress: Callable[[Progress], None] | None = None) -> None:
        """What is left to do after `put`; it takes the longer the larger the index is.

        Args:
            progress: told how many of many new passages Chroma has.
        """
        self.store.forget_unused_vectors()
        self.vectors.catch_up(progress)

    def put(
        self,
        plan: Plan,
        *,
        origins: Mapping[str, str] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """`apply`, for one part of many: `finish` is to follow. It takes hardly longer in a large
        index than in a small one.
        """
        copies, work = Copies(self.store), plan.of("new", "changed")
        copies.follow(None if work else progress)  # what an older program indexed, or a killed one
        records = self.store.records([change.path for change in plan.changes])
        # A file that was corrected or renamed still comes from where it came from.
        origins = {path: record.origin for path, record in records.items()} | dict(origins or {})
        self.models.settle()
        model = self.models.wanted().fingerprint
        moves = [(change.previous_id, self._moved(change)) for change in plan.of("moved")]
        removed = [change.article_id for change in plan.of("removed")]
        if moves or removed:
            self.store.apply(model, move=moves, remove=removed)
        self._restamp(plan, records)
        done, weighed, weight = 0, 0, sum(map(_size, work))
        for batch in self._batches(work):
            self.store.apply(model, put=self._entries(batch, origins))
            copies.follow()
            done += len(batch)
            weighed += sum(_size(change) for change, _ in batch)
            step = Progress(done, len(work), "articles", weighed / max(weight, 1))
            self.store.announce(step)
            if progress is not None:
                progress(step)

    def find_lacking(self) -> int:
        """Has the next plan index the articles again that lack a vector of the model that answers;
        how many. A process that could not load that model added them.
        """
        answering = self.store.answering_model()
        if answering is None or self.models.switching_to() is not None:
            return 0
        lacking = self.store.articles_without_vectors(answering.fingerprint)
        if lacking:
            self.store.forget_recipes(lacking)
        return len(lacking)

    def mend(self) -> int:
        """Indexes those articles again; how many."""
        with self.store.writing():
            lacking = self.find_lacking()
            if lacking:
                self.apply(self.plan())
        return lacking

    def switch(
        self,
        *,
        progress: Callable[[Progress], None] | None = None,
        waiting: Callable[[str], None] | None = None,
        stopped: threading.Event | None = None,
    ) -> None:
        """Has the model that is wanted answer: makes the vectors that it lacks, then switches.

        Questions are answered by the old model meanwhile, and other processes may write: the lock
        is held for each batch's commit only. Killed, it goes on at the same place the next time.

        Args:
            progress: told after each commit.
            waiting: called while another process does the same.
            stopped: once set, the rest is left for the next time.
        """
        if self.models.switching_to() is None:
            return
        with self.store.switching(waiting):
            # Another process may have done it, and articles be added while this one does.
            while (embedder := self.models.switching_to()) is not None:
                self._fill(embedder, progress, stopped or threading.Event())
                if stopped is not None and stopped.is_set():
                    return
                self.store.switch(described(embedder))
        self.vectors.follow()

    def _fill(
        self,
        embedder: Embedder,
        progress: Callable[[Progress], None] | None,
        stopped: threading.Event,
    ) -> None:
        """Makes the vectors that passages lack of a model."""
        model = embedder.fingerprint
        done, total, last = 0, self.store.texts_without_vectors(model), 0
        while batch := self.store.passages_without_vectors(model, last, BATCH_PASSAGES):
            if stopped.is_set():
                return
            texts = {digest_of(p.embedded_text): p.embedded_text for p in batch}
            self.store.put_vectors(model, list(texts), embedder.encode(list(texts.values())))
            last, done = batch[-1].number, done + len(texts)
            if progress is not None:
                progress(Progress(done, max(total, done), "passages for the new model"))

    def _restamp(self, plan: Plan, records: Mapping[str, Record]) -> None:
        """Notes the new times of files whose articles are the same."""
        new = {
            change.article_id: change.stamp
            for change in plan.of("unchanged")
            if change.path in records and records[change.path].stamp != change.stamp
        }
        if new:
            self.store.restamp(new)

    def _moved(self, change: Change) -> Entry:
        assert change.article is not None
        record = self.store.record(change.previous_id, "id")
        origin = record.origin if record else ""
        nothing = np.zeros((0, 0), dtype=np.float32)
        return Entry(change.article, (), nothing, {}, self.recipe, change.stamp, origin)

    def _batches(self, changes: Sequence[Change]) -> Iterator[list[tuple[Change, list[Passage]]]]:
        batch: list[tuple[Change, list[Passage]]] = []
        size = 0
        for change in map(self._with_article, changes):
            if change.article is None:
                continue
            passages = cut_passages(change.article, self.passage_words)
            batch.append((change, passages))
            size += len(passages)
            if size >= BATCH_PASSAGES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _with_article(self, change: Change) -> Change:
        """The change with its article; without, if the file is no longer what the plan was made
        for: the next sync sees to it.
        """
        if change.article is not None:
            return change
        try:
            article = self.corpus.read(change.path)
        except ArticleError:
            return change
        return replace(change, article=article) if article.digest == change.digest else change

    def _entries(
        self, batch: Sequence[tuple[Change, list[Passage]]], origins: Mapping[str, str]
    ) -> list[Entry]:
        every = [passage for _, passages in batch for passage in passages]
        wanted, *others = self.models.to_embed_with()
        digests = [digest_of(passage.embedded_text) for passage in every]
        for embedder in others:  # it answers until the switch: the article is to be found by both
            beside = self._embed(every, embedder)
            self.store.put_vectors(embedder.fingerprint, digests, beside)
        vectors = self._embed(every, wanted)
        entries = []
        at = 0
        for change, passages in batch:
            assert change.article is not None
            entries.append(
                Entry(
                    change.article,
                    tuple(passages),
                    vectors[at : at + len(passages)],
                    mine_abbreviations(change.article.text),
                    self.recipe,
                    change.stamp,
                    origins.get(change.path, ""),
                    change.previous_id,
                )
            )
            at += len(passages)
        return entries

    def _embed(self, passages: Sequence[Passage], embedder: Embedder) -> Vectors:
        """Vectors of the passages; a text embedded before is not embedded again."""
        model = embedder.fingerprint
        texts = {digest_of(p.embedded_text): p.embedded_text for p in passages}
        known = self.store.cached_vectors(list(texts), model)
        new = [digest for digest in texts if digest not in known]
        if new:
            encoded = embedder.encode([texts[digest] for digest in new])
            known.update(zip(new, encoded, strict=True))
        rows = [known[digest_of(p.embedded_text)] for p in passages]
        return np.vstack(rows) if rows else np.zeros((0, 0), dtype=np.float32)


class BackgroundSwitch:
    """`Index.switch` in a thread, for a process that answers questions meanwhile."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.note = ""
        """How far it is, or why it cannot go on; empty when there is nothing to say."""

    def start(self) -> None:
        """Begins, or goes on where it was stopped."""
        self._thread = threading.Thread(target=self._run, name="switch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for the batch that is being embedded; the rest is left for the next time."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._index.switch(progress=self._show, waiting=self._wait, stopped=self._stopped)
            self.note = ""
        except AssistantError as error:
            self.note = f"the new model cannot be switched to ({error})"
        except Stopped:
            pass

    def _show(self, step: Progress) -> None:
        self.note = f"{step.done} of {step.total} {step.unit}"

    def _wait(self, message: str) -> None:
        self.note = message
        if self._stopped.is_set():
            raise Stopped
