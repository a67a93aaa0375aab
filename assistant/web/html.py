"""Answers and articles as HTML. Every character that is not the program's own is escaped.

A chat message is one HTML block without a line break, so that no Markdown and no formulas are
parsed in the words of an article.
"""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from assistant.corpus.library import Details
from assistant.corpus.plan import Change
from assistant.schema import Answer, Article, Check, Citation, Copy, Passage
from assistant.text.citation_marks import marks_in

FAILED = (
    "Something went wrong inside the program; what it was stands in the window in which it runs. "
    "Ask again, or report it."
)


def shown(text: str) -> str:
    """Untrusted text as HTML that shows it character by character, on one line.

    Punctuation becomes character references, so that a Markdown parser or a formula renderer,
    which reads the source before the browser does, finds nothing in it.
    """
    one_line = " ".join(text.split())
    return re.sub(r"[^\w ]", lambda match: f"&#{ord(match.group())};", one_line)


def question(text: str) -> str:
    """The message of the person who asks."""
    return f'<div class="asked">{shown(text)}</div>'


def note(text: str) -> str:
    """The program's own message: what it is doing, or an error."""
    return f'<div class="note">{shown(text)}</div>'


def answer(found: Answer, *, complete: bool = True) -> str:
    """The message with an answer: prose or quoted sentences, then its sources as cards."""
    parts = ['<div class="answer">']
    if not found.answered:
        parts.append(f"<p>{shown(found.text)}</p>")
    elif found.generation is not None:
        parts.append(_prose(found))
    else:
        if found.short_answer:
            parts.append(f'<p class="short">{shown(found.short_answer)}</p>')
        parts.extend(_quotes(found))
    for disagreement in found.disagreements:
        line = _linked(disagreement.summary(), found.citations)
        parts.append(f'<p class="disagreement">{line}</p>')
    if found.notice:
        parts.append(f'<p class="notice">{shown(found.notice)}</p>')
    if complete and found.citations:
        heading = "Sources" if found.answered else "Nearest passages"
        parts.append(f'<h2>{heading}</h2><div class="cards">')
        parts.extend(map(card, _by_passage(found.citations)))
        parts.append("</div>")
    return "".join([*parts, "</div>"])


def _quotes(found: Answer) -> list[str]:
    parts = []
    last = None
    checks = {number: check for check in found.checks for number in check.cited}
    for citation in found.citations:
        if citation.article_id != last:
            parts.append(
                f'<p class="byline"><b>{shown(citation.title)}</b> {_outlet(citation)}</p>'
            )
            last = citation.article_id
        mark = _mark(checks[citation.number]) if citation.number in checks else ""
        parts.append(f"<blockquote>{shown(citation.quote)} {_cite(citation)}{mark}</blockquote>")
    return parts


def _cite(citation: Citation) -> str:
    label = f"Open source {citation.number} in its article"
    return f'<a class="cite" href="{link(citation)}" aria-label="{label}">{citation.number}</a>'


def _prose(found: Answer) -> str:
    """What a language model wrote, each sentence with its check."""
    pieces, at = [], 0
    for check in found.checks:
        pieces += [_linked(found.text[at : check.end], found.citations), _mark(check)]
        at = check.end
    pieces.append(_linked(found.text[at:], found.citations))
    return f'<p class="prose">{"".join(pieces)}</p>'


def _linked(text: str, citations: Sequence[Citation]) -> str:
    """Prose whose citation marks are links."""
    known = {citation.number: citation for citation in citations}
    parts, at = [], 0
    for mark in marks_in(text):
        if not known.keys() & set(mark.numbers):
            continue  # brackets of the article itself, or of a source that was removed
        parts.append(_lines(text[at : mark.start]))
        parts += [_cite(known[n]) if n in known else shown(f"[{n}]") for n in mark.numbers]
        at = mark.end
    return "".join([*parts, _lines(text[at:])])


