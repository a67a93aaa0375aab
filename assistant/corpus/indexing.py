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
from assistant.errors import ArticleError
from assistant.schema import Article, Passage, Progress, ShowProgress
from assistant.store.active_model import Models
from assistant.store.catalogue import Record
from assistant.store.chroma_follower import ChromaFollower
from assistant.store.store import Entry, Move, Store
from assistant.text.abbreviations import mine_abbreviations

CUT = 3
"""Version of cleaning, cutting and mining; a new one has every article indexed again."""

BATCH_PASSAGES = 256
"""Passages embedded and committed at once: long enough for batches of equal length, short enough
for a progress bar that moves and little to do again after a crash."""

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
        """How articles are cut; kept with each of them. The model is the vectors' matter."""
        return f"{CUT}/{self.passage_words}"

    def plan(self, only: Sequence[str] | None = None) -> Plan:
        """What `apply` would do; nothing is written.

        Args:
            only: looks at no other paths, and finds nothing missing.
        """
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
        ids = [change.article_id for change in plan.of("new", "changed")]
        found = self.store.copies.before(ids)
        changes = (replace(c, copies=found.get(c.article_id, ())) for c in plan.changes)
        return replace(plan, changes=tuple(changes))

    def apply(
        self, plan: Plan, *, origins: Origins | None = None, progress: ShowProgress | None = None
    ) -> None:
        """Makes the index hold what the plan says. The caller holds `Database.writing`.

        Args:
            progress: told after each commit.
        """
        self.put(plan, origins=origins, progress=progress)
        if not plan.empty:
            self.finish(progress)

    def finish(self, progress: ShowProgress | None = None) -> None:
        """Does what is left to do after `put`; it takes the longer the larger the index is.

        Args:
            progress: told how many of many new passages Chroma has.
        """
        self.store.embeddings.forget_unused_vectors()
        self.chroma.catch_up(progress)

    def put(
        self, plan: Plan, *, origins: Origins | None = None, progress: ShowProgress | None = None
    ) -> None:
        """`apply` for one part of many, without `finish`: it takes hardly longer in a large index
        than in a small one.
        """
        work = plan.of("new", "changed")
        # What an older program indexed, or one that was killed.
        self.store.copies.follow(None if work else progress)
        records = self.store.catalogue.records([change.path for change in plan.changes])
        # A file that was corrected or renamed still comes from where it came from.
        origins = {path: record.origin for path, record in records.items()} | dict(origins or {})
        self.models.settle()
        model = self.models.wanted().fingerprint
        moves = [self._move(change) for change in plan.of("moved")]
        removed = [change.article_id for change in plan.of("removed")]
        if moves or removed:
            self.store.apply(model, move=moves, remove=removed)
        self._restamp(plan, records)
        done, weighed, weight = 0, 0, sum(map(_size, work))
        for batch in self._batches(work):
            self.store.apply(model, put=self._entries(batch, origins))
            self.store.copies.follow()
            done += len(batch)
            weighed += sum(_size(change) for change, _, _ in batch)
            step = Progress(done, len(work), "articles", weighed / max(weight, 1))
            self.store.announce(step)
            if progress is not None:
                progress(step)

    def _restamp(self, plan: Plan, records: Mapping[str, Record]) -> None:
        """Notes the new times of files whose articles are the same."""
        new = {
            change.article_id: change.stamp
            for change in plan.of("unchanged")
            if change.path in records and records[change.path].stamp != change.stamp
        }
        if new:
            self.store.restamp(new)

    def _move(self, change: Change) -> Move:
        record = self.store.catalogue.record(change.previous_id, "id")
        origin = record.origin if record else ""
        return Move(change.previous_id, change.article_id, change.path, change.stamp, origin)

    def _batches(self, changes: Sequence[Change]) -> Iterator[list[_Cut]]:
        batch: list[_Cut] = []
        size = 0
        for change in changes:
            article = self._article(change)
            if article is None:
                continue
            passages = tuple(cut_passages(article, self.passage_words))
            batch.append((change, article, passages))
            size += len(passages)
            if size >= BATCH_PASSAGES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _article(self, change: Change) -> Article | None:
        """The article to index; None if its file has changed since the plan was made: the next sync
        indexes it.
        """
        if change.article is not None:
            return change.article
        try:
            article = self.corpus.read(change.path)
        except ArticleError:
            return None
        return article if article.digest == change.digest else None

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
