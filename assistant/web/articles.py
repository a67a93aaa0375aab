"""The Articles tab: find an article, look at it, correct its facts, remove it."""

from collections.abc import Callable, Sequence
from functools import partial
from operator import add
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.corpus.library import Details
from assistant.schema import ArticleSummary, Filter, Order
from assistant.web import html
from assistant.web.add import build_imports
from assistant.web.days import day

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
    changes = gr.State(0)
    done = build_imports(page, assistant)
    table = _build_list(page, assistant, changes)
    for event in (*build_article(assistant, table), *done):
        event(partial(add, 1), changes, changes, show_progress="hidden")


def _build_list(page: gr.Blocks, assistant: Assistant, changes: gr.State) -> gr.Dataframe:
    """The list with its search; returns its table.

    One event alone writes the list, and goes on again when something has happened meanwhile. Two
    could overtake each other, and show the list for words that the box held before.

    Args:
        changes: how often articles may have been added, corrected or removed on this page.
    """
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
    table, offset, listed = _build_table(), gr.State(0), gr.State(())
    typed: list[Any] = [search, order, outlets, languages, since, until]
    gr.on(
        [page.load, changes.change, offset.change, *(box.change for box in typed)],
        partial(_list, assistant),
        [offset, listed, *typed],
        [table, count, previous, following, offset, listed],
        show_progress="hidden",
        trigger_mode="always_last",
    )
    for button, step in ((previous, -PAGE), (following, PAGE)):
        shown = [offset, listed, *typed]
        button.click(partial(_turn, step), shown, offset, show_progress="hidden")
    for button, column in zip(sorting, SORTING, strict=True):
        button.click(partial(_sorted, column), order, order, show_progress="hidden")
    choices = partial(_choices, assistant)
    gr.on([page.load, changes.change], choices, None, [outlets, languages], show_progress="hidden")
    return table


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


def _turn(step: int, offset: int, listed: Sequence[Any], *typed: Any) -> Any:
    """The next offset; the same where the list that was shown to the person has been replaced."""
    return offset + step if _same(listed, typed) else gr.skip()


def _same(listed: Sequence[Any], typed: Sequence[Any]) -> bool:
    """Whether both ask for the same list; a box holds None until it is shown or filled."""
    return [value or None for value in listed] == [value or None for value in typed]


