"""Files to a searchable index: decide what changed, then apply it, batch by batch.

`plan` only looks. `apply` writes whole articles in transactions of the store; killed at any
instant, the same sync again finishes the rest and embeds nothing twice that was committed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.abbreviations import mine_abbreviations
from assistant.corpus import Corpus, Found
from assistant.embedding import Embedder, Vectors
from assistant.errors import ArticleError
from assistant.passages import cut_passages
from assistant.schema import Article, Change, Passage, Plan, Progress
from assistant.store import Entry, Record, Store, digest_of
from assistant.vectors import VectorIndex

CUT = 2
"""Version of cleaning, cutting and mining; a new one has every article indexed again."""

BATCH_PASSAGES = 256
"""Passages embedded and committed at once: long enough for batches of equal length, short enough
for a progress bar that moves and little to do again after a crash."""


def decide(
    corpus: Corpus, records: Mapping[str, Record], recipe: str, only: Sequence[str] | None = None
) -> Plan:
    """What the files mean for an index that holds `records` (by path). Writes nothing.

    A file that cannot be read is `failed` and its indexed version stays. A file that is missing
    is `removed`, unless a new file has its content: then it is `moved`.

    Args:
        recipe: how articles are cut and embedded now; articles indexed otherwise are `changed`.
        only: looks at these paths alone, and finds nothing missing.
    """
    found, closed = _found(corpus, only)
    paths = {file.path for file in found}
    missing = {} if only is not None else _missing(records, paths, closed)
    ids = {record.id: path for path, record in records.items() if path in paths or only is not None}
    changes = [Change("failed", error.subject, error=str(error)) for error in closed]
    for file in found:
        record = records.get(file.path)
        if record is not None and (record.stamp, record.recipe) == (file.stamp, recipe):
            changes.append(_change("unchanged", file, record.id))
            continue
        try:
            article = corpus.read(file.path)
            _refuse_duplicate(article, ids)
        except ArticleError as error:
            changes.append(Change("failed", file.path, error=str(error), stamp=file.stamp))
            continue
        ids[article.id] = file.path
        changes.append(_compare(article, file, record, missing, recipe))
    gone = [Change("removed", path, article_id=record.id) for path, record in missing.items()]
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


def _refuse_duplicate(article: Article, ids: Mapping[str, str]) -> None:
    other = ids.get(article.id)
    if other is not None and other != article.path:
        raise ArticleError(
            article.path,
            f"has the same id as {other}: {article.id}",
            "give it another url, or delete one of the two",
        )


def _compare(
    article: Article, file: Found, record: Record | None, missing: dict[str, Record], recipe: str
) -> Change:
    """One readable file against what the index holds; takes what it moves out of `missing`."""
    if record is not None:
        same = (record.digest, record.recipe, record.id) == (article.digest, recipe, article.id)
        return replace(
            _change("unchanged" if same else "changed", file, article.id),
            article=None if same else article,
            previous_id=record.id,
        )
    for path, old in missing.items():
        if old.digest == article.digest or old.id == article.id:
            del missing[path]
            same = (old.digest, old.recipe) == (article.digest, recipe)
            kind = _change("moved" if same else "changed", file, article.id)
            return replace(kind, article=article, previous_id=old.id)
    return replace(_change("new", file, article.id), article=article)


def _change(kind: str, file: Found, article_id: str) -> Change:
    return Change(kind, file.path, article_id=article_id, stamp=file.stamp)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Index:
    """Store and vectors kept in step with a corpus."""

    corpus: Corpus
    store: Store
    vectors: VectorIndex
    embedder: Embedder
    passage_words: int

    @property
    def recipe(self) -> str:
        """How articles are cut and embedded; kept with each of them."""
        return f"{CUT}/{self.passage_words}/{self.embedder.fingerprint}"

    def plan(self, only: Sequence[str] | None = None) -> Plan:
        """What `apply` would do; see `decide`."""
        return decide(self.corpus, self.store.records(), self.recipe, only)

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
        records = self.store.records().values()
        # A file that was corrected or renamed still comes from where it came from.
        origins = {record.path: record.origin for record in records} | dict(origins or {})
        came_from = {record.id: record.origin for record in records}
        model = self.embedder.fingerprint
        moves = [
            (c.previous_id, self._moved(c, came_from.get(c.previous_id, "")))
            for c in plan.of("moved")
        ]
        removed = [change.article_id for change in plan.of("removed")]
        if moves or removed:
            self.store.apply(model, move=moves, remove=removed)
        self._restamp(plan)
        work = plan.of("new", "changed")
        done = 0
        for batch in self._batches(work):
            self.store.apply(model, put=self._entries(batch, origins))
            done += len(batch)
            step = Progress(done, len(work), "articles")
            self.store.announce(step)
            if progress is not None:
                progress(step)
        if not plan.empty:
            self.store.forget_unused_vectors()
            self.vectors.follow()

    def _restamp(self, plan: Plan) -> None:
        stamps = {record.id: record.stamp for record in self.store.records().values()}
        new = {
            change.article_id: change.stamp
            for change in plan.of("unchanged")
            if stamps.get(change.article_id) != change.stamp
        }
        if new:
            self.store.restamp(new)

    def _moved(self, change: Change, origin: str) -> Entry:
        assert change.article is not None
        nothing = np.zeros((0, 0), dtype=np.float32)
        return Entry(change.article, (), nothing, {}, self.recipe, change.stamp, origin)

    def _batches(self, changes: Sequence[Change]) -> Iterator[list[tuple[Change, list[Passage]]]]:
        batch: list[tuple[Change, list[Passage]]] = []
        size = 0
        for change in changes:
            assert change.article is not None
            passages = cut_passages(change.article, self.passage_words)
            batch.append((change, passages))
            size += len(passages)
            if size >= BATCH_PASSAGES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _entries(
        self, batch: Sequence[tuple[Change, list[Passage]]], origins: Mapping[str, str]
    ) -> list[Entry]:
        vectors = self._embed([passage for _, passages in batch for passage in passages])
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

    def _embed(self, passages: Sequence[Passage]) -> Vectors:
        """Vectors of the passages; a text embedded before is not embedded again."""
        texts = {digest_of(p.embedded_text): p.embedded_text for p in passages}
        known = self.store.cached_vectors(list(texts), self.embedder.fingerprint)
        new = [digest for digest in texts if digest not in known]
        if new:
            encoded = self.embedder.encode([texts[digest] for digest in new])
            known.update(zip(new, encoded, strict=True))
        rows = [known[digest_of(p.embedded_text)] for p in passages]
        return np.vstack(rows) if rows else np.zeros((0, 0), dtype=np.float32)
