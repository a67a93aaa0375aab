"""What a person does with the articles of a corpus: adds, follows, lists, inspects, corrects,
removes and exports them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from assistant.corpus import feeds, watch
from assistant.corpus.incoming import Incoming, page_at
from assistant.corpus.ingestion import Ingestion
from assistant.corpus.pace import Pace
from assistant.corpus.plan import Change, Plan
from assistant.corpus.transfer import Transfer, export_corpus
from assistant.errors import ArticleError, CorpusError
from assistant.schema import (
    Article,
    ArticleSummary,
    Copy,
    Filter,
    Order,
    Passage,
    ShowProgress,
    ShowWaiting,
)
from assistant.sources.files import parse_article
from assistant.sources.filing import Corrected, Correction, correct_file, pasted_file


@dataclass(frozen=True)
class Details:
    """All that is known of one article."""

    article: Article
    passages: tuple[Passage, ...]
    origin: str
    """Where it was added from: a file, an address; "" for a file put into the corpus by hand."""
    date_from: str
    """What the date rests on: metadata, url or text; "" without a date."""
    version: str
    """Content hash of its file as it is now; "" when the file is gone."""
    problem: str = ""
    """Why the file cannot be read as it is now, or that it differs from what is indexed."""


class Library:
    """The articles of one corpus; any thread.

    Args:
        aside: folder for the files of removed articles, and for those that are rewritten.
    """

    def __init__(self, ingestion: Ingestion, aside: Path) -> None:
        self._ingestion = ingestion
        self._index = ingestion.index
        self._aside = aside

    def articles(
        self,
        matching: str = "",
        within: Filter = Filter(),
        order: Order = "date",
        *,
        reverse: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[ArticleSummary]:
        """The indexed articles whose title, outlet or id contains the words, newest first.

        Args:
            order: what has no date or outlet is last, `reverse` or not.
            limit: as many at most, after the first `offset`; all, when negative.
        """
        return self._index.store.catalogue.articles(
            matching, within, order, reverse=reverse, limit=limit, offset=offset
        )

    def count_articles(self, matching: str = "", within: Filter = Filter()) -> int:
        """How many articles `articles` lists without a limit."""
        return self._index.store.catalogue.count_articles(matching, within)

    def sources(self) -> list[str]:
        """The outlets of the articles, those with most articles first."""
        return self._index.store.catalogue.values("source")

    def authors(self) -> list[str]:
        """The authors of the articles, those with most articles first."""
        return self._index.store.catalogue.values("authors")

    def languages(self) -> list[str]:
        """The languages of the articles, those of most articles first."""
        return self._index.store.catalogue.values("language")

    def article(self, article_id: str) -> Article:
        """One article with its text.

        Raises:
            CorpusError: no article has this id; so do all methods that take one.
        """
        article = self._index.store.article(article_id)
        if article is None:
            remedy = "`assistant list` shows the ids"
            raise CorpusError(article_id, "no article has this id", remedy)
        return article

    def passages(self, article_id: str) -> list[Passage]:
        """The passages of an article, in order."""
        return self._index.store.passages_of(self.article(article_id).id)

    def copies(self, article_id: str) -> tuple[Copy, ...]:
        """The articles with nearly the same text as this one, the most similar first."""
        article_id = self.article(article_id).id
        return self._index.store.copies.among([article_id]).get(article_id, ())

    def details(self, article_id: str) -> Details:
        """All that is known of an article; its file is read again."""
        article = self.article(article_id)
        record = self._index.store.catalogue.record(article.path)
        origin = record.origin if record is not None else ""
        date_from = version = problem = ""
        try:
            content = self._index.corpus.content(article.path)
            version = self._index.corpus.version(content)
            filed = parse_article(content, article.path)
        except ArticleError as error:
            problem = f"Its file cannot be read: {error.problem}; {error.remedy}."
        else:
            date_from = filed.date_from or ""
            if filed.digest != article.digest:
                problem = "Its file has changed since it was indexed: run `assistant sync`."
        passages = tuple(self._index.store.passages_of(article.id))
        return Details(article, passages, origin, date_from, version, problem)

    def plan(self) -> Plan:
        """What `sync` would do; nothing is written."""
        return self._index.plan()

    def add(
        self,
        sources: Sequence[Path | str],
        *,
        progress: ShowProgress | None = None,
        waiting: ShowWaiting | None = None,
        stop: Event | None = None,
    ) -> Plan:
        """Puts files, the files of folders, or pages and feeds of the web into the corpus and
        indexes them; `Ingestion.add` says how, and what `stop` or another early end leaves.
        """
        return self._ingestion.add(sources, progress, waiting, stop)

    def add_text(
        self, text: str, *, title: str = "", source: str = "", published: str = "", url: str = ""
    ) -> Change:
        """Adds a pasted article: writes its file into the corpus and indexes it.

        Raises:
            ArticleError: there is no text, or the date is not one.
        """
        name, content = pasted_file(text, title=title, source=source, published=published, url=url)
        article = parse_article(content, name)
        with self._index.store.writing():
            same = self._index.store.catalogue.record(article.digest, "digest")
            if same is not None:
                return Change("unchanged", same.path, article_id=same.id)
            older = self._index.store.catalogue.record(article.id, "id") if article.url else None
            path = older.path if older else self._index.corpus.free_path(name)
            self._index.corpus.write(path, content)
            plan = self._index.plan(only=[path])
            self._index.apply(plan)
        (change,) = self._index.with_near_duplicates(plan).changes
        if change.kind == "failed":
            raise ArticleError(path, change.error)
        return change

    def preview(self, url: str) -> Incoming:
        """The article at an address as it would be added; nothing is written."""
        return page_at(url, self._ingestion.limits)

    def foresee(self, incoming: Incoming) -> Change:
        """What adding a previewed article would do, with its copies; nothing is written."""
        return self._ingestion.foresee(incoming)

    def add_previewed(self, incoming: Incoming) -> Change:
        """Adds what `preview` gave, as it was seen."""
        return self._ingestion.add_one(incoming)

    def correct(
        self,
        article_id: str,
        *,
        title: str | None = None,
        source: str | None = None,
        authors: Sequence[str] | None = None,
        published: str | None = None,
        url: str | None = None,
        language: str | None = None,
        seen: str = "",
    ) -> Change:
        """Corrects facts of an article in its file, and indexes it as the same article.

        An empty value takes a fact away, None leaves it. Of a text or Markdown file the front
        matter is changed and nothing else; any other file becomes Markdown, and is itself set
        aside. The id is another when it was, or becomes, the address.

        Args:
            seen: the `Details.version` that the corrections were made on; any, if empty.

        Raises:
            CorpusError: no article has this id, or its file has changed since it was seen.
            ArticleError: a value cannot be used, or the file cannot be read.
        """
        facts: dict[str, Correction | None] = {
            "title": title,
            "source": source,
            "published": published,
            "url": url,
            "language": language,
            "authors": None if authors is None else tuple(authors),
        }
        article = self.article(article_id)
        with self._index.store.writing():
            content = self._index.corpus.content(article.path)
            if seen and self._index.corpus.version(content) != seen:
                problem = "its file has changed since you saw it; nothing was corrected"
                remedy = "open the article again and correct it as it is now"
                raise CorpusError(article.path, problem, remedy)
            given = {key: value for key, value in facts.items() if value is not None}
            corrected = correct_file(content, article.path, given)
            if corrected.content == content:
                return Change("unchanged", article.path, article_id=article.id)
            return self._replace(article, corrected)

    def remove(self, article_id: str) -> Path | None:
        """Removes an article; its file is set aside. Returns where, None if there was none.

        Raises:
            CorpusError: no article has this id, or its file cannot be moved.
        """
        article = self.article(article_id)
        with self._index.store.writing():
            aside = self._index.corpus.set_aside(article.path, self._aside)
            gone = Change("removed", article.path, article_id=article.id)
            self._index.apply(Plan((gone,)))
        return aside

    def watch(self, pace: Pace | None = None, *, polling: bool = False) -> Iterator[Plan]:
        """Follows the corpus folder until `Pace.stop` is set; a plan for each change."""
        return watch.watch(self._ingestion, pace or Pace(), polling=polling)

    def follow(self, urls: Sequence[str] = (), pace: Pace | None = None) -> Iterator[Plan]:
        """Follows feeds until `Pace.stop` is set; a plan for each article and each failure."""
        return feeds.follow(self._ingestion, urls, pace or Pace())

    def unfollow(self, url: str) -> None:
        """Stops following a feed; its articles stay."""
        feeds.unfollow(self._ingestion, url)

    def feeds(self) -> list[feeds.FeedSummary]:
        """The feeds that were added or followed, by address."""
        return feeds.feeds(self._ingestion)

    def export(self, archive: Path, *, progress: ShowProgress | None = None) -> Transfer:
        """Writes the corpus with its index into one file, which `import_corpus` reads."""
        return export_corpus(self._index.corpus, self._index.store, archive, progress)

    def _replace(self, article: Article, corrected: Corrected) -> Change:
        """Writes the corrected file of an article and indexes it as the same one."""
        corpus, path = self._index.corpus, corrected.path
        if path != article.path:
            path = corpus.free_path(path)
        found = parse_article(corrected.content, path)
        other = self._index.store.catalogue.record(found.id, "id")
        if other is not None and other.id != article.id:
            problem = f"another article, {other.path}, has this address: {found.id}"
            raise ArticleError(article.path, problem, "give it another address, or remove one")
        if corrected.rewritten and path == article.path:
            corpus.keep(article.path, self._aside)
        corpus.write(path, corrected.content)
        if path != article.path:
            corpus.set_aside(article.path, self._aside)
        record = self._index.store.catalogue.record(article.path)
        stamp = corpus.stat(corpus.root / path).stamp
        change = Change(
            "changed", path, found, found.digest, found.id, previous_id=article.id, stamp=stamp
        )
        self._index.apply(Plan((change,)), origins={path: record.origin if record else ""})
        return change