def _list(assistant: Assistant, offset: int, listed: Sequence[Any], *typed: Any) -> tuple[Any, ...]:
    """One page of the list: its rows, the line above it, the two buttons, its offset, `typed`.

    Args:
        listed: what was typed for the list that is shown; for another, the first page is shown.
        typed: the words, the order, the outlets, the languages, the first and the last day.
    """
    search, order, outlets, languages, since, until = typed
    same = _same(listed, typed)
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
        at = max(0, min(offset, (total - 1) // PAGE * PAGE)) if same else 0
        found = assistant.articles(matching, within, by, reverse=reverse, limit=PAGE, offset=at)
    except AssistantError as error:
        return [], html.note(str(error)), *_turning(back=False, on=False), 0, typed
    line = _counted(found, at, total, narrowed=bool(matching or within))
    turning = _turning(back=at > 0, on=at + len(found) < total)
    # The person may have turned the page meanwhile: of this list, but not of one that is gone.
    kept = gr.skip() if same and at == offset else at
    return _rows(found), line, *turning, kept, typed


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


def build_article(assistant: Assistant, table: gr.Dataframe) -> list[Callable[..., Any]]:
    """The panel of the article chosen in a table; returns the events that may change the list."""
    outcome = gr.Markdown(elem_id="told", latex_delimiters=[])
    details = gr.State(None)
    with gr.Column(visible=False, elem_id="details") as panel:
        facts = gr.Markdown(latex_delimiters=[], elem_id="facts")
        with gr.Row(elem_id="chosen"):
            remove = gr.Button("Remove", size="sm", scale=0, min_width=120, elem_id="remove")
            small: dict[str, Any] = {"size": "sm", "scale": 0, "visible": False}
            confirm = gr.Button(
                "Yes, remove it", variant="stop", min_width=140, elem_id="confirm", **small
            )
            keep = gr.Button("Keep it", min_width=120, elem_id="keep", **small)
        with gr.Accordion("Correct its facts", open=False, elem_id="correct") as correcting:
            fields = _build_fields()
            save = gr.Button("Save the corrections", variant="primary", elem_id="save")
            saved = gr.Markdown(elem_id="saved", latex_delimiters=[])
        with gr.Accordion("Passages", open=False, elem_id="passages") as cut:
            passages = gr.Markdown(latex_delimiters=[])
    asking = [confirm, keep, remove]
    remove.click(partial(_asking, sure=True), None, asking, show_progress="hidden")
    keep.click(partial(_asking, sure=False), None, asking, show_progress="hidden")
    shown = [details, panel, facts, *fields, correcting, saved, cut, passages, *asking]

    # A function that wants the event itself is no partial: Gradio would not see its types.
    def select(event: gr.SelectData) -> tuple[Any, ...]:
        try:
            return "", *_show(assistant, str(event.row_value[-1]))
        except AssistantError as error:  # it was removed after the list was made
            return html.note(str(error)), *_put_away()

    table.select(select, None, [outcome, *shown], show_progress="hidden")
    corrected = save.click(partial(_correct, assistant, saved), [details, *fields], shown)
    removed = confirm.click(partial(_remove, assistant), [details], [outcome, *shown])
    return [corrected.then, removed.then]


FACTS = ("title", "source", "published", "language", "authors", "url")


def _build_fields() -> list[Any]:
    """The boxes for `FACTS`."""
    title = gr.Textbox(label="Title", max_length=300)
    with gr.Row():
        source = gr.Textbox(label="Outlet", max_length=200)
        published = gr.Textbox(label="Date", placeholder="2026-11-24", max_length=40)
        language = gr.Textbox(label="Language", placeholder="en", max_length=20, min_width=100)
    authors = gr.Textbox(label="Authors, one a line", lines=2, max_length=2000)
    url = gr.Textbox(label="Address (URL)", placeholder="https://…", max_length=2000)
    return [title, source, published, language, authors, url]


def _show(assistant: Assistant, article_id: str, saved: str = "") -> tuple[Any, ...]:
    """An article with its facts: what the components in `shown` are set to, in their order.

    Args:
        saved: the message below the facts after they were corrected.
    """
    found = assistant.details(article_id)
    article = found.article
    facts = vars(article) | {"authors": "\n".join(article.authors)}
    return (
        found,
        gr.Column(visible=True),
        html.details(found, assistant.copies(article_id)),
        *(facts[fact] or "" for fact in FACTS),
        gr.Accordion(open=bool(saved)),
        saved,
        gr.Accordion(f"Passages ({len(found.passages):,})", open=False),
        html.passages(found.passages),
        *_asking(sure=False),
    )


def _put_away() -> tuple[Any, ...]:
    same = gr.skip()
    return None, gr.Column(visible=False), "", *[""] * 6, same, "", same, "", *_asking(sure=False)


def _asking(*, sure: bool) -> tuple[Any, ...]:
    """The buttons that confirm or cancel the removal, or the one that asks for it."""
    return gr.Button(visible=sure), gr.Button(visible=sure), gr.Button(visible=not sure)


def _correct(
    assistant: Assistant, saved: gr.Markdown, details: Details | None, *fields: str | None
) -> Any:
    """Saves what was typed, and shows the corrected article.

    Args:
        saved: shows why it could not be saved; what was typed stays, to be put right.
    """
    if details is None:
        return _put_away()
    facts: dict[str, Any] = {fact: typed or "" for fact, typed in zip(FACTS, fields, strict=True)}
    facts["authors"] = facts["authors"].splitlines()
    try:
        change = assistant.correct(details.article.id, **facts, seen=details.version)
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