def _lines(text: str) -> str:
    """Prose with its line breaks, and with the blanks at its ends."""
    plain = re.sub(r"\*\*|__", "", text)
    lines = [shown(line) if line.strip() else "" for line in plain.split("\n")]
    low = " " if plain[:1] == " " else ""
    high = " " if plain[-1:] == " " else ""
    return low + re.sub("(?:<br>){3,}", "<br><br>", "<br>".join(lines)) + high


_VERDICTS = {
    "verified": ("✓", "Verified"),
    "weak": ("?", "Weak"),
    "unsupported": ("✕", "Not in the source"),
}


def _mark(check: Check) -> str:
    """The mark of a check, which tells its reasons on hover and to screen readers."""
    sign, verdict = _VERDICTS[check.verdict]
    why = f"{verdict}: {'; '.join(check.reasons)}" if check.reasons else verdict
    label = shown(why)
    return (
        # Gradio's own class "check" would hide it.
        f' <span class="verdict {check.verdict}" role="img" tabindex="0" title="{label}" '
        f'aria-label="{label}">{sign}</span>'
    )


def card(citations: Sequence[Citation]) -> str:
    """The card of a passage: its article, and the passage with each cited sentence marked."""
    first = citations[0]
    numbers = "".join(f'<span class="number">{c.number}</span>' for c in citations)
    speakers = dict.fromkeys(c.speaker for c in citations if c.speaker)
    speaks = "".join(f'<span class="speaker">{shown(name)} speaks</span>' for name in speakers)
    return (
        f'<div class="card"><div class="card-head">{numbers}'
        f"<b>{shown(first.title)}</b> {_outlet(first)}{speaks}</div>{_also(citations)}"
        f'<p class="passage">{_marked(citations)}</p>'
        f'<a class="open" href="{link(first)}">Open article</a></div>'
    )


def _also(citations: Sequence[Citation]) -> str:
    """Links to the article's near-duplicates, which count as the same source."""
    copies = {copy.article_id: copy.name for citation in citations for copy in citation.also}
    names = ", ".join(link_to(id, name) for id, name in copies.items())
    return f'<div class="also">Also published by {names}</div>' if names else ""


def _marked(citations: Sequence[Citation]) -> str:
    """The passage around the citations, their sentences marked."""
    first = citations[0]
    parts, at = [], 0
    for citation in sorted(citations, key=lambda c: c.start):
        start, end = citation.start - first.context_start, citation.end - first.context_start
        parts += [paragraphs(first.context[at:start])]
        parts += [f"<mark>{paragraphs(first.context[start:end])}</mark>"]
        at = end
    return " ".join([*parts, paragraphs(first.context[at:])])


def paragraphs(text: str) -> str:
    """Untrusted text with line breaks between its paragraphs."""
    return "<br>".join(shown(part) for part in re.split(r"\n\s*\n", text))


def _by_passage(citations: Sequence[Citation]) -> list[list[Citation]]:
    groups: dict[tuple[str, int], list[Citation]] = {}
    for citation in citations:
        groups.setdefault((citation.article_id, citation.context_start), []).append(citation)
    return list(groups.values())


def _outlet(citation: Citation) -> str:
    outlet = ", ".join(filter(None, (citation.source, citation.published or "date unknown")))
    return f'<span class="outlet">{shown(outlet)}</span>'


PREVIEWED = 1_200
"""Characters of an article's text that a preview shows."""


def preview(article: Article, change: Change) -> str:
    """An article before it is added: what adding it does, its facts, the beginning of its text."""
    authors = ", ".join(article.authors)
    facts = filter(None, (article.source, article.published or "date unknown", authors))
    text = article.text[:PREVIEWED] + (" …" if len(article.text) > PREVIEWED else "")
    words = f"{len(article.text.split())} words"
    return (
        f'<div class="answer">{_foreseen(change)}<p class="byline"><b>{shown(article.title)}</b> '
        f'<span class="outlet">{shown(", ".join([*facts, words]))}</span></p>'
        f'<p class="passage">{paragraphs(text)}</p></div>'
    )


