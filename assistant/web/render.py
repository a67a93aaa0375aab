"""Answers to HTML. Every character that is not the program's own is escaped.

A chat message is one HTML block without a line break in it, so that neither Markdown nor formulas
are looked for in the words of an article.
"""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from assistant.schema import Answer, ArticleSummary, Citation


def shown(text: str) -> str:
    """Untrusted text as HTML that shows it letter by letter, on one line.

    Punctuation becomes character references: neither a Markdown parser nor a formula renderer
    that looks at the source before the browser does finds anything in it.
    """
    one_line = " ".join(text.split())
    return re.sub(r"[^\w ]", lambda match: f"&#{ord(match.group())};", one_line)


def question(text: str) -> str:
    """The message of a person."""
    return f'<div class="asked">{shown(text)}</div>'


def note(text: str) -> str:
    """A message of the program's own, while there is no answer yet, or an error."""
    return f'<div class="note">{shown(text)}</div>'


def answer(found: Answer, complete: bool = True) -> str:
    """The message of an answer: quoted sentences by article, then its sources as cards."""
    parts = ['<div class="answer">']
    if found.answered:
        if found.short_answer:
            parts.append(f'<p class="short">{shown(found.short_answer)}</p>')
        parts.extend(_quotes(found.citations))
    else:
        parts.append(f"<p>{shown(found.text)}</p>")
    if found.searched_for != found.question:
        parts.append(f'<p class="searched">Searched for: {shown(found.searched_for)}</p>')
    if complete and found.citations:
        heading = "Sources" if found.answered else "Nearest passages"
        parts.append(f'<h3>{heading}</h3><div class="cards">')
        parts.extend(map(card, found.citations))
        parts.append("</div>")
    return "".join([*parts, "</div>"])


def _quotes(citations: Sequence[Citation]) -> list[str]:
    parts = []
    last = None
    for citation in citations:
        if citation.article_id != last:
            parts.append(
                f'<p class="byline"><b>{shown(citation.title)}</b> {_outlet(citation)}</p>'
            )
            last = citation.article_id
        label = f"Open source {citation.number} in its article"
        parts.append(
            f"<blockquote>{shown(citation.quote)} "
            f'<a class="cite" href="{link(citation)}" aria-label="{label}">{citation.number}</a>'
            f"</blockquote>"
        )
    return parts


def card(citation: Citation) -> str:
    """One source: its article, and the cited sentence marked inside its passage."""
    start = citation.start - citation.context_start
    end = citation.end - citation.context_start
    before, quoted, after = (
        citation.context[:start], citation.context[start:end], citation.context[end:],
    )  # fmt: skip
    speaker = citation.speaker
    speaks = f'<span class="speaker">{shown(speaker)} speaks</span>' if speaker else ""
    return (
        f'<div class="card"><div class="card-head"><span class="number">{citation.number}</span>'
        f"<b>{shown(citation.title)}</b> {_outlet(citation)}"
        f"{speaks}</div>"
        f'<p class="passage">{shown(before)} <mark>{shown(quoted)}</mark> {shown(after)}</p>'
        f'<a class="open" href="{link(citation)}">Open article</a></div>'
    )


def _outlet(citation: Citation) -> str:
    outlet = ", ".join(filter(None, (citation.source, citation.published or "date unknown")))
    return f'<span class="outlet">{shown(outlet)}</span>'


def link(citation: Citation) -> str:
    """The deep link of a citation: opens its article, scrolled to the sentence."""
    place = f"s={citation.start}-{citation.end}"
    return escape(f"#/article/{quote(citation.article_id, safe='')}?{place}")


def link_to(article_id: str, title: str) -> str:
    """A link that opens an article in the side panel."""
    target = escape(f"#/article/{quote(article_id, safe='')}")
    return f'<a class="open" href="{target}">View “{shown(title)}”</a>'


def table(articles: Sequence[ArticleSummary]) -> list[list[str | int]]:
    """Rows of the table of articles; shown as text by the table itself."""
    return [[a.title, a.source or "", a.published or "", a.words, a.id] for a in articles]
