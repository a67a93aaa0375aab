"""The page: a tab to ask on and a tab for the articles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.assistant import Assistant
from assistant.errors import AssistantError
from assistant.schema import Answer
from assistant.sources import SUFFIXES
from assistant.web import render

_HERE = Path(__file__).parent
STYLE = (_HERE / "page.css").read_text(encoding="utf-8")
HEAD = f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>"
ICON = _HERE / "icon.svg"
THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="slate",
    # Fonts of the system: nothing is fetched, and text looks as it does elsewhere.
    font=["system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
)

CONCURRENT = 32
"""Questions answered at once; Gradio's own default is one."""

EXAMPLES = 4
COLUMNS = ["Title", "Outlet", "Date", "Words", "Id"]
Messages = list[dict[str, Any]]


def build_page(assistant: Assistant) -> gr.Blocks:
    """The page over one assistant; nothing is searched or loaded until someone opens it."""
    page: gr.Blocks
    with gr.Blocks(
        title="News assistant", analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        # Markdown throughout: gr.HTML compiles templates, which the security policy forbids.
        gr.Markdown("# Ask your articles", elem_id="heading")
        status = gr.Markdown(elem_id="status")
        with gr.Tabs():
            with gr.Tab("Ask", id="ask"):
                _build_chat(page, assistant)
            with gr.Tab("Articles", id="articles"):
                _build_articles(page, assistant)
        show_status = partial(_status, assistant)
        timer = gr.Timer(2)
        _on(page.load, show_status, None, [status, timer])
        _on(timer.tick, show_status, None, [status, timer], show_progress="hidden")
    page.queue(default_concurrency_limit=CONCURRENT, max_size=200)
    return page


def _on(
    event: Callable[..., Any], fn: Callable[..., Any], inputs: Any, outputs: Any, **more: Any
) -> Any:
    """Wires an event: many at once, and no public endpoint for it."""
    return event(
        fn, inputs, outputs, concurrency_limit=CONCURRENT, api_visibility="private", **more
    )


def _status(assistant: Assistant) -> tuple[str, Any]:
    """The status line, and the timer: slow once the models are there."""
    try:
        line = assistant.status()
    except AssistantError as error:
        line = str(error)
    return f"<span>{render.shown(line)}</span>", gr.Timer(30 if assistant.ready else 1)


# ---- asking -----------------------------------------------------------------------------------


def _build_chat(page: gr.Blocks, assistant: Assistant) -> None:
    chat = gr.Chatbot(
        elem_id="chat", show_label=False, label="Answers", buttons=["copy"], sanitize_html=True,
        render_markdown=True, latex_delimiters=[], line_breaks=False, height="66vh",
        autoscroll=False,
        placeholder="Answers are sentences of your articles, one click from where they stand.",
    )  # fmt: skip
    with gr.Row(elem_id="asking"):
        box = gr.Textbox(
            label="Your question", show_label=False, placeholder="Ask what the articles say …",
            container=False, scale=8, max_length=20_000, elem_id="question", autofocus=True,
        )  # fmt: skip
        button = gr.Button("Ask", variant="primary", scale=1, min_width=72, elem_id="send")
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(visible=False, size="sm") for _ in range(EXAMPLES)]
    stream = partial(_stream, assistant)
    for event in (box.submit, button.click):
        _on(event, stream, [box, chat], [chat, box], show_progress="hidden")
    for example in examples:
        _on(example.click, stream, [example, chat], [chat, box], show_progress="hidden")
    _on(page.load, partial(_examples, assistant), None, examples, show_progress="hidden")


def _examples(assistant: Assistant) -> list[Any]:
    try:
        questions = assistant.suggested_questions(EXAMPLES)
    except AssistantError:
        questions = []
    padded = [*questions, *[""] * (EXAMPLES - len(questions))]
    return [gr.Button(value=question, visible=bool(question)) for question in padded]


async def _stream(
    assistant: Assistant, question: str, messages: Messages | None
) -> AsyncIterator[tuple[Messages, str]]:
    """The chat with the question, then with the answer as it grows; the box is emptied."""
    if not question.strip():
        yield messages or [], ""
        return
    said = [*(messages or []), {"role": "user", "content": render.question(question[:2000])}]
    waiting = "Searching the articles …" if assistant.ready else "Loading the models …"
    yield [*said, _reply(render.note(waiting))], ""
    try:
        growing = assistant.stream(question)
        last: Answer | None = None
        while (found := await asyncio.to_thread(next, growing, None)) is not None:
            last = found
            yield [*said, _reply(render.answer(found, complete=False))], ""
        if last is not None:
            yield [*said, _reply(render.answer(last))], ""
    except AssistantError as error:
        yield [*said, _reply(render.note(str(error)))], ""


def _reply(html: str) -> dict[str, Any]:
    return {"role": "assistant", "content": html}


# ---- the articles -----------------------------------------------------------------------------


def _build_articles(page: gr.Blocks, assistant: Assistant) -> None:
    search = gr.Textbox(label="Find an article", placeholder="Title, outlet or id", elem_id="find")
    table = gr.Dataframe(
        headers=COLUMNS, datatype=["str", "str", "str", "number", "str"], interactive=False,
        show_label=False, max_height=380, elem_id="table", wrap=False,
        column_widths=["46%", "17%", "12%", "9%", "16%"], buttons=[],
    )  # fmt: skip
    chosen = gr.State("")
    with gr.Row(visible=False, elem_id="chosen") as actions:
        name = gr.Markdown()
        remove = gr.Button("Remove", size="sm", elem_id="remove")
        confirm = gr.Button(
            "Yes, remove it", variant="stop", size="sm", visible=False, elem_id="confirm"
        )
        keep = gr.Button("Keep it", size="sm", visible=False, elem_id="keep")
    outcome = gr.Markdown(elem_id="outcome")
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
                label="Text, Markdown or HTML", file_count="multiple",
                file_types=list(SUFFIXES), elem_id="files", height=180,
            )  # fmt: skip
            upload = gr.Button("Add the files", variant="primary", elem_id="upload")

    listing = partial(_rows, assistant)
    shown = [chosen, actions, name, confirm, keep, remove]
    for event in (page.load, search.change):
        _on(event, listing, [search], [table], show_progress="hidden")
    _on(table.select, _select, None, shown, show_progress="hidden")
    _on(remove.click, lambda: _asking(True), None, [confirm, keep, remove])
    _on(keep.click, lambda: _asking(False), None, [confirm, keep, remove])
    removed = _on(confirm.click, partial(_remove, assistant), [chosen], [outcome, *shown])
    fields = [text, title, source, published, url]
    pasted = _on(paste.click, partial(_paste, assistant), fields, [outcome, *fields])
    uploaded = _on(upload.click, partial(_upload, assistant), [files], [outcome, files])
    for done in (removed, pasted, uploaded):
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


def _upload(assistant: Assistant, files: list[str] | None) -> tuple[Any, ...]:
    if not files:
        return render.note("Choose files first."), None
    try:
        plan = assistant.add(files)
    except AssistantError as error:
        return render.note(str(error)), files
    lines = [plan.summary(), *(change.error for change in plan.failures)]
    return "".join(map(render.note, lines)), None
