"""Web pages: the only door to trafilatura, which finds the article in the page."""

import logging
import re
from typing import Any

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.decoding import clean, decode
from assistant.sources.metadata import canonical_url, make_article


def parse_html(content: bytes, path: str) -> Article:
    """The article of a saved web page, without menus, advertisements and comments.

    Raises:
        ArticleError: no article is found in the page.
    """
    # Imported on use: it takes a third of a second, and most corpora have no HTML.
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    document: Any = trafilatura.bare_extraction(
        decode(content, path),
        include_comments=False,
        include_tables=True,
        favor_precision=False,
        with_metadata=True,
        # Only dates that the page gives as its own: a date from its running text is a guess.
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if document is None or not (document.text or "").strip():
        raise ArticleError(
            path, "no article is found in the page", "save its text as .txt or .md instead"
        )
    facts = {
        "title": document.title,
        "source": document.sitename or document.hostname,
        "authors": [name.strip() for name in (document.author or "").split(";")],
        "published": document.date,
        "language": document.language,
        "url": _address(document.url, path),
    }
    return make_article(path, clean(re.sub(r"\n+", "\n\n", document.text)), facts)


def _address(url: str | None, path: str) -> str | None:
    """The page's own address; None when what it gives is not one."""
    try:
        return canonical_url(url or "", path)
    except ArticleError:
        return None
