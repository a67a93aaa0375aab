"""The facts that a web page states about its article: title, authors, outlet, date, URL, language.

A date is looked for in the page's metadata (JSON-LD, meta elements, microdata), then in its
address, then in the lines between its headline and its text.
"""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

from assistant.sources.formats.elements import Element, text_blocks, text_of
from assistant.sources.metadata import (
    DateFrom,
    absolute_url,
    find_date,
    head_date,
    letters_of,
    url_date,
)

# The most reliable first.
_DATES = """article:published_time article:published article.published og:article:published_time
    og:published_time datepublished og:datepublished parsely-pub-date og:pubdate pubdate pub_date
    publish-date publish_date publishdate publication_date published_at published sailthru.date
    dc.date.issued dcterms.issued dc.date dcterms.date dcterms.created date""".split()
_ARTICLES = re.compile(r"\w*Article|\w*BlogPosting|Report|\w*Review")
_PAGES = re.compile(r"\w*WebPage")
_LINKED_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')
_BETWEEN = r"\s+[|–—»•·:-]{1,2}\s+|\s*\|\s*|:\s+"
"""The separators between a title and the name of the site."""

_NO_NAME = re.compile(r"\d|https?:|copyright", re.IGNORECASE)
_ALIKE = 0.6
"""Share of a heading's words in the title from which on it counts as the article's headline."""

_MOST_BETWEEN = 20
_LONGEST_BY_LINE = 100
_MOST_WORDS = 14
"""The most blocks searched between a headline and its text; most characters and words of a line
that may hold the date there."""

_NOT_PUBLISHED = re.compile(
    r"updat|modif|aktualis|photo|image|getty|file|copyright|©", re.IGNORECASE
)

_MOST_NODES = 2_000
"""Of a page's JSON-LD that are searched."""


def facts_of(tree: Element, document: Any, text: str) -> dict[str, Any]:
    """The facts of an article, as `make_article` takes them.

    Args:
        document: what trafilatura found; its facts are used if the page has no better ones.
        text: the article's, to tell what precedes it.
    """
    meta = _meta(tree)
    linked = _linked_data(tree)
    url = _address(tree, meta, document.url)
    source = meta.get("og:site_name") or _name(linked.get("publisher")) or document.sitename
    if not source or re.match(r"copyright|©", source, re.IGNORECASE):
        source = document.hostname
    headings = [text_of(heading) for heading in tree.iter("h1")]
    stated = meta.get("og:title") or _said(linked.get("headline")) or document.title or ""
    sites = [source, document.sitename, _name(linked.get("publisher")), _site(url)]
    title = _title(stated, [*headings, _said(linked.get("headline"))], sites)
    published, date_from = _published(tree, meta, linked, url, text)
    return {
        "title": title,
        "source": source,
        "authors": _authors(document.author, [source, document.sitename]),
        "published": published,
        "date_from": date_from,
        "language": _language(tree, meta, linked),
        "url": url,
    }


def _meta(tree: Element) -> dict[str, str]:
    """The first content of each meta element, by its name."""
    said: dict[str, str] = {}
    for element in tree.iter("meta"):
        content = (element.get("content") or "").strip()
        for attribute in ("property", "name", "itemprop"):
            if content and (name := element.get(attribute)):
                said.setdefault(name.lower(), content[:1_000])
    return said


def _linked_data(tree: Element) -> dict[str, Any]:
    """The page's JSON-LD about the article, else about the page itself."""
    waiting: list[Any] = []
    broken: dict[str, Any] = {}
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or ""):
            try:
                waiting.append(json.loads(script.text or "", strict=False))
            except (ValueError, RecursionError):  # a stray quote is common, and the date intact
                dates = _LINKED_DATE.findall(script.text or "")
                broken = broken or {"datePublished": next(iter(dates), "")}
    nodes = list(_linked_nodes(waiting))
    for kind in (_ARTICLES, _PAGES):
        if of_kind := [node for node in nodes if any(map(kind.fullmatch, _types(node)))]:
            return broken | min(of_kind, key=lambda node: "datePublished" not in node)
    return broken


def _linked_nodes(waiting: list[Any]) -> Iterator[dict[str, Any]]:
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        if isinstance(node, list):
            waiting[:0] = node
        elif isinstance(node, dict):
            yield node
            waiting.extend(node[key] for key in ("@graph", "mainEntity") if key in node)


def _types(node: dict[str, Any]) -> list[str]:
    types = node.get("@type")
    return list(map(str, types if isinstance(types, list) else [types]))


def _said(value: Any) -> str:
    return " ".join(unescape(value).split()) if isinstance(value, str) else ""


def _name(value: Any) -> str:
    value = value[0] if isinstance(value, list) and value else value
    return _said(value.get("name") if isinstance(value, dict) else value)


def _address(tree: Element, meta: dict[str, str], otherwise: str | None) -> str | None:
    """The address that the page states, if it is a valid one."""
    base = meta.get("og:url") or otherwise or ""
    links = [link.get("href") or "" for link in tree.iter("link") if link.get("rel") == "canonical"]
    found = (absolute_url(link, base) for link in [*links, base])
    # The address of the whole site would be the id of all its pages.
    return next((url for url in found if url and urlsplit(url).path != "/"), None)


