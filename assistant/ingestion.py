"""Files, pages and pasted text into the corpus and the index: added, corrected, removed, synced.

The file is written before it is indexed, so that a crash in between is mended by the next sync.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from assistant.corpus import Corpus
from assistant.errors import ArticleError
from assistant.index import Index
from assistant.schema import Article, Change, Plan, Progress
from assistant.sources import parse_article, pasted_file
from assistant.store import Store

ShowPlan = Callable[[Plan], None]
ShowProgress = Callable[[Progress], None]
ShowWaiting = Callable[[str], None]


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
    ) -> Plan:
        """See `Assistant.add`."""
        with self.store.writing(waiting):
            added: dict[str, str] = {}
            changes: list[Change] = []
            places = Places(self.store.records())
            for found in self._incoming(sources, added):
                if isinstance(found, ArticleError):
                    changes.append(Change("failed", found.subject, error=str(found)))
                else:
                    changes += self._put(found, places, added)
            plan = self.index.plan(only=list(added))
            self.index.apply(plan, origins=added, progress=progress)
        return Plan((*plan.changes, *changes))

    def preview(self, url: str) -> Incoming:
        """See `Assistant.preview`."""
        return page_at(url, self.limits)

    def add_previewed(self, incoming: Incoming) -> Change:
        """See `Assistant.add_previewed`."""
        with self.store.writing():
            added: dict[str, str] = {}
            same = self._put(incoming, Places(self.store.records()), added)
            if same:
                return same[0]
            plan = self.index.plan(only=list(added))
            self.index.apply(plan, origins=added)
        return plan.changes[0]

    def add_text(self, text: str, **facts: str) -> Change:
        """See `Assistant.add_text`."""
        name, content = pasted_file(text, **facts)
        article = parse_article(content, name)
        with self.store.writing():
            for record in self.store.records().values():
                if record.digest == article.digest:
                    return Change("unchanged", record.path, article_id=record.id)
                if article.url and record.id == article.id:
                    path = record.path
                    break
            else:
                path = self.corpus.free_path(name)
            self.corpus.write(path, content)
            plan = self.index.plan(only=[path])
            self.index.apply(plan)
        change = plan.changes[0]
        if change.kind == "failed":
            raise ArticleError(path, change.error)
        return change

    def remove(self, article: Article) -> Path | None:
        """See `Assistant.remove`."""
        with self.store.writing():
            aside = self.corpus.set_aside(article.path, self.aside)
            gone = Change("removed", article.path, article_id=article.id)
            self.index.apply(Plan((gone,)))
        return aside

    def _put(self, found: Incoming, places: Places, added: dict[str, str]) -> list[Change]:
        """Writes the file of an article, which is then `added`; if it is there already, says so."""
        same = places.same(found)
        if same is not None:
            return [Change("unchanged", same[0], article_id=same[1])]
        path = places.older(found) or self.corpus.free_path(found.name)
        self.corpus.write(path, found.content)
        places.put(found, path)
        added[path] = found.origin
        return []

    def _incoming(
        self, sources: Sequence[Path | str], added: dict[str, str]
    ) -> Iterator[Incoming | ArticleError]:
        """What the sources hold; files that lie in the corpus already are `added` as they are."""
        for source in sources:
            if is_address(source):
                yield from from_address(str(source), self.limits)
                continue
            for path in files([source]):
                inside = self.corpus.holds(path)
                if inside is not None:
                    added[inside] = str(path.resolve())
                else:
                    yield from from_file(path, self.limits)
