"""The article that is chosen in the list: its facts, correcting them, removing it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.corpus.library import Details
from assistant.web import article_html, html
from assistant.web.events import on


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
    on(remove.click, partial(_asking, sure=True), None, asking, show_progress="hidden")
    on(keep.click, partial(_asking, sure=False), None, asking, show_progress="hidden")
    shown = [details, panel, facts, *fields, correcting, saved, cut, passages, *asking]

    def select(event: gr.SelectData) -> tuple[Any, ...]:  # not a partial
        return _select(assistant, str(event.row_value[-1]))

    on(table.select, select, None, [outcome, *shown], show_progress="hidden")
    corrected = on(save.click, partial(_correct, assistant, saved), [details, *fields], shown)
    removed = on(confirm.click, partial(_remove, assistant), [details], [outcome, *shown])
    return [corrected.then, removed.then]


def _build_fields() -> list[Any]:
    """The boxes for what `_correct` saves, in its order."""
    title = gr.Textbox(label="Title", max_length=300)
    with gr.Row():
        source = gr.Textbox(label="Outlet", max_length=200)
        published = gr.Textbox(label="Date", placeholder="2026-11-24", max_length=40)
        language = gr.Textbox(label="Language", placeholder="en", max_length=20, min_width=100)
    authors = gr.Textbox(label="Authors, one a line", lines=2, max_length=2000)
    url = gr.Textbox(label="Address (URL)", placeholder="https://…", max_length=2000)
    return [title, source, published, language, authors, url]


def _select(assistant: Assistant, article_id: str) -> tuple[Any, ...]:
    """Shows the article of a row."""
    try:
        return "", *_show(assistant, article_id)
    except AssistantError as error:  # it was removed after the list was made
        return html.note(str(error)), *_put_away()


def _show(assistant: Assistant, article_id: str, saved: str = "") -> tuple[Any, ...]:
    """An article with its facts: what the components in `shown` are set to, in their order.

    Args:
        saved: the message below the facts after they were corrected.
    """
    found = assistant.details(article_id)
    article = found.article
    known = article.title, article.source, article.published, article.language
    fields = [fact or "" for fact in (*known, "\n".join(article.authors), article.url)]
    return (
        found,
        gr.Column(visible=True),
        article_html.details(found, assistant.copies(article_id)),
        *fields,
        gr.Accordion(open=bool(saved)),
        saved,
        gr.Accordion(f"Passages ({len(found.passages):,})", open=False),
        article_html.passages(found.passages),
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
    title, source, published, language, authors, url = (field or "" for field in fields)
    try:
        change = assistant.correct(
            details.article.id,
            title=title,
            source=source,
            published=published,
            url=url,
            language=language,
            authors=authors.splitlines(),
            seen=details.version,
        )
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
