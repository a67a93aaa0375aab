"""Articles, and the progress of adding them, as HTML."""

import re
from collections.abc import Sequence

from assistant.corpus.library import Details
from assistant.corpus.plan import Change
from assistant.schema import Article, Copy, Passage, Progress
from assistant.web.html import link_to, paragraphs, shown, view_link

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
"""Where Gradio keeps an uploaded file, of which a person knows only the name."""


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


def progress(far: Progress, seconds: float) -> str:
    """How far a long job is: a bar, its speed, and about how long it still takes."""
    rate = far.done / max(seconds, 0.001)
    left = (far.total - far.done) / rate if rate else 0
    said = f"{far.done:,} of about {far.total:,} {far.unit}, {rate:,.1f} a second"
    if far.done < far.total:
        said += f", about {_duration(left)} left"
    return (
        f'<div class="note"><progress max="{max(far.total, 1)}" value="{far.done}" '
        f'aria-label="Articles added"></progress> {shown(said)}</div>'
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
