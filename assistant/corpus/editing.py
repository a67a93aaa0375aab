"""Operations on one article: looked over, corrected, removed, or pasted in as text.

A file is written before it is indexed, so that the next sync repairs a crash in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.corpus.incoming import version_of
from assistant.corpus.indexing import Index
from assistant.corpus.plan import Change, Plan
from assistant.errors import ArticleError, CorpusError
from assistant.schema import Article, Passage
from assistant.sources.corrections import Corrected, Correction, correct_file
from assistant.sources.files import parse_article
from assistant.sources.filing import pasted_file
from assistant.sources.metadata import FiledArticle


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
    """Content hash of its file as it is now; "" when the file is gone."""
    problem: str = ""
    """Why the file cannot be read as it is now, or that it differs from what is indexed."""


@dataclass(frozen=True)
class Editor:
    """Works on the articles of one corpus one by one.

    Args:
        aside: folder for the files of removed articles, and for those that are rewritten.
    """

    index: Index
    aside: Path

    def details(self, article: Article) -> Details:
        """All that is known of an article; its file is read again."""
        record = self.index.store.catalogue.record(article.path)
        origin = record.origin if record is not None else ""
        date_from = version = problem = ""
        try:
            content = self.index.corpus.content(article.path)
            version = version_of(content)
            filed = parse_article(content, article.path)
        except ArticleError as error:
            problem = f"Its file cannot be read: {error.problem}; {error.remedy}."
        else:
            if isinstance(filed, FiledArticle):
                date_from = filed.date_from or ""
            if filed.digest != article.digest:
                problem = "Its file has changed since it was indexed: run `assistant sync`."
        passages = tuple(self.index.store.passages_of(article.id))
        return Details(article, passages, origin, date_from, version, problem)

    def add_text(self, text: str, **facts: str) -> Change:
        """Writes the file of a pasted article into the corpus and indexes it.

        Args:
            facts: title, source, published, url.

        Raises:
            ArticleError: there is no text, or the date is not one.
        """
        name, content = pasted_file(text, **facts)
        article = parse_article(content, name)
        with self.index.store.writing():
            same = self.index.store.catalogue.record(article.digest, "digest")
            if same is not None:
                return Change("unchanged", same.path, article_id=same.id)
            older = self.index.store.catalogue.record(article.id, "id") if article.url else None
            path = older.path if older else self.index.corpus.free_path(name)
            self.index.corpus.write(path, content)
            plan = self.index.plan(only=[path])
            self.index.apply(plan)
        (change,) = self.index.with_near_duplicates(plan).changes
        if change.kind == "failed":
            raise ArticleError(path, change.error)
        return change

    def correct(
        self, article: Article, facts: Mapping[str, Correction | None], seen: str
    ) -> Change:
        """Corrects facts of an article in its file, and indexes it as the same article.

        Of a text or Markdown file the front matter is changed and nothing else; any other file
        becomes Markdown, and is itself set aside. The id is another when it was, or becomes, the
        address.

        Args:
            facts: an empty value takes a fact away, None leaves it.
            seen: the `Details.version` that the corrections were made on; any, if empty.

        Raises:
            CorpusError: its file has changed since it was seen.
            ArticleError: a value cannot be used, or the file cannot be read.
        """
        with self.index.store.writing():
            content = self.index.corpus.content(article.path)
            if seen and version_of(content) != seen:
                problem = "its file has changed since you saw it; nothing was corrected"
                remedy = "open the article again and correct it as it is now"
                raise CorpusError(article.path, problem, remedy)
            given = {key: value for key, value in facts.items() if value is not None}
            corrected = correct_file(content, article.path, given)
            if corrected.content == content:
                return Change("unchanged", article.path, article_id=article.id)
            return self._replace(article, corrected)

    def _replace(self, article: Article, corrected: Corrected) -> Change:
        """Writes the corrected file of an article and indexes it as the same one."""
        corpus, path = self.index.corpus, corrected.path
        if path != article.path:
            path = corpus.free_path(path)
        found = parse_article(corrected.content, path)
        other = self.index.store.catalogue.record(found.id, "id")
        if other is not None and other.id != article.id:
            problem = f"another article, {other.path}, has this address: {found.id}"
            raise ArticleError(article.path, problem, "give it another address, or remove one")
        if corrected.rewritten and path == article.path:
            corpus.keep(article.path, self.aside)
        corpus.write(path, corrected.content)
        if path != article.path:
            corpus.set_aside(article.path, self.aside)
        record = self.index.store.catalogue.record(article.path)
        stamp = corpus.stat(corpus.root / path).stamp
        change = Change(
            "changed", path, found, found.digest, found.id, previous_id=article.id, stamp=stamp
        )
        self.index.apply(Plan((change,)), origins={path: record.origin if record else ""})
        return change

    def remove(self, article: Article) -> Path | None:
        """Removes an article; its file is set aside. Returns where, None if there was none.

        Raises:
            CorpusError: its file cannot be moved.
        """
        with self.index.store.writing():
            aside = self.index.corpus.set_aside(article.path, self.aside)
            gone = Change("removed", article.path, article_id=article.id)
            self.index.apply(Plan((gone,)))
        return aside
