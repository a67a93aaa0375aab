"""The Articles tab: find, view, paste, upload and remove."""

from functools import partial
from typing import Any

import gradio as gr

from assistant.adding import Incoming
from assistant.assistant import Assistant
from assistant.errors import AssistantError
from assistant.sources import MANY, SUFFIXES
from assistant.web import render
from assistant.web.wiring import on

COLUMNS = ["Title", "Outlet", "Date", "Words", "Id"]


def build_articles(page: gr.Blocks, assistant: Assistant) -> None:
    search = gr.Textbox(label="Find an article", placeholder="Title, outlet or id", elem_id="find")
    table = gr.Dataframe(
        headers=COLUMNS, datatype=["str", "str", "str", "number", "str"], interactive=False,
        show_label=False, max_height=380, elem_id="table", wrap=False,
        column_widths=["46%", "17%", "12%", "9%", "16%"], buttons=[],
    )  # fmt: skip
    chosen = gr.State("")
    with gr.Row(visible=False, elem_id="chosen") as actions:
        name = gr.Markdown(latex_delimiters=[])
        remove = gr.Button("Remove", size="sm", elem_id="remove")
        confirm = gr.Button(
            "Yes, remove it", variant="stop", size="sm", visible=False, elem_id="confirm"
        )
        keep = gr.Button("Keep it", size="sm", visible=False, elem_id="keep")
    outcome = gr.Markdown(elem_id="outcome", latex_delimiters=[])
    previewed = gr.State(None)
    with gr.Row(elem_id="from-web"):
        address = gr.Textbox(
            label="Add from the web", placeholder="https://…", scale=8, max_length=2000,
            elem_id="address",
        )  # fmt: skip
        look = gr.Button("Preview", scale=1, min_width=100, elem_id="look")
    with gr.Column(visible=False, elem_id="preview") as preview:
        seen = gr.Markdown(latex_delimiters=[], elem_id="seen")
        with gr.Row():
            add = gr.Button("Add this article", variant="primary", elem_id="add-seen")
            leave = gr.Button("Leave it", elem_id="leave")
    with gr.Row(equal_height=False):
        with gr.Column():
            gr.Markdown("## Paste an article")
            title = gr.Textbox(label="Title", max_length=300)
            with gr.Row():
                source = gr.Textbox(label="Outlet", max_length=200)
                published = gr.Textbox(label="Date", placeholder="2026-11-24", max_length=40)
            url = gr.Textbox(label="Address (URL)", max_length=2000)
            text = gr.Textbox(label="Text", lines=8, max_lines=16)
            paste = gr.Button("Add the pasted article", variant="primary", elem_id="paste")
        with gr.Column():
            gr.Markdown("## Upload files")
            files = gr.File(
                label="Text, web pages, PDF, Word, EPUB, RTF, JSONL, CSV, ZIP",
                file_count="multiple", file_types=[*SUFFIXES, *MANY], elem_id="files", height=180,
            )  # fmt: skip
            upload = gr.Button("Add the files", variant="primary", elem_id="upload")

    listing = partial(_rows, assistant)
    shown = [chosen, actions, name, confirm, keep, remove]
    for event in (page.load, search.change):
        on(event, listing, [search], [table], show_progress="hidden")
    on(table.select, _select, None, shown, show_progress="hidden")
    on(remove.click, lambda: _asking(True), None, [confirm, keep, remove])
    on(keep.click, lambda: _asking(False), None, [confirm, keep, remove])
    removed = on(confirm.click, partial(_remove, assistant), [chosen], [outcome, *shown])
    fields = [text, title, source, published, url]
    pasted = on(paste.click, partial(_paste, assistant), fields, [outcome, *fields])
    uploaded = on(upload.click, partial(_upload, assistant), [files], [outcome, files])
    looked = [outcome, previewed, preview, seen]
    for event in (look.click, address.submit):
        on(event, partial(_preview, assistant), [address], looked)
    on(leave.click, lambda: ("", None, gr.Column(visible=False), ""), None, looked)
    added = on(add.click, partial(_add_previewed, assistant), [previewed], [*looked, address])
    for done in (removed, pasted, uploaded, added):
        done.then(listing, [search], [table], show_progress="hidden", api_visibility="private")


def _rows(assistant: Assistant, matching: str) -> list[list[str | int]]:
    try:
        return render.table(assistant.articles(matching or ""))
    except AssistantError:
        return []


def _select(event: gr.SelectData) -> tuple[Any, ...]:
    """The chosen row: its id, its name, and a button to remove it."""
    article_id = str(event.row_value[-1])
    title = str(event.row_value[0])
    return article_id, gr.Row(visible=True), render.link_to(article_id, title), *_asking(False)


def _asking(sure: bool) -> tuple[Any, ...]:
    """The two buttons of the question whether to remove, or the one that raises it."""
    return gr.Button(visible=sure), gr.Button(visible=sure), gr.Button(visible=not sure)


def _remove(assistant: Assistant, article_id: str) -> tuple[Any, ...]:
    try:
        aside = assistant.remove(article_id)
        said = f"Removed {article_id}." + (f" Its file is kept as {aside}." if aside else "")
    except AssistantError as error:
        said = str(error)
    return render.note(said), "", gr.Row(visible=False), "", *_asking(False)


def _paste(
    assistant: Assistant, text: str, title: str, source: str, published: str, url: str
) -> tuple[Any, ...]:
    """Adds the pasted text; the fields are emptied only when that succeeded."""
    try:
        change = assistant.add_text(text, title=title, source=source, published=published, url=url)
    except AssistantError as error:
        return render.note(str(error)), text, title, source, published, url
    said = {"unchanged": "is in the corpus already"}.get(change.kind, "is added")
    return render.note(f"{change.article_id} {said}."), "", "", "", "", ""


def _preview(assistant: Assistant, url: str) -> tuple[Any, ...]:
    """What was found at an address, to be looked at before it is added."""
    try:
        found = assistant.preview(url.strip())
    except AssistantError as error:
        return render.note(str(error)), None, gr.Column(visible=False), ""
    return "", found, gr.Column(visible=True), render.preview(found.article)


def _add_previewed(assistant: Assistant, found: Incoming | None) -> tuple[Any, ...]:
    nothing = None, gr.Column(visible=False), ""
    if found is None:
        return "", *nothing, ""
    try:
        change = assistant.add_previewed(found)
    except AssistantError as error:
        return render.note(str(error)), found, gr.Column(visible=True), gr.skip(), found.origin
    said = {"unchanged": "is in the corpus already", "changed": "is brought up to date"}
    line = f"{change.article_id or change.path} {said.get(change.kind, 'is added')}."
    return render.note(line), *nothing, ""


def _upload(assistant: Assistant, files: list[str] | None) -> tuple[Any, ...]:
    if not files:
        return render.note("Choose files first."), None
    try:
        plan = assistant.add(files)
    except AssistantError as error:
        return render.note(str(error)), files
    lines = [plan.summary(), *(change.error for change in plan.failures)]
    return "".join(map(render.note, lines)), None
