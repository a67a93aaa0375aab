"""Adding articles in the page: uploaded files, a page of the web, a pasted text."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.corpus.incoming import Incoming
from assistant.web import article_html, html
from assistant.web.events import on
from assistant.web.uploads import Imports, build_upload


def build_imports(page: gr.Blocks, assistant: Assistant) -> list[Callable[..., Any]]:
    """The three ways to add articles; returns the events that may have added some."""
    imports = Imports(assistant)
    outcome = gr.Markdown(elem_id="outcome", latex_delimiters=[], render=False)
    with gr.Accordion("Add articles", open=False, elem_id="adding") as adding, gr.Tabs():
        with gr.Tab("Upload"):
            uploaded = build_upload(page, imports, outcome)
        with gr.Tab("From the web"):
            fetched = _build_from_web(assistant, outcome)
        with gr.Tab("Paste"):
            pasted = _build_paste(assistant, outcome)
    outcome.render()  # type: ignore[no-untyped-call]

    def opened() -> Any:
        return gr.Accordion(open=imports.running is not None or _is_empty(assistant))

    on(page.load, opened, None, [adding], show_progress="hidden")
    return [event.then for event in (*uploaded, fetched, pasted)]


def _is_empty(assistant: Assistant) -> bool:
    try:
        return assistant.count_articles() == 0
    except AssistantError:
        return False


# ---- a page of the web ------------------------------------------------------------------------


def _build_from_web(assistant: Assistant, outcome: gr.Markdown) -> Any:
    previewed = gr.State(None)
    with gr.Row(elem_id="from-web"):
        address = gr.Textbox(
            label="Add from the web",
            placeholder="https://…",
            max_length=2000,
            elem_id="address",
            scale=8,
        )
        look = gr.Button("Preview", scale=1, min_width=100, elem_id="look")
    with gr.Column(visible=False, elem_id="preview") as preview:
        seen = gr.Markdown(latex_delimiters=[], elem_id="seen")
        with gr.Row():
            add = gr.Button("Add this article", variant="primary", elem_id="add-seen")
            leave = gr.Button("Leave it", elem_id="leave")
    looked = [outcome, previewed, preview, seen, add]
    for event in (look.click, address.submit):
        on(event, partial(_preview, assistant), [address], looked)
    on(leave.click, lambda: ("", *_unseen()), None, looked)
    return on(add.click, partial(_add_previewed, assistant), [previewed], [*looked, address])


def _unseen() -> tuple[Any, ...]:
    return None, gr.Column(visible=False), "", gr.Button()


def _preview(assistant: Assistant, url: str | None) -> tuple[Any, ...]:
    """The article found at an address, and what adding it would do; nothing is added yet."""
    try:
        found = assistant.preview((url or "").strip())
        change = assistant.foresee(found)
    except AssistantError as error:
        return html.note(str(error)), *_unseen()
    names = {"unchanged": "Leave it as it is", "changed": "Replace the older version"}
    name = names.get(change.kind, "Add this article")
    add = gr.Button(name, visible=change.kind != "unchanged")
    return "", found, gr.Column(visible=True), article_html.preview(found.article, change), add


def _add_previewed(assistant: Assistant, found: Incoming | None) -> tuple[Any, ...]:
    if found is None:
        return "", *_unseen(), ""
    try:
        change = assistant.add_previewed(found)
    except AssistantError as error:
        return html.note(str(error)), found, gr.Column(visible=True), *[gr.skip()] * 3
    said = {"unchanged": "is in the corpus already", "changed": "is brought up to date"}
    line = f"{change.article_id or change.path} {said.get(change.kind, 'is added')}."
    return html.note(line), *_unseen(), ""


# ---- a pasted text ----------------------------------------------------------------------------


def _build_paste(assistant: Assistant, outcome: gr.Markdown) -> Any:
    with gr.Column(elem_id="pasting"):
        title = gr.Textbox(label="Title", max_length=300)
        with gr.Row():
            source = gr.Textbox(label="Outlet", max_length=200, min_width=120)
            published = gr.Textbox(
                label="Date", placeholder="2026-11-24", max_length=40, min_width=120
            )
            url = gr.Textbox(label="Address (URL)", max_length=2000, scale=2, min_width=200)
        text = gr.Textbox(label="Text", lines=8, max_lines=16)
        paste = gr.Button("Add the pasted article", variant="primary", elem_id="paste")
    fields = [text, title, source, published, url]
    return on(paste.click, partial(_paste, assistant), fields, [outcome, *fields])


def _paste(assistant: Assistant, *fields: str | None) -> tuple[Any, ...]:
    """Adds the pasted text; the fields are emptied only when that succeeds."""
    text, title, source, published, url = (field or "" for field in fields)
    try:
        change = assistant.add_text(text, title=title, source=source, published=published, url=url)
    except AssistantError as error:
        return html.note(str(error)), *[gr.skip()] * 5
    said = {"unchanged": "is in the corpus already"}.get(change.kind, "is added")
    return html.note(f"{change.article_id} {said}."), *[""] * 5
