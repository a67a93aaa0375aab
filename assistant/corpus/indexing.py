"""Files to a searchable index: decide what changed, then apply it, batch by batch.

`plan` only looks. `apply` writes whole articles in transactions of the store; killed at any
instant, the same sync again finishes the rest and embeds nothing twice that was committed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from assistant.corpus.chunking import cut_passages
from assistant.corpus.folder import Corpus
from assistant.corpus.plan import Change, Plan, decide
from assistant.schema import Article, Passage, Progress, ShowProgress
from assistant.store.active_model import Models
from assistant.store.chroma_follower import ChromaFollower
from assistant.store.store import Entry, Move, Store
from assistant.text.abbreviations import mine_abbreviations

CUT = 3
"""Version of cleaning, cutting and mining; a new one has every article indexed again."""

Origins = Mapping[str, str]
"""Where files that were added came from, by path."""

_Cut = tuple[Change, Article, tuple[Passage, ...]]


@dataclass(frozen=True)
class Index:
    """Everything derived from a corpus, kept in step with it."""

    corpus: Corpus
    store: Store
    chroma: ChromaFollower
    models: Models
    passage_words: int

    @property
    def recipe(self) -> str:
        """How articles are cut; kept with each of them. Vectors are kept by model instead."""
        return f"{CUT}/{self.passage_words}"

    def plan(self, only: Sequence[str] | None = None) -> Plan:
        """What `apply` would do, for `only` these paths as `decide` says; nothing is written."""
        records = self.store.catalogue.records(only)
        if only is not None:
            return decide(self.corpus, records, self.recipe, only, self._holder)
        plan = decide(self.corpus, records, self.recipe)
        other = self.models.switching_to()
        lacking = self.store.embeddings.texts_without_vectors(other.fingerprint) if other else 0
        return replace(plan, lacking=lacking)

    def _holder(self, article_id: str) -> str | None:
        record = self.store.catalogue.record(article_id, "id")
        return record.path if record else None

    def with_near_duplicates(self, plan: Plan) -> Plan:
        """The plan after it was carried out, each article with the near-duplicates before it."""
        found = self.store.copies.before([c.article_id for c in plan.of("new", "changed")])
        changes = (replace(c, copies=found.get(c.article_id, ())) for c in plan.changes)
        return replace(plan, changes=tuple(changes))

    def forget_incomplete(self) -> int:
        """Marks the articles that lack a vector of the model that answers to be indexed again by
        the next plan: they were added by a process that could not load it. Returns how many. The
        caller holds `Database.writing`.
        """
        answering = self.store.embeddings.answering_model()
        if answering is None or self.models.switching_to() is not None:
            return 0
        incomplete = self.store.embeddings.articles_without_vectors(answering.fingerprint)
        if incomplete:
            self.store.forget_recipes(incomplete)
        return len(incomplete)

    def repair(self) -> int:
        """Indexes those articles again; returns how many."""
        with self.store.writing():
            incomplete = self.forget_incomplete()
            if incomplete:
                self.apply(self.plan())
        return incomplete

    def apply(
        self, plan: Plan, *, origins: Origins | None = None, progress: ShowProgress | None = None
    ) -> None:
        """Makes the index hold what the plan says. The caller holds `Database.writing`."""
        self.put(plan, origins=origins, progress=progress)
        if not plan.empty:
            self.finish(progress)

    def finish(self, progress: ShowProgress | None = None) -> None:
        """Does what `put` leaves undone; it takes longer the larger the index is."""
        self.store.embeddings.forget_unused_vectors()
        self.chroma.catch_up(progress)

    def put(
        self, plan: Plan, *, origins: Origins | None = None, progress: ShowProgress | None = None
    ) -> None:
        """`apply` without `finish`, for one part of many: hardly slower in a large index."""
        work = plan.of("new", "changed")
        # What an older program indexed, or one that was killed.
        self.store.copies.follow(None if work else progress)
        records = self.store.catalogue.records([change.path for change in plan.changes])
        # A file that was corrected or renamed still comes from where it came from.
        origins = {path: record.origin for path, record in records.items()} | dict(origins or {})
        model = self.models.wanted()
        self.store.embeddings.name_model(model)
        moves = [Move(c.previous_id, c.article_id, c.path, c.stamp) for c in plan.of("moved")]
        removed = [change.article_id for change in plan.of("removed")]
        if moves or removed:
            self.store.apply(model.fingerprint, move=moves, remove=removed)
        stamps = {
            change.article_id: change.stamp
            for change in plan.of("unchanged")
            if change.path in records and records[change.path].stamp != change.stamp
        }
        if stamps:
            self.store.restamp(stamps)
        done, weighed, weight = 0, 0, sum(map(_size, work))
        for batch in self._batches(work):
            self.store.apply(model.fingerprint, put=self._entries(batch, origins))
            self.store.copies.follow()
            done += len(batch)
            weighed += sum(_size(change) for change, _, _ in batch)
            step = Progress(done, len(work), "articles", weighed / max(weight, 1))
            self.store.announce(step)
            if progress is not None:
                progress(step)

    def _batches(self, changes: Sequence[Change]) -> Iterator[list[_Cut]]:
        batch: list[_Cut] = []
        size = 0
        for change in changes:
            article = change.article or self.corpus.read_same(change.path, change.digest)
            if article is None:  # its file has changed since the plan: the next sync indexes it
                continue
            passages = tuple(cut_passages(article, self.passage_words))
            batch.append((change, article, passages))
            size += len(passages)
            if size >= self.store.embeddings.BATCH:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _entries(self, batch: Sequence[_Cut], origins: Origins) -> list[Entry]:
        vectors = self.models.embed([p.embedded_text for _, _, cut in batch for p in cut])
        ends = accumulate(len(passages) for _, _, passages in batch)
        return [
            Entry(
                article,
                passages,
                vectors[end - len(passages) : end],
                mine_abbreviations(article.text),
                self.recipe,
                change.stamp,
                origins.get(change.path, ""),
                change.previous_id,
            )
            for (change, article, passages), end in zip(batch, ends, strict=True)
        ]


def _size(change: Change) -> int:
    """Bytes of the file, as its stamp says."""
    return int(change.stamp.partition(":")[0] or 0)
