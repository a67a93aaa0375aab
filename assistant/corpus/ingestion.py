"""Files, pages and pasted text into the corpus and the index: added, corrected, removed, synced.

The file is written before it is indexed, so that a crash in between is mended by the next sync.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.corpus.folder import Corpus
from assistant.corpus.incoming import (
    Incoming,
    Limits,
    Places,
    expected,
    files,
    from_file,
    is_address,
    page_at,
    version_of,
)
from assistant.corpus.indexing import Index
from assistant.corpus.plan import Change, Plan
from assistant.errors import ArticleError, CorpusError, Stopped
from assistant.schema import Article, Passage, Progress
from assistant.sources.corrections import Corrected, Correction, correct_file
from assistant.sources.files import parse_article
from assistant.sources.filing import pasted_file
from assistant.sources.metadata import FiledArticle
from assistant.store.store import Store

ShowPlan = Callable[[Plan], None]
ShowProgress = Callable[[Progress], None]
ShowWaiting = Callable[[str], None]

CHUNK_CHARACTERS = 400_000
"""Of articles that are written and indexed at once: some 500 passages, two batches to embed. With
fewer the index would look up what it holds too often; of more, more files would be taken back."""

CHUNK_SECONDS = 5.0
"""Seconds of reading after which what was read is indexed, however little it is: pages of the web
come one a second."""


@dataclass(frozen=True)
class Details:
    """All that is known of one article, for a person who looks it over."""

    article: Article
    passages: tuple[Passage, ...]
    origin: str
    """Where it was added from: a file, an address; "" for a file put into the corpus by hand."""
    date_from: str
    """What the date rests on: metadata, url or text; "" without a date."""
    version: str
    """Digest of its file as it is now; "" when the file is gone."""
    problem: str = ""
    """Why the file cannot be read as it is now, or that it differs from what is indexed."""


@dataclass(frozen=True)
class _Inside:
    """A file that lies in the corpus already."""

    path: str
    origin: str


_Found = Incoming | ArticleError | _Inside


@dataclass(frozen=True)
class Ingestion:
    """One corpus and its index. `Assistant` has the same methods and says what they do.

    Args:
        aside: folder for the files of removed articles.
    """

    corpus: Corpus
    store: Store
    index: Index
    limits: Limits
    aside: Path

    def sync(
        self,
        show: ShowPlan | None = None,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
    ) -> Plan:
        """See `Assistant.sync`."""
        with self.store.writing(waiting):
            self.index.find_lacking()
            plan = self.index.plan()
            if show is not None:
                show(plan)
            self.index.apply(plan, progress=progress)
        return plan

    def add(
        self,
        sources: Sequence[Path | str],
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
        stop: threading.Event | None = None,
    ) -> Plan:
        """See `Assistant.add`."""
        stop = stop or threading.Event()
        count = _Count(expected(sources) if progress else 0, self.store.announce, progress, stop)
        indexed: list[Change] = []
        others: list[Change] = []
        taken: set[str] = set()
        addresses = [str(source) for source in sources if is_address(source)]
        paths = [source for source in sources if not is_address(source)]
        for chunk in _chunks(self._incoming(paths), stop):
            with self.store.writing(waiting):
                plan, rest = self._add_chunk(chunk, taken, count)
            indexed += (replace(change, article=None) for change in plan)  # or all texts are held
            others += rest
            count.base += len(chunk)
        if not Plan(tuple(indexed)).empty:
            self.index.finish(progress)
        notes: list[str] = []
        for url in addresses:
            if stop.is_set():
                break
            plan_of_url = self._add_address(url, count, waiting)
            others += plan_of_url.changes
            notes += plan_of_url.notes
        changes = (*sorted(indexed, key=lambda change: change.path), *others)
        return Plan(changes, tuple(notes))

    def _add_address(self, url: str, count: "_Count", waiting: ShowWaiting | None) -> Plan:
        """The article at an address, or those that a feed there lists, each as it is fetched."""
        from assistant.corpus.feeds import Subscriptions  # on use, as in `page_at`

        feeds = Subscriptions(self.store, self.limits)
        try:
            feed = feeds.look(url)
        except ArticleError as error:
            return Plan((_failed(error),))
        if isinstance(feed, Incoming):
            return Plan((self.add_one(feed, waiting),))
        if not feed.wanted:
            return Plan((), (f"{url} has nothing new",))
        count.total += len(feed.wanted) - 1
        changes: list[Change] = []
        for found in feeds.fetch(feed, again=True):
            if count.stop.is_set():
                break
            if isinstance(found, ArticleError):
                changes.append(_failed(found))
            else:
                changes.append(self.add_one(found, waiting))
            count.pass_by()
        return Plan(tuple(changes))

    def _add_chunk(
        self, chunk: Sequence[_Found], taken: set[str], count: "_Count"
    ) -> tuple[list[Change], list[Change]]:
        """Writes the files of some articles and indexes them; what became of them, and of those
        that were not written.

        Whatever ends it early: a file that is not indexed by then is taken back.
        """
        added: dict[str, str] = {}
        before: dict[str, bytes | None] = {}
        others: list[Change] = []
        plan = Plan(())
        try:
            places = Places(self.store, taken)
            writes: dict[str, bytes] = {}
            for found in chunk:
                others += self._put(found, places, added, before, writes)
            self.corpus.write_all(writes)
            plan = self.index.plan(only=list(added))
            self.index.put(plan, origins=added, progress=count)
        except Stopped:
            self._take_back(before)
            left = {change.path for change in plan.changes if not self._is_indexed(change.path)}
            return [change for change in plan.changes if change.path not in left], others
        except BaseException:
            self._take_back(before)
            raise
        return list(plan.changes), others

    def _take_back(self, before: Mapping[str, bytes | None]) -> None:
        """Undoes the writing of the files that are not indexed."""
        for path, content in before.items():
            if not self._is_indexed(path):
                self.corpus.take_back(path, content)

    def _is_indexed(self, path: str) -> bool:
        """Whether the index holds a file as it is now."""
        record = self.store.record(path)
        found = self.corpus.stat(self.corpus.root / path)
        return record is not None and record.stamp == found.stamp

    def preview(self, url: str) -> Incoming:
        """See `Assistant.preview`."""
        return page_at(url, self.limits)

    def foresee(self, incoming: Incoming) -> Change:
        """See `Assistant.foresee`."""
        places, article = Places(self.store), incoming.article
        same = places.same(incoming)
        if same is not None:
            return Change("unchanged", same[0], article_id=same[1])
        record = self.store.record(places.older(incoming) or "")
        if record is not None:
            change = Change("changed", record.path, article, article_id=article.id)
            return replace(change, previous_id=record.id)
        return Change("new", incoming.name, article, article_id=article.id)

    def add_one(self, incoming: Incoming, waiting: ShowWaiting | None = None) -> Change:
        """Adds an article that was read or fetched before; see `Assistant.add_previewed`."""
        with self.store.writing(waiting):
            count = _Count(0, self.store.announce, None, threading.Event())
            indexed, others = self._add_chunk([incoming], set(), count)
            if indexed:
                self.index.finish()
        return (indexed + others)[0]

    def add_text(self, text: str, **facts: str) -> Change:
        """See `Assistant.add_text`."""
        name, content = pasted_file(text, **facts)
        article = parse_article(content, name)
        with self.store.writing():
            same = self.store.record(article.digest, "digest")
            if same is not None:
                return Change("unchanged", same.path, article_id=same.id)
            older = self.store.record(article.id, "id") if article.url else None
            path = older.path if older else self.corpus.free_path(name)
            self.corpus.write(path, content)
            plan = self.index.plan(only=[path])
            self.index.apply(plan)
        change = plan.changes[0]
        if change.kind == "failed":
            raise ArticleError(path, change.error)
        return change

    def details(self, article: Article, passages: Sequence[Passage]) -> Details:
        """See `Assistant.details`."""
        record = self.store.record(article.path)
        origin = record.origin if record is not None else ""
        date_from = version = problem = ""
        try:
            content = self.corpus.content(article.path)
            version = version_of(content)
            filed = parse_article(content, article.path)
        except ArticleError as error:
            problem = f"Its file cannot be read: {error.problem}; {error.remedy}."
        else:
            if isinstance(filed, FiledArticle):
                date_from = filed.date_from or ""
            if filed.digest != article.digest:
                problem = "Its file has changed since it was indexed: run `assistant sync`."
        return Details(article, tuple(passages), origin, date_from, version, problem)

    def correct(
        self, article: Article, facts: Mapping[str, Correction | None], seen: str
    ) -> Change:
        """See `Assistant.correct`."""
        with self.store.writing():
            content = self.corpus.content(article.path)
            if seen and version_of(content) != seen:
                raise CorpusError(
                    article.path, "its file has changed since you saw it; nothing was corrected",
                    "open the article again and correct it as it is now",
                )  # fmt: skip
            given = {key: value for key, value in facts.items() if value is not None}
            corrected = correct_file(content, article.path, given)
            if corrected.content == content:
                return Change("unchanged", article.path, article_id=article.id)
            return self._replace(article, corrected)

    def _replace(self, article: Article, corrected: Corrected) -> Change:
        """Writes the corrected file of an article and indexes it as the same one."""
        path = corrected.path
        if path != article.path:
            path = self.corpus.free_path(path)
        found = parse_article(corrected.content, path)
        other = self.store.article(found.id)
        if other is not None and other.id != article.id:
            problem = f"another article, {other.path}, has this address: {found.id}"
            raise ArticleError(article.path, problem, "give it another address, or remove one")
        if corrected.rewritten and path == article.path:
            self.corpus.keep(article.path, self.aside)
        self.corpus.write(path, corrected.content)
        if path != article.path:
            self.corpus.set_aside(article.path, self.aside)
        record = self.store.record(article.path)
        stamp = self.corpus.stat(self.corpus.root / path).stamp
        change = Change(
            "changed", path, found, found.digest, found.id, previous_id=article.id, stamp=stamp
        )
        self.index.apply(Plan((change,)), origins={path: record.origin if record else ""})
        return change

    def remove(self, article: Article) -> Path | None:
        """See `Assistant.remove`."""
        with self.store.writing():
            aside = self.corpus.set_aside(article.path, self.aside)
            gone = Change("removed", article.path, article_id=article.id)
            self.index.apply(Plan((gone,)))
        return aside

    def _put(
        self,
        found: _Found,
        places: Places,
        added: dict[str, str],
        before: dict[str, bytes | None],
        writes: dict[str, bytes],
    ) -> list[Change]:
        """The article is `added`, by a file that is to be written; if it is there, says so.

        Args:
            before: gets what the file was before, None if there was none.
            writes: gets the file.
        """
        if isinstance(found, ArticleError):
            return [_failed(found)]
        if isinstance(found, _Inside):
            added[found.path] = found.origin
            return []
        same, older = places.same(found), places.older(found)
        if same is not None:
            offered = "" if older == same[0] else found.origin
            return [Change("unchanged", same[0], article_id=same[1], offered=offered)]
        path = older or self.corpus.free_path(found.name, writes)
        content = self._content(path) if older else None
        if found.replaces and content is not None and version_of(content) not in found.replaces:
            return [_failed(_corrected_here(path, found.origin))]
        before[path] = content
        writes[path] = found.content
        places.put(found, path)
        added[path] = found.origin
        return []

    def _content(self, path: str) -> bytes | None:
        try:
            return self.corpus.content(path)
        except ArticleError:  # gone since it was indexed
            return None

    def _incoming(self, sources: Sequence[Path | str]) -> Iterator[_Found]:
        """What the files and folders hold, one after the other."""
        for path in files(sources):
            inside = self.corpus.holds(path)
            if inside is not None:
                yield _Inside(inside, str(path.resolve()))
            else:
                yield from from_file(path, self.limits)


@dataclass
class _Count:
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


def _corrected_here(path: str, origin: str) -> ArticleError:
    problem = f"was corrected here, and has changed at {origin} since"
    return ArticleError(path, problem, f"`assistant add {origin}` takes the newer version")


def _failed(error: ArticleError) -> Change:
    return Change("failed", error.subject, error=str(error))


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
