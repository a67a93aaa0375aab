"""The Articles tab: find articles, look one over, correct its facts, remove it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import gradio as gr

from assistant.assistant import Assistant
from assistant.corpus.editing import Details
from assistant.errors import AssistantError
from assistant.schema import ArticleSummary, Filter, Order
from assistant.web import html
from assistant.web.add import build_imports
from assistant.web.events import day, on

COLUMNS = ["Title", "Outlet", "Date", "Words", "Id"]
PAGE = 100
"""Articles shown at once: a table of 10,000 takes a browser seconds, and nobody reads it."""

ORDERS = {
    "Newest first": ("date", False), "Oldest first": ("date", True),
    "Title, A to Z": ("title", False), "Title, Z to A": ("title", True),
    "Outlet, A to Z": ("outlet", False), "Outlet, Z to A": ("outlet", True),
    "Longest first": ("words", False), "Shortest first": ("words", True),
    "Last added or changed first": ("added", False),
}  # fmt: skip
SORTING = {
    "title": "Title, A to Z", "outlet": "Outlet, A to Z", "date": "Newest first",
    "words": "Longest first",
}  # fmt: skip
"""What a click on the head of a column orders by; a second click turns it round."""


def build_articles(page: gr.Blocks, assistant: Assistant) -> None:
    """The list with its search, what adds to it, and below it the article that was chosen."""
    done = build_imports(page, assistant)
    with gr.Row(elem_id="finding"):
        search = gr.Textbox(
            label="Find an article", placeholder="Title, outlet or id", scale=3, elem_id="find"
        )
        order = gr.Dropdown(list(ORDERS), label="Order", scale=1, min_width=180, elem_id="order")
    with gr.Accordion("Narrow the list", open=False, elem_id="narrow"), gr.Row():
        outlets = gr.Dropdown(label="Published by", multiselect=True, choices=[], scale=2)
        languages = gr.Dropdown(label="Languages", multiselect=True, choices=[], min_width=120)
        since = gr.Textbox(label="From day", placeholder="2026-11-24", max_length=10, min_width=120)
        until = gr.Textbox(label="To day", placeholder="2026-11-24", max_length=10, min_width=120)
    with gr.Row(elem_id="pages"):
        count = gr.Markdown(elem_id="count", latex_delimiters=[])
        previous = gr.Button("Previous", size="sm", scale=0, min_width=90, elem_id="previous")
        following = gr.Button("Next", size="sm", scale=0, min_width=90, elem_id="next")
    sorting = [gr.Button(name, visible="hidden", elem_id=f"by-{name}") for name in SORTING]
    table = gr.Dataframe(
        headers=COLUMNS, datatype=["str", "str", "str", "number", "str"], interactive=False,
        label="Articles", show_label=False, max_height=420, elem_id="table", wrap=False,
        column_widths=["46%", "17%", "12%", "9%", "16%"], buttons=[],
    )  # fmt: skip
    outcome = gr.Markdown(elem_id="told", latex_delimiters=[])
    chosen = _build_details(assistant)
    offset = gr.State(0)
    asked = [search, order, outlets, languages, since, until, offset]
    shown = [table, count, previous, following, offset]
    quiet = {"show_progress": "hidden"}
    listing = partial(_list, assistant)
    first = partial(_list, assistant, first=True)
    changed = [box.change for box in (search, order, outlets, languages, since, until)]
    for event in (page.load, *changed):
        on(event, first, asked, shown, trigger_mode="always_last", **quiet)
    on(previous.click, partial(_list, assistant, step=-PAGE), asked, shown, **quiet)
    on(following.click, partial(_list, assistant, step=PAGE), asked, shown, **quiet)
    for button, column in zip(sorting, SORTING, strict=True):
        on(button.click, partial(_sorted, column), [order], [order], **quiet)
    on(page.load, partial(_choices, assistant), None, [outlets, languages], **quiet)

    def select(event: gr.SelectData) -> tuple[Any, ...]:  # of a partial, Gradio sees no types
        return _select(assistant, str(event.row_value[-1]))

    on(table.select, select, None, [outcome, *chosen.shown], **quiet)
    correct = partial(_correct, assistant, chosen.saved)
    saved = on(chosen.save.click, correct, chosen.typed, chosen.shown)
    removed = on(
        chosen.remove.click, partial(_remove, assistant), [chosen.details], [outcome, *chosen.shown]
    )
    for event in (saved.then, removed.then, *done):
        on(event, listing, asked, shown, **quiet)
        on(event, partial(_choices, assistant), None, [outlets, languages], **quiet)


# ---- the list ---------------------------------------------------------------------------------


def _list(
    assistant: Assistant,
    search: str | None,
    order: str | None,
    outlets: Sequence[str] | None,
    languages: Sequence[str] | None,
    since: str | None,
    until: str | None,
    offset: int,
    *,
    step: int = 0,
    first: bool = False,
) -> tuple[Any, ...]:
    """The rows of a page, what it is a page of, its buttons, and where it begins."""
    by, reverse = ORDERS[order or next(iter(ORDERS))]
    matching = search or ""
    try:
        within = Filter(
            day("From day", since), day("To day", until), tuple(outlets or ()),
            languages=tuple(languages or ()),
        )  # fmt: skip
        total = assistant.count_articles(matching, within)
        # The last page, where what stood on the one asked for is gone.
        at = 0 if first else max(0, min(offset + step, (total - 1) // PAGE * PAGE))
        found = assistant.articles(
            matching, within, cast(Order, by), reverse=reverse, limit=PAGE, offset=at
        )
    except AssistantError as error:
        return [], html.note(str(error)), *_turning(False, False), 0
    line = _counted(found, at, total, bool(matching or within))
    return html.table(found), line, *_turning(at > 0, at + len(found) < total), at


def _counted(found: Sequence[ArticleSummary], at: int, total: int, narrowed: bool) -> str:
    if not found:
        nothing = "No article is like that." if narrowed else "There are no articles yet: add some."
        return html.note(nothing)
    if len(found) == total:
        return html.note(f"{total:,} article{'s' * (total != 1)}")
    return html.note(f"Showing {at + 1:,} to {at + len(found):,} of {total:,} articles")


def _turning(back: bool, on: bool) -> tuple[Any, Any]:
    seen = back or on
    return gr.Button(visible=seen, interactive=back), gr.Button(visible=seen, interactive=on)


def _sorted(column: str, order: str | None) -> str:
    """The order by a column, or the other way round where it is in that order already."""
    wanted = SORTING[column]
    if order != wanted:
        return wanted
    by, reverse = ORDERS[wanted]
    return next(name for name, value in ORDERS.items() if value == (by, not reverse))


def _choices(assistant: Assistant) -> tuple[Any, Any]:
    try:
        return gr.Dropdown(choices=assistant.sources()), gr.Dropdown(choices=assistant.languages())
    except AssistantError:
        return gr.Dropdown(choices=[]), gr.Dropdown(choices=[])


# ---- one article ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chosen:
    """What shows the chosen article, and what a person can do with it."""

    details: Any
    """State: its `Details`, as they were when it was chosen."""
    shown: list[Any]
    """The outputs of `_show`, `_put_away` and `_correct`."""
    typed: list[Any]
    """The inputs of `_correct`."""
    save: Any
    saved: gr.Markdown
    remove: Any


def _build_details(assistant: Assistant) -> _Chosen:
    details = gr.State(None)
    with gr.Column(visible=False, elem_id="details") as panel:
        facts = gr.Markdown(latex_delimiters=[], elem_id="facts")
        with gr.Row(elem_id="chosen"):
            remove = gr.Button("Remove", size="sm", scale=0, min_width=120, elem_id="remove")
            confirm = gr.Button(
                "Yes, remove it", variant="stop", size="sm", scale=0, min_width=140,
                visible=False, elem_id="confirm",
            )  # fmt: skip
            keep = gr.Button(
                "Keep it", size="sm", scale=0, min_width=120, visible=False, elem_id="keep"
            )
        with gr.Accordion("Correct its facts", open=False, elem_id="correct") as correcting:
            title = gr.Textbox(label="Title", max_length=300)
            with gr.Row():
                source = gr.Textbox(label="Outlet", max_length=200)
                published = gr.Textbox(label="Date", placeholder="2026-11-24", max_length=40)
                language = gr.Textbox(
                    label="Language", placeholder="en", max_length=20, min_width=100
                )
            authors = gr.Textbox(label="Authors, one a line", lines=2, max_length=2000)
            url = gr.Textbox(label="Address (URL)", placeholder="https://…", max_length=2000)
            save = gr.Button("Save the corrections", variant="primary", elem_id="save")
            saved = gr.Markdown(elem_id="saved", latex_delimiters=[])
        with gr.Accordion("Passages", open=False, elem_id="passages") as cut:
            passages = gr.Markdown(latex_delimiters=[])
    fields = [title, source, published, language, authors, url]
    asking = [confirm, keep, remove]
    on(remove.click, lambda: _asking(True), None, asking, show_progress="hidden")
    on(keep.click, lambda: _asking(False), None, asking, show_progress="hidden")
    shown = [details, panel, facts, *fields, correcting, saved, cut, passages, *asking]
    return _Chosen(details, shown, [details, *fields], save, saved, confirm)


def _select(assistant: Assistant, article_id: str) -> tuple[Any, ...]:
    """The article of the chosen row."""
    try:
        return "", *_show(assistant, article_id)
    except AssistantError as error:  # removed since the list was made
        return html.note(str(error)), *_put_away()


def _show(assistant: Assistant, article_id: str, saved: str = "") -> tuple[Any, ...]:
    """An article with its facts, in the order of `_Chosen.shown`.

    Args:
        saved: what was said when they were corrected, below them.
    """
    found = assistant.details(article_id)
    article = found.article
    fields = (
        article.title, article.source or "", article.published or "", article.language or "",
        "\n".join(article.authors), article.url or "",
    )  # fmt: skip
    return (
        found, gr.Column(visible=True), html.details(found, assistant.copies(article_id)),
        *fields, gr.Accordion(open=bool(saved)), saved,
        gr.Accordion(f"Passages ({len(found.passages):,})", open=False),
        html.passages(found.passages), *_asking(False),
    )  # fmt: skip


def _put_away() -> tuple[Any, ...]:
    same = gr.skip()
    return None, gr.Column(visible=False), "", *[""] * 6, same, "", same, "", *_asking(False)


def _asking(sure: bool) -> tuple[Any, ...]:
    """The two buttons of the question whether to remove, or the one that raises it."""
    return gr.Button(visible=sure), gr.Button(visible=sure), gr.Button(visible=not sure)


def _correct(
    assistant: Assistant, saved: gr.Markdown, details: Details | None, *fields: str | None
) -> Any:
    """Saves what was typed, and shows the article as it is then.

    Args:
        saved: says why it could not; what was typed stays, to be mended.
    """
    if details is None:
        return _put_away()
    title, source, published, language, authors, url = (field or "" for field in fields)
    try:
        change = assistant.correct(
            details.article.id, title=title, source=source, published=published, url=url,
            language=language, authors=authors.splitlines(), seen=details.version,
        )  # fmt: skip
        said = "Nothing was changed." if change.kind == "unchanged" else f"Saved in {change.path}."
        return _show(assistant, change.article_id, html.note(said))
    except AssistantError as error:
        return {saved: html.note(str(error))}


def _remove(assistant: Assistant, details: Details | None) -> tuple[Any, ...]:
    if details is None:
        return "", *_put_away()
    article_id = details.article.id
    try:
        aside = assistant.remove(article_id)
        said = f"Removed {article_id}." + (f" Its file is kept as {aside}." if aside else "")
    except AssistantError as error:
        said = str(error)
    return html.note(said), *_put_away()