def _site(url: str | None) -> str:
    host = urlsplit(url).hostname or "" if url else ""
    labels = host.removeprefix("www.").split(".")
    return max(labels[:-1], key=len, default="")


def _title(stated: str, headings: list[str], sites: list[str | None]) -> str:
    """The heading that resembles the page's title most, if it is similar enough; else the title
    without the name of the site.
    """
    title = " ".join(stated.split())
    names = {letters_of(site) for site in sites if site and len(letters_of(site)) > 2}
    headings = [h for h in headings if len(h.split()) > 1 and not _is_site(h, names)]
    if not title:
        return next(iter(headings), "")
    alike = max(headings, key=lambda heading: _likeness(heading, title), default="")
    if _likeness(alike, title) >= _ALIKE:
        return alike
    for cut in reversed(list(re.finditer(_BETWEEN, title))):
        if _is_site(title[cut.end() :], names) and title[: cut.start()]:
            return title[: cut.start()]
    for cut in re.finditer(_BETWEEN, title):
        if _is_site(title[: cut.start()], names) and title[cut.end() :]:
            return title[cut.end() :]
    return title


def _likeness(heading: str, title: str) -> float:
    """Share of the heading's words that the title has as well."""
    words = re.findall(r"\w+", heading.casefold())
    known = set(re.findall(r"\w+", title.casefold()))
    return sum(word in known for word in words) / len(words) if words else 0.0


def _is_site(words: str, names: set[str]) -> bool:
    letters = letters_of(words)
    return len(letters) > 2 and any(
        letters in name or (name in letters and len(name) > 0.6 * len(letters)) for name in names
    )


def _authors(found: str | None, sites: list[str | None]) -> list[str]:
    """Names of people only: by-lines may include dates, addresses and the outlet."""
    outlets = {letters_of(site) for site in sites if site}
    names = (name.strip() for name in (found or "").split(";"))
    names = (name for name in names if 0 < len(name) <= 60 and not _NO_NAME.search(name))
    return [name for name in names if letters_of(name) not in outlets]


def _language(tree: Element, meta: dict[str, str], linked: dict[str, Any]) -> str:
    """The page's language without its region: en for en-US."""
    attributes = [tree.get("lang"), tree.get("{http://www.w3.org/XML/1998/namespace}lang")]
    names = ("og:locale", "content-language", "language")
    said = [*attributes, _said(linked.get("inLanguage")), *map(meta.get, names)]
    codes = (re.match(r"([a-zA-Z]{2,3})(?![a-zA-Z])", (code or "").strip()) for code in said)
    return next((code[1].lower() for code in codes if code), "")


def _published(
    tree: Element, meta: dict[str, str], linked: dict[str, Any], url: str | None, text: str
) -> tuple[date | None, DateFrom | None]:
    in_url = url_date(url)
    for said in _stated_dates(tree, meta, linked):
        day = find_date(said[:100])
        if day is None:
            continue
        # Metadata often give the time in UTC, and the address the outlet's own day.
        utc = re.search(r"\dT\d.*(?:Z|\+00:?00)$", said.strip())
        if utc and in_url and abs(in_url - day) == timedelta(days=1):
            break
        return day, "metadata"
    if in_url is not None:
        return in_url, "url"
    beside = _date_beside_headline(tree, text)
    return beside, None if beside is None else "text"


def _stated_dates(tree: Element, meta: dict[str, str], linked: dict[str, Any]) -> Iterator[str]:
    yield _said(linked.get("datePublished"))
    yield from (meta[name] for name in _DATES if name in meta)
    for element in tree.iter("time", "span", "div", "p", "abbr"):
        if element.get("itemprop") == "datePublished" or element.get("pubdate") is not None:
            told = map(element.get, ("datetime", "content", "title"))
            yield next(filter(None, told), None) or text_of(element)


def _date_beside_headline(tree: Element, text: str) -> date | None:
    """The date in the lines between the headline and the first words of the text."""
    headings = {letters_of(text_of(heading)) for heading in tree.iter("h1")} - {""}
    paragraphs = (letters_of(block[:200]) for block in text.split("\n\n"))
    start = next((letters for letters in paragraphs if letters not in headings), "")[:30]
    blocks = text_blocks(tree)
    first = next((n for n, block in enumerate(blocks) if letters_of(block) in headings), None)
    if first is None or not start:
        return None
    after = blocks[first + 1 : first + 1 + _MOST_BETWEEN]
    between = list(takewhile(lambda block: not letters_of(block[:200]).startswith(start), after))
    for block in between:
        day = find_date(block) if len(block) <= _LONGEST_BY_LINE else None
        if day and len(block.split()) <= _MOST_WORDS and not _NOT_PUBLISHED.search(block):
            return day
    return head_date("\n".join(between)) or _time_after_headline(tree, start)


def _time_after_headline(tree: Element, start: str) -> date | None:
    """The first machine-readable date of a <time> between the headline and the text."""
    seen_headline = False
    for element in tree.iter("h1", "time", "p", "div"):
        if element.tag == "h1":
            seen_headline = True
        elif element.tag == "time" and seen_headline:
            day = find_date(element.get("datetime") or "")
            if day is not None:
                return day
        elif seen_headline and letters_of((element.text or "")[:200]).startswith(start):
            break
    return None
