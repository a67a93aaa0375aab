"""What changes in the index for the files of a corpus: decided before anything is written."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from assistant.corpus.folder import Corpus, Found
from assistant.errors import ArticleError
from assistant.schema import Article, Copy
from assistant.store.catalogue import Record

KEPT_CHARACTERS = 10_000_000
"""Characters of articles that a plan holds; the rest are read a second time when they are indexed.
A character takes one to four bytes: the texts of 100,000 articles would need half a gigabyte."""


ChangeKind = Literal["new", "changed", "moved", "removed", "unchanged", "failed"]
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)


@dataclass(frozen=True)
class Change:
    """What changes in the index for one file."""

    kind: ChangeKind
    path: str
    article: Article | None = None
    """The article to index. None where there is none, and where there are too many to hold them
    all: it is then read again when its turn comes."""
    digest: str = ""
    """Content hash of the article to index."""
    article_id: str = ""
    previous_id: str = ""
    """The id it has in the index, where that differs or where it leaves the index."""
    stamp: str = ""
    """Size and modification time of the file, so that an untouched file is not read again."""
    error: str = ""
    """Why it failed, with the remedy."""
    copies: tuple[Copy, ...] = ()
    """Near-duplicates that were indexed before it; known once it is indexed."""
    offered: str = ""
    """Where it was added from, if it is unchanged because it is there from somewhere else."""


def failed(error: ArticleError) -> Change:
    """The change for a file or address that cannot become an article."""
    return Change("failed", error.subject, error=str(error))


@dataclass(frozen=True)
class Plan:
    """What a sync would do, decided before anything is written."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    """What else a person should know, in sentences: that a feed has nothing new."""
    lacking: int = 0
    """Passages that lack a vector of the embedding model that is to answer in place of another."""

    def of(self, *kinds: ChangeKind) -> tuple[Change, ...]:
        """The changes of these kinds, in path order."""
        return tuple(change for change in self.changes if change.kind in kinds)

    @property
    def empty(self) -> bool:
        """True when the index already holds what the folder holds."""
        return not self.lacking and not self.of("new", "changed", "moved", "removed")

    @property
    def likenesses(self) -> list[str]:
        """A line for each near-duplicate of other articles: ``b.txt: nearly the same as a.txt``."""
        near_duplicates = [
            f"{change.path}: nearly the same as {', '.join(c.article_id for c in change.copies)}"
            for change in self.changes
            if change.copies
        ]
        offered = [change for change in self.changes if change.offered]
        return [
            *near_duplicates,
            *(f"{c.offered}: the same as {c.path}, not added again" for c in offered),
        ]

    @property
    def failures(self) -> tuple[Change, ...]:
        """The files that cannot become articles."""
        return self.of("failed")

    def summary(self) -> str:
        """One line: ``2 new, 1 changed, 31 unchanged``."""
        counts = [(len(self.of(kind)), kind) for kind in KINDS]
        said = ", ".join(f"{count} {kind}" for count, kind in counts if count) or "no articles"
        another = f"; {self.lacking} passages to embed with another model"
        return said + another if self.lacking else said


ShowPlan = Callable[[Plan], None]


def decide(
    corpus: Corpus,
    records: Mapping[str, Record],
    recipe: str,
    only: Sequence[str] | None = None,
    holder: Callable[[str], str | None] = lambda _: None,
) -> Plan:
    """The plan for an index that holds `records` (by path). Writes nothing.

    A file that cannot be read is `failed` and its indexed version stays. A file that is missing
    is `removed`, unless a new file has its content: then it is `moved`.

    Args:
        recipe: how articles are cut now; articles indexed otherwise are `changed`.
        only: looks at no other paths, and finds nothing missing; `records` need not hold others.
        holder: gives the path of the article with an id, or None, where `records` are not all.
    """
    found, closed = _found(corpus, only)
    paths = {file.path for file in found}
    missing = _Missing({} if only is not None else _missing(records, paths, closed))
    ids = {record.id: path for path, record in records.items() if path in paths}
    changes = [failed(error) for error in closed]
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
            changes.append(replace(failed(error), path=file.path, stamp=file.stamp))
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
    """The records whose file is gone; files of a folder that cannot be read may still be there."""
    hidden = tuple(error.subject for error in closed)
    return {
        path: record
        for path, record in records.items()
        if path not in paths and not path.startswith(hidden)
    }


class _Missing:
    """Records whose file is gone, found by the content or the id of an article."""

    def __init__(self, records: dict[str, Record]) -> None:
        self.records = records
        self._like: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(records, reverse=True):
            for key in (records[path].digest, records[path].id):
                self._like[key].append(path)

    def take(self, article: Article) -> Record | None:
        """The record of an article that has another file now; it no longer counts as missing."""
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
        moved = _change("moved" if same else "changed", file, article.id)
        return replace(moved, article=article, previous_id=old.id)
    return replace(_change("new", file, article.id), article=article)


def _change(kind: ChangeKind, file: Found, article_id: str) -> Change:
    return Change(kind, file.path, article_id=article_id, stamp=file.stamp)
