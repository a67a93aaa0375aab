"""Articles on their way into the corpus: out of files, folders, lists, archives and pages.

Text and Markdown stay as they are; everything else becomes Markdown with front matter that a person
can read and correct.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assistant.corpus.folder import is_passed_over
from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.settings import Settings
from assistant.sources.files import MANY, count_articles, parse_article, read_article, read_articles
from assistant.sources.filing import markdown_of
from assistant.sources.metadata import FiledArticle, canonical_url, slug
from assistant.store.catalogue import Catalogue, RecordKey

if TYPE_CHECKING:
    from assistant.sources.remote.fetch import Fetched

AS_THEY_ARE = ("", ".txt", ".text", ".md", ".markdown")
"""Endings of files that are copied letter by letter."""


@dataclass(frozen=True)
class Incoming:
    """An article, and the file it is to become."""

    article: Article
    name: str
    """The wanted path in the corpus."""
    content: bytes
    origin: str
    """Where it came from: a path, ``path#name`` of one of many, an address."""
    replaces: tuple[str, ...] = ()
    """`version_of` the files that it may replace: any other was corrected by a person. It may
    replace every file, if empty."""


@dataclass(frozen=True)
class Limits:
    """What is read and fetched at most."""

    max_bytes: int
    timeout: float
    """Seconds for one page."""
    allow_private: bool
    """Addresses of one's own network may be fetched."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those of the settings."""
        return cls(
            settings.max_file_mb << 20, settings.fetch_timeout, settings.allow_private_addresses
        )


def version_of(content: bytes) -> str:
    """The content hash of a file."""
    return blake2b(content, digest_size=16).hexdigest()


def is_address(source: Path | str) -> bool:
    """Whether a source is to be fetched from the web."""
    return str(source).lower().startswith(("http://", "https://"))


def files(sources: Sequence[Path | str]) -> Iterator[Path]:
    """The files named, and those below the folders named that are not passed over."""
    for path in map(Path, sources):
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not is_passed_over(name))
            yield from (Path(folder, name) for name in sorted(names) if not is_passed_over(name))


def expected(sources: Sequence[Path | str]) -> int:
    """About how many articles the sources hold; an address counts as one."""
    addresses = [source for source in sources if is_address(source)]
    paths = files([source for source in sources if not is_address(source)])
    return len(addresses) + sum(map(count_articles, paths))


def from_file(path: Path, limits: Limits) -> Iterator[Incoming | ArticleError]:
    """The articles in a file; what cannot be read is an error among them."""
    if path.suffix.lower() in AS_THEY_ARE:
        yield _as_it_is(path, limits)
        return
    many = path.name.lower().endswith(MANY)
    for found in read_articles(path, max_bytes=limits.max_bytes):
        if isinstance(found, ArticleError):
            yield found
            continue
        # The name of one of many is made of its id: a line may move, an id stays.
        origin = f"{path.resolve()}#{found.path}" if many else str(path.resolve())
        yield Incoming(found, found.path, markdown_of(found), origin)


def _as_it_is(path: Path, limits: Limits) -> Incoming | ArticleError:
    try:
        article = read_article(path, path.parent, max_bytes=limits.max_bytes)
    except ArticleError as error:
        return error
    return Incoming(article, path.name, path.read_bytes(), str(path.resolve()))


def page_at(url: str, limits: Limits) -> Incoming:
    """The article at an address.

    Raises:
        ArticleError: it cannot be fetched, holds no article, or is a feed.
    """
    # Imported on use: most people add files, and it takes a tenth of a second.
    from assistant.sources.remote.feed import is_feed

    page = getter(limits)(url)
    if is_feed(page.content, page.content_type):
        raise ArticleError(url, "is a feed", "`assistant add` takes the articles that it lists")
    return from_page(page)


def getter(limits: Limits) -> "Callable[..., Fetched]":
    """The function `fetch`, within these limits."""
    from assistant.sources.remote.fetch import fetch

    return partial(fetch, **asdict(limits))


def from_page(page: "Fetched", published: str | None = None) -> Incoming:
    """The article of a page.

    Args:
        published: the date that a feed gives, for a page that gives none.

    Raises:
        ArticleError: the page holds no article; names its address.
    """
    address = page.final_url
    try:
        article = parse_article(page.utf8(), f"page{page.suffix}")
    except ArticleError as error:
        raise ArticleError(address, error.problem, error.remedy) from error
    url = _own_address(article.url, address)
    name = f"{slug(article.title) or slug(urlsplit(address).path) or 'page'}.md"
    if article.published is None and published:
        article = replace(article, published=published)
        if isinstance(article, FiledArticle):
            article = replace(article, date_from="metadata")
    article = replace(article, id=url or name, url=url, path=name)
    if not article.title or article.title == "Page":
        article = replace(article, title=urlsplit(address).hostname or address)
    return Incoming(article, name, markdown_of(article), address)


def _own_address(stated: str | None, fetched: str) -> str | None:
    """The address that a page gives as its own, if it is of the same site: a page that claims to be
    another site's article must not replace that.
    """
    here = urlsplit(fetched).hostname or ""
    there = urlsplit(stated or "").hostname or ""
    same = here.removeprefix("www.") == there.removeprefix("www.")
    return stated if stated and same else canonical_url(fetched, fetched)


class Places:
    """Where incoming articles go: over their older version, or under a free name.

    Args:
        catalogue: what is indexed; asked for each article, since it may hold very many.
        taken: the paths that this import has written, which it does not write again.
    """

    def __init__(self, catalogue: Catalogue, taken: set[str] | None = None) -> None:
        self._catalogue = catalogue
        self._by_digest: dict[str, tuple[str, str]] = {}
        self._by_origin: dict[str, str] = {}
        self._by_id: dict[str, str] = {}
        self._taken: set[str] = set() if taken is None else taken

    def same(self, incoming: Incoming) -> tuple[str, str] | None:
        """Path and id of an article with the same content, if there is one."""
        digest = incoming.article.digest
        if digest in self._by_digest:
            return self._by_digest[digest]
        record = self._catalogue.record(digest, "digest")
        return (record.path, record.id) if record else None

    def older(self, incoming: Incoming) -> str | None:
        """The path of its older version, which has the same origin or the same address."""
        article = incoming.article
        found = self._path(self._by_origin, "origin", incoming.origin)
        if not found and article.url:
            found = self._path(self._by_id, "id", article.id)
        return None if found in self._taken else found

    def _path(self, put: dict[str, str], key: RecordKey, value: str) -> str | None:
        """The path of what this import has put, or else of what is indexed."""
        if not value:
            return None
        record = None if value in put else self._catalogue.record(value, key)
        return record.path if record else put.get(value)

    def put(self, incoming: Incoming, path: str) -> None:
        """Remembers where an article went, for those after it."""
        article = incoming.article
        self._by_digest[article.digest] = path, article.url or path
        self._by_origin[incoming.origin] = path
        if article.url:
            self._by_id[article.id] = path
        self._taken.add(path)
