"""Files to a searchable index: decide what changed, then apply it, batch by batch.

`plan` only looks. `apply` writes whole articles in transactions of the store; killed at any
instant, the same sync again finishes the rest and embeds nothing twice that was committed.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.corpus.chunking import cut_passages
from assistant.corpus.folder import Corpus, Found
from assistant.errors import ArticleError, AssistantError
from assistant.models.embedding import Embedder, Vectors
from assistant.schema import Article, Change, Passage, Plan, Progress
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

KEPT_CHARACTERS = 10_000_000
"""Characters of articles that a plan holds; the rest are read a second time when they are indexed.
A character takes one to four bytes: the texts of 100,000 articles would need half a gigabyte."""


def decide(
    corpus: Corpus,
    records: Mapping[str, Record],
    recipe: str,
    only: Sequence[str] | None = None,
    holder: Callable[[str], str | None] = lambda article_id: None,
) -> Plan:
    """What the files mean for an index that holds `records` (by path). Writes nothing.

    A file that cannot be read is `failed` and its indexed version stays. A file that is missing
    is `removed`, unless a new file has its content: then it is `moved`.

    Args:
        recipe: how articles are cut now; articles indexed otherwise are `changed`.
        only: looks at these paths alone, and finds nothing missing; `records` may be those of them.
        holder: path of the article that has an id, for those that `records` lacks.
    """
    found, closed = _found(corpus, only)
    paths = {file.path for file in found}
    missing = _Missing({} if only is not None else _missing(records, paths, closed))
    ids = {record.id: path for path, record in records.items() if path in paths}
    changes = [Change("failed", error.subject, error=str(error)) for error in closed]
    room = KEPT_CHARACTERS
    for file in found:
        record = records.get(file.path)
        if record is not None and (record.stamp, record.recipe) == (file.stamp, recipe):
            changes.append(_change("unchanged", file, record.id))
            continue
        try:
            article = corpus.read(file.path)
            _refuse_duplicate(article, ids.get(article.id) or holder(article.id))
        except ArticleError as error:
            changes.append(Change("failed", file.path, error=str(error), stamp=file.stamp))
            continue
        ids[article.id] = file.path
        change = _compare(article, file, record, missing, recipe)
        if change.kind in ("new", "changed"):
            room -= len(article.text)
            held = article if room >= 0 else None
            change = replace(change, article=held, digest=article.digest)
        changes.append(change)
    gone = [Change("removed", r.path, article_id=r.id) for r in missing.records.values()]
    return Plan(tuple(sorted(changes + gone, key=lambda change: change.path)))


def _found(corpus: Corpus, only: Sequence[str] | None) -> tuple[list[Found], list[ArticleError]]:
    if only is None:
        return corpus.scan()
    return [corpus.stat(corpus.root / path) for path in dict.fromkeys(only)], []


def _missing(
    records: Mapping[str, Record], paths: set[str], closed: Sequence[ArticleError]
) -> dict[str, Record]:
    """The records whose file is gone; what lies in a closed folder is not known to be gone."""
    hidden = tuple(error.subject for error in closed)
    return {
        path: record
        for path, record in records.items()
        if path not in paths and not path.startswith(hidden)
    }


class _Missing:
    """Records whose file is gone, to be found by what the article says or is called."""

    def __init__(self, records: dict[str, Record]) -> None:
        self.records = records
        self._like: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(records, reverse=True):
            for key in (records[path].digest, records[path].id):
                self._like[key].append(path)

    def take(self, article: Article) -> Record | None:
        """The record of an article that has another file now: it is missing no more."""
        for paths in (self._like[article.digest], self._like[article.id]):
            while paths:
                found = self.records.pop(paths.pop(), None)
                if found is not None:
                    return found
        return None


def _refuse_duplicate(article: Article, other: str | None) -> None:
    if other is not None and other != article.path:
        raise ArticleError(
            article.path,
            f"has the same id as {other}: {article.id}",
            "give it another url, or delete one of the two",
        )


def _compare(
    article: Article, file: Found, record: Record | None, missing: _Missing, recipe: str
) -> Change:
    """One readable file against what the index holds; takes what it moves out of `missing`."""
    if record is not None:
        known = (record.digest, record.language, record.recipe, record.id)
        same = known == (article.digest, article.language, recipe, article.id)
        return replace(
            _change("unchanged" if same else "changed", file, article.id),
            article=None if same else article,
            previous_id=record.id,
        )
    old = missing.take(article)
    if old is not None:
        same = (old.digest, old.recipe) == (article.digest, recipe)
        kind = _change("moved" if same else "changed", file, article.id)
        return replace(kind, article=article, previous_id=old.id)
    return replace(_change("new", file, article.id), article=article)


def _size(change: Change) -> int:
    """Bytes of the file, as its stamp says."""
    return int(change.stamp.partition(":")[0] or 0)


def _change(kind: str, file: Found, article_id: str) -> Change:
    return Change(kind, file.path, article_id=article_id, stamp=file.stamp)  # type: ignore[arg-type]


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
        except _Stopped:
            pass

    def _show(self, step: Progress) -> None:
        self.note = f"{step.done} of {step.total} {step.unit}"

    def _wait(self, message: str) -> None:
        self.note = message
        if self._stopped.is_set():
            raise _Stopped


class _Stopped(Exception):
    """It is to wait no longer for another process."""
