"""What changes in the index for the files of a corpus: decided before anything is written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        copied = [(c.path, ", ".join(o.article_id for o in c.copies)) for c in self.changes]
        offered = [(c.offered, c.path) for c in self.changes if c.offered]
        return [
            *(f"{path}: nearly the same as {others}" for path, others in copied if others),
            *(f"{origin}: the same as {path}, not added again" for origin, path in offered),
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
    if only is None:
        found, closed = corpus.scan()
    else:
        found, closed = [corpus.stat(corpus.root / path) for path in dict.fromkeys(only)], []
    paths = {file.path for file in found}
    hidden = tuple(error.subject for error in closed)  # what is in them may still be there
    gone = (r for r in records.values() if r.path not in paths and not r.path.startswith(hidden))
    missing = _Missing(gone if only is None else ())
    ids = {record.id: path for path, record in records.items() if path in paths}
    changes = [failed(error) for error in closed]
    room = KEPT_CHARACTERS
    for file in found:
        record = records.get(file.path)
        if record is not None and (record.stamp, record.recipe) == (file.stamp, recipe):
            changes.append(Change("unchanged", file.path, article_id=record.id, stamp=file.stamp))
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
    changes += [Change("removed", r.path, article_id=r.id) for r in missing.records.values()]
    return Plan(tuple(sorted(changes, key=lambda change: change.path)))


class _Missing:
    """Records whose file is gone, found by the content or the id of an article."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records = {record.path: record for record in records}
        self._like: defaultdict[str, list[str]] = defaultdict(list)
        for path, record in sorted(self.records.items(), reverse=True):
            self._like[record.digest].append(path)
            self._like[record.id].append(path)

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
    old = record or missing.take(article)
    kind: ChangeKind = "new"
    if record is not None:
        known = (record.digest, record.language, record.recipe, record.id)
        same = known == (article.digest, article.language, recipe, article.id)
        kind = "unchanged" if same else "changed"
    elif old is not None:
        same = (old.digest, old.recipe) == (article.digest, recipe)
        kind = "moved" if same else "changed"
    return Change(
        kind,
        file.path,
        None if kind == "unchanged" else article,
        article_id=article.id,
        previous_id=old.id if old else "",
        stamp=file.stamp,
    )
