"""The Articles tab: find an article, look at it, correct its facts, remove it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.schema import ArticleSummary, Filter, Order
from assistant.web import html
from assistant.web.add import build_imports
from assistant.web.article import build_article
from assistant.web.events import day, on

COLUMNS = ["Title", "Outlet", "Date", "Words", "Id"]
PAGE = 100
"""Articles shown at once: a table of 10,000 takes a browser seconds, and nobody reads it."""

ORDERS: dict[str, tuple[Order, bool]] = {
    "Newest first": ("date", False),
    "Oldest first": ("date", True),
    "Title, A to Z": ("title", False),
    "Title, Z to A": ("title", True),
    "Outlet, A to Z": ("outlet", False),
    "Outlet, Z to A": ("outlet", True),
    "Longest first": ("words", False),
    "Shortest first": ("words", True),
    "Last added or changed first": ("added", False),
}
SORTING = {
    "title": "Title, A to Z",
    "outlet": "Outlet, A to Z",
    "date": "Newest first",
    "words": "Longest first",
}
"""The order that a click on a column's head chooses; a second click reverses it."""


def build_articles(page: gr.Blocks, assistant: Assistant) -> None:
    """Fills the tab: what adds articles, the list with its search, the chosen article below it."""
    done = build_imports(page, assistant)
    table, refresh = _build_list(page, assistant)
    for event in (*build_article(assistant, table), *done):
        refresh(event)


def _build_list(
    page: gr.Blocks, assistant: Assistant
) -> tuple[gr.Dataframe, Callable[[Callable[..., Any]], None]]:
    """The list with its search; returns its table, and what wires an event to refresh it."""
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
    table, offset = _build_table(), gr.State(0)
    typed: list[Any] = [search, order, outlets, languages, since, until]

    def show(event: Callable[..., Any], *, first: bool = False, step: int = 0, **more: Any) -> None:
        shown = [table, count, previous, following, offset]
        listed = partial(_list, assistant, first=first, step=step)
        on(event, listed, [*typed, offset], shown, show_progress="hidden", **more)

    def offer(event: Callable[..., Any]) -> None:
        choices = partial(_choices, assistant)
        on(event, choices, None, [outlets, languages], show_progress="hidden")

    def refresh(event: Callable[..., Any]) -> None:
        show(event)
        offer(event)

    for event in (page.load, *(box.change for box in typed)):
        show(event, first=True, trigger_mode="always_last")
    show(previous.click, step=-PAGE)
    show(following.click, step=PAGE)
    for button, column in zip(sorting, SORTING, strict=True):
        on(button.click, partial(_sorted, column), [order], [order], show_progress="hidden")
    offer(page.load)
    return table, refresh


def _build_table() -> gr.Dataframe:
    return gr.Dataframe(
        headers=COLUMNS,
        datatype=["str", "str", "str", "number", "str"],
        column_widths=["46%", "17%", "12%", "9%", "16%"],
        interactive=False,
        label="Articles",
        show_label=False,
        max_height=420,
        elem_id="table",
        wrap=False,
        buttons=[],
    )


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
    """One page of the list: its rows, the line above it, the two buttons, and its offset."""
    by, reverse = ORDERS[order or next(iter(ORDERS))]
    matching = search or ""
    try:
        within = Filter(
            since=day("From day", since),
            until=day("To day", until),
            sources=tuple(outlets or ()),
            languages=tuple(languages or ()),
        )
        total = assistant.count_articles(matching, within)
        # Articles may be gone since: past the end, the last page is shown.
        at = 0 if first else max(0, min(offset + step, (total - 1) // PAGE * PAGE))
        found = assistant.articles(matching, within, by, reverse=reverse, limit=PAGE, offset=at)
    except AssistantError as error:
        return [], html.note(str(error)), *_turning(back=False, on=False), 0
    line = _counted(found, at, total, narrowed=bool(matching or within))
    return _rows(found), line, *_turning(back=at > 0, on=at + len(found) < total), at


def _rows(articles: Sequence[ArticleSummary]) -> list[list[str | int]]:
    """Rows of the table, which shows them as plain text."""
    return [[a.title, a.source or "", a.published or "", a.words, a.id] for a in articles]


def _counted(found: Sequence[ArticleSummary], at: int, total: int, *, narrowed: bool) -> str:
    if not found:
        nothing = "No article is like that." if narrowed else "There are no articles yet: add some."
        return html.note(nothing)
    if len(found) == total:
        return html.note(f"{total:,} article{'s' * (total != 1)}")
    return html.note(f"Showing {at + 1:,} to {at + len(found):,} of {total:,} articles")


def _turning(*, back: bool, on: bool) -> tuple[Any, Any]:
    seen = back or on
    return gr.Button(visible=seen, interactive=back), gr.Button(visible=seen, interactive=on)


def _sorted(column: str, order: str | None) -> str:
    """The order by a column; reversed where the list has that order already."""
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
