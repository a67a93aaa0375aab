"""Files, folders, pages and feeds into the corpus and its index.

A file is written before it is indexed, so that the next sync repairs a crash in between.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.corpus.incoming import (
    Incoming,
    Limits,
    Places,
    expected,
    files,
    from_file,
    is_address,
)
from assistant.corpus.indexing import Index
from assistant.corpus.plan import Change, ChangeKind, Plan, ShowPlan, failed
from assistant.errors import ArticleError, Stopped
from assistant.schema import Progress, ShowProgress, ShowWaiting

CHUNK_CHARACTERS = 400_000
"""Of articles that are written and indexed at once: some 500 passages, two batches to embed. With
fewer the index would look up what it holds too often; of more, more files would be taken back."""

CHUNK_SECONDS = 5.0
"""Seconds of reading after which what was read is indexed, however little it is: pages of the web
come one a second."""


@dataclass(frozen=True)
class _Inside:
    """A file that lies in the corpus already."""

    path: str
    origin: str


_Found = Incoming | ArticleError | _Inside


@dataclass(frozen=True)
class Ingestion:
    """Brings many articles into one corpus and its index."""

    index: Index
    limits: Limits

    def sync(
        self,
        show: ShowPlan | None = None,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
    ) -> Plan:
        """Makes the index hold what the corpus folder holds; returns what it did. `show` is called
        with the plan before anything is written.
        """
        with self.index.store.writing(waiting):
            self.index.forget_incomplete()
            plan = self.index.plan()
            if show is not None:
                show(plan)
            self.index.apply(plan, progress=progress)
        return self.index.with_near_duplicates(plan)

    def add(
        self,
        sources: Sequence[Path | str],
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
        stop: threading.Event | None = None,
    ) -> Plan:
        """Puts files, the files of folders, or pages and feeds of the web into the corpus, and
        indexes them; returns what it did.

        The same file again is a no-op; the same file with other content replaces its article; the
        same content under another name is not added twice. Of lists and archives (JSONL, CSV, ZIP)
        each article becomes a file. What fails is in the plan's failures; the rest is added.

        Ended early, by `stop`, Ctrl-C or an error, what was committed stays; a file that is not
        indexed by then is deleted, or gets its old content back. Killed, the next sync indexes it.

        Args:
            sources: paths, and addresses that begin with http:// or https://.
            progress: called after each commit; the total is an estimate until all is read.
            stop: ends it early when it is set: the plan is then what was done until there.
        """
        stop = stop or threading.Event()
        meter = _Meter(
            expected(sources) if progress else 0, self.index.store.announce, progress, stop
        )
        indexed: list[Change] = []
        others: list[Change] = []
        taken: set[str] = set()
        paths = [source for source in sources if not is_address(source)]
        for found in _chunks(self._incoming(paths), stop):
            chunk = _Chunk(self.index, taken)
            with self.index.store.writing(waiting):
                plan = chunk.add(found, meter)
            indexed += (replace(change, article=None) for change in plan)  # or all texts are held
            others += chunk.others
            meter.base += len(found)
        if not Plan(tuple(indexed)).empty:
            self.index.finish(progress)
        notes: list[str] = []
        for url in (str(source) for source in sources if is_address(source)):
            if stop.is_set():
                break
            plan_of_url = self._add_address(url, meter, waiting)
            others += plan_of_url.changes
            notes += plan_of_url.notes
        changes = (*sorted(indexed, key=lambda change: change.path), *others)
        return self.index.with_near_duplicates(Plan(changes, tuple(notes)))

    def _add_address(self, url: str, meter: "_Meter", waiting: ShowWaiting | None) -> Plan:
        """Adds the article at an address, or those that a feed there lists as they are fetched."""
        from assistant.corpus.feed_reader import FeedReader  # on use, as in `page_at`

        reader = FeedReader(self.index.store, self.limits)
        try:
            feed = reader.look(url)
        except ArticleError as error:
            return Plan((failed(error),))
        if isinstance(feed, Incoming):
            return Plan((self.add_one(feed, waiting),))
        if not feed.wanted:
            return Plan((), (f"{url} has nothing new",))
        meter.total += len(feed.wanted) - 1
        changes: list[Change] = []
        for found in reader.fetch(feed, again=True):
            if meter.stop.is_set():
                break
            changes.append(self.add_one(found, waiting))
            meter.pass_by()
        return Plan(tuple(changes))

    def add_one(
        self, incoming: Incoming | ArticleError, waiting: ShowWaiting | None = None
    ) -> Change:
        """Adds an article that was read or fetched before, as it was seen."""
        if isinstance(incoming, ArticleError):
            return failed(incoming)
        chunk = _Chunk(self.index, set())
        with self.index.store.writing(waiting):
            indexed = chunk.add([incoming])
            if indexed:
                self.index.finish()
        (change,) = self.index.with_near_duplicates(Plan((*indexed, *chunk.others))).changes
        return change

    def foresee(self, incoming: Incoming) -> Change:
        """What `add_one` would do: the article is new, replaces an older version, or is there
        already; with its near-duplicates. Nothing is written.
        """
        places, article = Places(self.index.store.catalogue, set()), incoming.article
        same, older = places.same(incoming), places.older(incoming)
        if same is not None:
            change = Change("unchanged", same[0], article_id=same[1])
        else:
            kind: ChangeKind = "changed" if older else "new"
            path, previous_id = older or (incoming.name, "")
            change = Change(kind, path, article, article_id=article.id, previous_id=previous_id)
        own = (change.article_id, change.previous_id)
        found = self.index.store.copies.like(article.text)
        return replace(change, copies=tuple(c for c in found if c.article_id not in own))

    def _incoming(self, sources: Sequence[Path | str]) -> Iterator[_Found]:
        """What the files and folders hold, one after the other."""
        for path in files(sources):
            inside = self.index.corpus.holds(path)
            if inside is not None:
                yield _Inside(inside, str(path.resolve()))
            else:
                yield from from_file(path, self.limits)


class _Chunk:
    """Articles whose files are written and indexed at once."""

    def __init__(self, index: Index, taken: set[str]) -> None:
        self._index = index
        self._places = Places(index.store.catalogue, taken)
        self._origins: dict[str, str] = {}
        self._writes: dict[str, bytes] = {}
        self._before: dict[str, bytes | None] = {}
        """What the files were that are written, None where there was none."""
        self.others: list[Change] = []
        """What became of the articles for which no file was written."""

    def add(self, chunk: Sequence[_Found], progress: ShowProgress | None = None) -> list[Change]:
        """Writes the files and indexes them; returns what became of them. The caller holds
        `Database.writing`.

        Whatever ends it early: a file that is not indexed by then is taken back.
        """
        for found in chunk:
            self._put(found)
        corpus, plan = self._index.corpus, Plan(())
        try:
            corpus.write_all(self._writes)
            plan = self._index.plan(only=list(self._origins))
            self._index.put(plan, origins=self._origins, progress=progress)
        except BaseException as error:
            for path, content in self._before.items():
                if not self._is_indexed(path):
                    corpus.take_back(path, content)
            if not isinstance(error, Stopped):
                raise
            return [change for change in plan.changes if self._is_indexed(change.path)]
        return list(plan.changes)

    def _put(self, found: _Found) -> None:
        """Decides into which file an article is written, if into any."""
        if isinstance(found, ArticleError):
            self.others.append(failed(found))
            return
        if isinstance(found, _Inside):
            self._origins[found.path] = found.origin
            return
        same, older = self._places.same(found), self._places.older(found)
        if same is not None:
            offered = "" if older == same else found.origin
            self.others.append(Change("unchanged", same[0], article_id=same[1], offered=offered))
            return
        corpus, content = self._index.corpus, None
        path = older[0] if older else corpus.free_path(found.name, self._writes)
        if older:
            with suppress(ArticleError):  # gone since it was indexed
                content = corpus.content(path)
        known = content is None or not found.replaces or corpus.version(content) in found.replaces
        if not known:
            problem = f"was corrected here, and has changed at {found.origin} since"
            remedy = f"`assistant add {found.origin}` takes the newer version"
            self.others.append(failed(ArticleError(path, problem, remedy)))
            return
        self._before[path] = content
        self._writes[path] = found.content
        self._origins[path] = found.origin
        self._places.put(found, path)

    def _is_indexed(self, path: str) -> bool:
        """Whether the index holds a file as it is now."""
        corpus, record = self._index.corpus, self._index.store.catalogue.record(path)
        return record is not None and record.stamp == corpus.stat(corpus.root / path).stamp


@dataclass
class _Meter:
    """Tells how far an import is, and ends it where that is wanted."""

    total: int
    announce: ShowProgress
    progress: ShowProgress | None
    stop: threading.Event
    base: int = 0
    """Articles that are done with."""

    def __call__(self, step: Progress) -> None:
        """Called after each commit of the index.

        Raises:
            Stopped: the import is to end here.
        """
        done = self.base + step.done
        far = Progress(done, max(self.total, done), "articles")
        self.announce(far)
        if self.progress is not None:
            self.progress(far)
        if self.stop.is_set() and step.done < step.total:
            raise Stopped

    def pass_by(self) -> None:
        """Another article was added by itself, or could not be fetched."""
        self.base += 1
        if self.progress is not None:
            self.progress(Progress(self.base, max(self.total, self.base), "articles"))


def _chunks(found: Iterable[_Found], stop: threading.Event) -> Iterator[list[_Found]]:
    """What is written and indexed at once; ends early when it is stopped."""
    chunk: list[_Found] = []
    size, started = 0, time.monotonic()
    for one in found:
        if stop.is_set():
            return
        chunk.append(one)
        size += len(one.article.text) if isinstance(one, Incoming) else 0
        if size >= CHUNK_CHARACTERS or time.monotonic() - started >= CHUNK_SECONDS:
            yield chunk
            chunk, size, started = [], 0, time.monotonic()
    if chunk and not stop.is_set():
        yield chunk