def _foreseen(change: Change) -> str:
    """What adding an article does, unless it is simply new."""
    lines = []
    if change.kind == "unchanged":
        link = link_to(change.article_id, change.article_id)
        lines.append(f"This article is in the corpus already: {link}")
    if change.kind == "changed":
        link = link_to(change.previous_id, change.previous_id)
        lines.append(f"Adding it replaces the older version: {link}")
    if change.copies:
        lines.append(f"Nearly the same as {_copies(change.copies)}")
    return "".join(f'<p class="notice">{line}</p>' for line in lines)


def _copies(copies: Sequence[Copy]) -> str:
    return "<br>".join(
        f"{link_to(copy.article_id, copy.title)} "
        f"({shown(', '.join(filter(None, (copy.source, copy.published))) or 'date unknown')}, "
        f"{copy.similarity:.0%} the same)"
        for copy in copies
    )


_DATE_FROM = {"metadata": "as its file says", "url": "from its address", "text": "from its text"}
_UPLOADED = re.compile(r"^.*[/\\]uploads[/\\][0-9a-f]{40,}[/\\]")
"""Where Gradio keeps an uploaded file; a person knows only its name."""


def details(found: Details, copies: Sequence[Copy]) -> str:
    """All known facts of an article, in a table."""
    article = found.article
    date = article.published or "unknown"
    if found.date_from in _DATE_FROM and article.published:
        date += f" ({_DATE_FROM[found.date_from]})"
    pieces = len(found.passages)
    size = f"{len(article.text.split()):,} words, {pieces:,} passage{'s' * (pieces != 1)}"
    facts = {
        "Outlet": article.source or "unknown",
        "Authors": ", ".join(article.authors) or "unknown",
        "Date": date,
        "Language": article.language or "unknown",
        "Address": article.url or "none",
        "Added from": _UPLOADED.sub("", found.origin) or "a file put into the corpus",
        "File": article.path,
        "Length": size,
    }
    rows = [f'<tr><th scope="row">{k}</th><td>{shown(v)}</td></tr>' for k, v in facts.items()]
    if copies:
        rows.append(f'<tr><th scope="row">Nearly the same as</th><td>{_copies(copies)}</td></tr>')
    problem = f'<p class="notice">{shown(found.problem)}</p>' if found.problem else ""
    return (
        f'<div class="answer"><h2 class="title">{shown(article.title)}</h2>{problem}'
        f'<table class="facts"><tbody>{"".join(rows)}</tbody></table>'
        f"{view_link(article.id, article.title)}</div>"
    )


PASSAGES = 200
"""The most passages listed of one article: a book has thousands."""


def passages(found: Sequence[Passage]) -> str:
    """The passages of an article, each with its offsets."""
    parts = [
        f'<li><span class="outlet">{p.start:,}&#8211;{p.end:,}</span> {paragraphs(p.text)}</li>'
        for p in found[:PASSAGES]
    ]
    more = len(found) - PASSAGES
    rest = f"<p>… and {more:,} more.</p>" if more > 0 else ""
    return f'<div class="answer"><ol class="passages">{"".join(parts)}</ol>{rest}</div>'


def link(citation: Citation) -> str:
    """The deep link of a citation, which opens its article at the sentence."""
    return f"{_place(citation.article_id)}?s={citation.start}-{citation.end}"


def link_to(article_id: str, name: str) -> str:
    """A link with any name that opens an article."""
    return f'<a href="{_place(article_id)}">{shown(name)}</a>'


def view_link(article_id: str, title: str) -> str:
    """The link “View “title”” that opens an article."""
    return f'<a class="open" href="{_place(article_id)}">View “{shown(title)}”</a>'


def _place(article_id: str) -> str:
    return escape(f"#/article/{quote(article_id, safe='')}")
