"""Articles on their way into the corpus: out of files, folders, lists, archives and pages.

Text and Markdown stay as they are; everything else becomes Markdown with front matter that a person
can read and correct.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from assistant.corpus.folder import Corpus, files_below
from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.files import MANY, count_articles, parse_article, read_article, read_articles
from assistant.sources.filing import markdown_of
from assistant.sources.metadata import canonical_url, slug
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
    """`Corpus.version` of the files that it may replace: any other was corrected by a person. It
    may replace every file, if empty."""

    @property
    def version(self) -> str:
        """`Corpus.version` of its file."""
        return Corpus.version(self.content)


@dataclass(frozen=True)
class Limits:
    """What is read and fetched at most."""

    max_bytes: int
    timeout: float
    """Seconds for one page."""
    allow_private: bool
    """Addresses of one's own network may be fetched."""


def is_address(source: Path | str) -> bool:
    """Whether a source is to be fetched from the web."""
    return str(source).lower().startswith(("http://", "https://"))


def files(sources: Sequence[Path | str]) -> Iterator[Path]:
    """The files named, and those below the folders named that are not passed over."""
    for path in map(Path, sources):
        yield from files_below(path) if path.is_dir() else [path]


def expected(sources: Sequence[Path | str]) -> int:
    """About how many articles the sources hold; an address counts as one."""
    paths = [source for source in sources if not is_address(source)]
    return len(sources) - len(paths) + sum(map(count_articles, files(paths)))


def from_file(path: Path, limits: Limits) -> Iterator[Incoming | ArticleError]:
    """The articles in a file; what cannot be read is an error among them."""
    if path.suffix.lower() in AS_THEY_ARE:
        try:
            article = read_article(path, path.parent, max_bytes=limits.max_bytes)
            yield Incoming(article, path.name, path.read_bytes(), str(path.resolve()))
        except ArticleError as error:
            yield error
        return
    many = path.name.lower().endswith(MANY)
    for found in read_articles(path, max_bytes=limits.max_bytes):
        if isinstance(found, ArticleError):
            yield found
            continue
        # The name of one of many is made of its id: a line may move, an id stays.
        origin = f"{path.resolve()}#{found.path}" if many else str(path.resolve())
        yield Incoming(found, found.path, markdown_of(found), origin)


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
    """The article of a page; `published` is the date that a feed gives, if the page gives none.

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
        article = replace(article, published=published, date_from="metadata")
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

    def __init__(self, catalogue: Catalogue, taken: set[str]) -> None:
        self._catalogue = catalogue
        self._put: dict[tuple[RecordKey, str], tuple[str, str]] = {}
        self._taken = taken

    def same(self, incoming: Incoming) -> tuple[str, str] | None:
        """Path and id of an article with the same content, if there is one."""
        return self._find("digest", incoming.article.digest)

    def older(self, incoming: Incoming) -> tuple[str, str] | None:
        """Path and id of its older version, which has the same origin or the same address."""
        found = self._find("origin", incoming.origin) or self._find("id", incoming.article.url)
        return found if found and found[0] not in self._taken else None

    def _find(self, key: RecordKey, value: str | None) -> tuple[str, str] | None:
        """Path and id of what this import has put, or else of what is indexed."""
        if not value:
            return None
        record = None if (key, value) in self._put else self._catalogue.record(value, key)
        return (record.path, record.id) if record else self._put.get((key, value))

    def put(self, incoming: Incoming, path: str) -> None:
        """Remembers where an article went, for those after it."""
        article = incoming.article
        there = path, article.url or path
        self._put["digest", article.digest] = there
        self._put["origin", incoming.origin] = there
        self._put["id", article.id] = there
        self._taken.add(path)
