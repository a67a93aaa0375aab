"""Web pages: the text of the article, whose facts `webpage` finds; the adapter of trafilatura."""

import logging
import re
from typing import Any

from assistant.errors import ArticleError
from assistant.sources.decoding import decode
from assistant.sources.formats.elements import Element, parse_tree, text_of
from assistant.sources.formats.text import drop_clutter
from assistant.sources.formats.webpage import facts_of
from assistant.sources.metadata import FiledArticle, letters_of, make_article

MAX_PAGE = 6_000_000
"""Characters of a page without its pictures; of 181 news pages the longest has 1.5 million."""

MAX_TAGS = 150_000
"""Opening and closing tags of a page: twice as many take four times as long, these ten seconds."""

MAX_ATTRIBUTES = 2_000
"""Of one element: libxml2 compares each with all those before it."""

MAX_ALL_ATTRIBUTES = 300_000
"""Of a page, names of classes included."""

_ENOUGH = 0.5
"""Share of the words of the page's <article> below which too little of it is extracted."""

_REMEDY = "save its text as .txt or .md instead"
_TAG = re.compile(r"<[a-zA-Z][^<>]*")
_PICTURE = re.compile(r"data:[\w/.+-]{1,60};base64,[\w+/=%\s]{64,}")
_AROUND = "script style noscript template aside footer nav form header figure button".split()

# Lines that lead to other articles or to the outlet's other offers; only whole lines match.
_ELSEWHERE = re.compile(
    r"""\W*(?: (?:read|see|watch|learn)\ (?:more|also) | see\ also | (?:also|more)\ on\ \S+\.\w+
        | related(?:\ (?:articles?|stor(?:y|ies)|coverage|content))? | recommended | don.t\ miss
        | more\ (?:from|like)\ this | filed\ under | follow\ (?:us|him|her|them|me|@?\w+)\ on
        | (?:sign\ up|subscribe)\ (?:for|to|now|here|today) | click\ here | have\ a\ tip
        )\b.{0,200}""",
    re.IGNORECASE | re.VERBOSE,
)


def parse_html(content: bytes, path: str) -> FiledArticle:
    """The article of a saved web page, without menus, advertisements and comments.

    Raises:
        ArticleError: no article is found in the page, or it is too large.
    """
    page = _PICTURE.sub("", decode(content, path))
    _require_size(page, path)
    tree = parse_tree(page)
    document = _extract(page, precise=True) or _extract(page, precise=False)
    text = document.text if document is not None else ""
    whole = _article_element(tree)
    if len(text.split()) < _ENOUGH * len(whole.split()):
        text = whole
    if document is None or not text.strip():
        raise ArticleError(path, "no article is found in the page", _REMEDY)
    text = drop_clutter(re.sub(r"\n+", "\n\n", text))
    facts = facts_of(tree, document, text)
    return make_article(path, _without_repeats(text, facts["title"]), facts)


def _require_size(page: str, path: str) -> None:
    """Refuses pages that would take minutes to parse; no outlet makes such pages."""
    tags = _TAG.findall(page)
    long = (re.sub(r"\"[^\"]*\"|'[^']*'", "_", tag) for tag in tags if len(tag) > MAX_ATTRIBUTES)
    # Upper bounds, each word of a tag taken for an attribute.
    of_one = max((len(tag.split()) for tag in long), default=0)
    of_all = sum(len(tag.split()) for tag in tags)
    for has, most, what in (
        (len(page), MAX_PAGE, "characters"),
        (page.count("<"), MAX_TAGS, "tags"),
        (of_one, MAX_ATTRIBUTES, "attributes in one tag"),
        (of_all, MAX_ALL_ATTRIBUTES, "attributes"),
    ):
        if has > most:
            problem = f"is a page with {has:,} {what}, more than {most:,}"
            raise ArticleError(path, problem, _REMEDY)


def _extract(page: str, *, precise: bool) -> Any:
    import trafilatura  # takes a third of a second, and most corpora have no HTML

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    document: Any = trafilatura.bare_extraction(
        page,
        include_comments=False,
        include_tables=True,
        favor_precision=precise,
        with_metadata=True,
        # Dates are read in `webpage`: from a page's running text they are guesses.
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    return document if document is not None and (document.text or "").strip() else None


def _article_element(tree: Element) -> str:
    """The paragraphs of the page's longest <article>, at least half of which should be extracted.

    Some pages divide their article into sections, and trafilatura takes only the first.
    """
    longest: list[str] = []
    for article in tree.iter("article"):
        paragraphs = [
            text_of(p)
            for p in article.iter("p", "h2", "h3", "blockquote")
            if p.tag != "blockquote" or p.find(".//p") is None
            if not any(a.tag in _AROUND for a in p.iterancestors() if a is not article)
        ]
        longest = max(longest, paragraphs, key=lambda texts: sum(map(len, texts)))
    return "\n".join(filter(None, longest))


def _without_repeats(text: str, title: str) -> str:
    """The text without lines that repeat its title or lead elsewhere."""
    blocks = text.split("\n\n")
    while len(blocks) > 1 and letters_of(blocks[0]) == letters_of(title):
        del blocks[0]
    return "\n\n".join(block for block in blocks if not _ELSEWHERE.fullmatch(block)) or text
