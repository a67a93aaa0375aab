"""The page: a tab to ask on, one for the articles, one for the evaluation."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.assistant import Assistant
from assistant.errors import AssistantError
from assistant.feedback import MAX_REMARK, REASONS
from assistant.schema import Answer
from assistant.sources import SUFFIXES
from assistant.web import render
from assistant.web.evaluation import Ask, build_evaluation
from assistant.web.wiring import CONCURRENT, on

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
).set(
    # Gradio's own are below the contrast of 4.5 to 1 that text needs to be read.
    color_accent="*primary_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    input_placeholder_color="*neutral_500",
    input_placeholder_color_dark="*neutral_400",
)

EXAMPLES = 4
COLUMNS = ["Title", "Outlet", "Date", "Words", "Id"]
Messages = list[dict[str, Any]]
Answers = Sequence[Answer | None]
"""The answers of a chat in order, None for one that failed; they never leave the server."""


def build_page(assistant: Assistant) -> gr.Blocks:
    """The page over one assistant; nothing is searched or loaded until someone opens it."""
    page: gr.Blocks
    with gr.Blocks(
        title="News assistant", analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        # Markdown throughout: gr.HTML compiles templates, which the security policy forbids.
        gr.Markdown("# Ask your articles", elem_id="heading")
        status = gr.Markdown(elem_id="status", latex_delimiters=[])
        with gr.Tabs() as tabs:
            with gr.Tab("Ask", id="ask"):
                ask = _build_chat(page, assistant)
            with gr.Tab("Articles", id="articles"):
                _build_articles(page, assistant)
            with gr.Tab("Evaluation", id="evaluation") as evaluation:
                build_evaluation(tabs, evaluation, assistant, ask)
        show_status = partial(_status, assistant)
        timer = gr.Timer(2)
        on(page.load, show_status, None, [status, timer])
        on(timer.tick, show_status, None, [status, timer], show_progress="hidden")
    page.queue(default_concurrency_limit=CONCURRENT, max_size=200)
    return page


def _status(assistant: Assistant) -> tuple[str, Any]:
    """The status line, and the timer: slow once the models are there."""
    try:
        line = assistant.status()
    except AssistantError as error:
        line = str(error)
    return f"<span>{render.shown(line)}</span>", gr.Timer(30 if assistant.ready else 1)


# ---- asking -----------------------------------------------------------------------------------


def _build_chat(page: gr.Blocks, assistant: Assistant) -> Ask:
    """The chat with its box; returns what wires other events to it."""
    chat = gr.Chatbot(
        elem_id="chat", show_label=False, label="Answers", buttons=["copy"], sanitize_html=True,
        render_markdown=True, latex_delimiters=[], line_breaks=False, height="66vh",
        autoscroll=False,
        placeholder="Answers are sentences of your articles, one click from where they stand.",
    )  # fmt: skip
    answers: gr.State = gr.State(())
    _build_feedback(assistant, chat, answers)
    with gr.Row(elem_id="asking"):
        box = gr.Textbox(
            label="Your question", show_label=False, placeholder="Ask what the articles say …",
            container=False, scale=8, max_length=20_000, elem_id="question", autofocus=True,
        )  # fmt: skip
        button = gr.Button("Ask", variant="primary", scale=1, min_width=72, elem_id="send")
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(visible=False, size="sm") for _ in range(EXAMPLES)]
    stream = partial(_stream, assistant)

    def ask(event: Callable[..., Any], question: Any) -> Any:
        held = [question, chat, answers]
        return on(event, stream, held, [chat, box, answers], show_progress="hidden")

    for event in (box.submit, button.click):
        ask(event, box)
    for example in examples:
        ask(example.click, example)
    on(page.load, partial(_examples, assistant), None, examples, show_progress="hidden")
    return ask


def _examples(assistant: Assistant) -> list[Any]:
    try:
        questions = assistant.suggested_questions(EXAMPLES)
    except AssistantError:
        questions = []
    padded = [*questions, *[""] * (EXAMPLES - len(questions))]
    return [gr.Button(value=question, visible=bool(question)) for question in padded]


async def _stream(
    assistant: Assistant, question: str, messages: Messages | None, answers: Answers
) -> AsyncIterator[tuple[Messages, str, Answers]]:
    """The chat with the question, then with the answer as it grows; the box is emptied."""
    if not question.strip():
        yield messages or [], "", answers
        return
    said = [*(messages or []), {"role": "user", "content": render.question(question[:2000])}]
    # As many as there are questions before: one may have failed, or the chat been emptied.
    before = [*answers, *[None] * len(said)][: len(said) // 2]
    waiting = "Searching the articles …" if assistant.ready else "Loading the models …"
    yield [*said, _reply(render.note(waiting))], "", before
    try:
        growing = assistant.stream(question)
        last: Answer | None = None
        while (found := await asyncio.to_thread(next, growing, None)) is not None:
            last = found
            yield [*said, _reply(render.answer(found, complete=False))], "", before
        if last is not None:
            # Without the candidates, which feedback does not need and which are large.
            given = replace(last, passages=())
            yield [*said, _reply(render.answer(last))], "", [*before, given]
    except AssistantError as error:
        yield [*said, _reply(render.note(str(error)))], "", before


def _reply(html: str) -> dict[str, Any]:
    return {"role": "assistant", "content": html}


# ---- feedback ---------------------------------------------------------------------------------


def _build_feedback(assistant: Assistant, chat: gr.Chatbot, answers: gr.State) -> None:
    """What is wrong with an answer: asked when a person turns the thumb down."""
    wrong = gr.State(None)
    with gr.Column(visible=False, elem_id="feedback") as form:
        about = gr.Markdown(latex_delimiters=[])
        reason = gr.Radio(
            [(reason.capitalize(), reason) for reason in REASONS], container=False,
            label="What is wrong with it?", show_label=False, elem_id="reason",
        )  # fmt: skip
        with gr.Row(elem_id="remark"):
            remark = gr.Textbox(
                label="Remark", show_label=False, placeholder="Remark (optional)", container=False,
                scale=8, max_length=MAX_REMARK,
            )  # fmt: skip
            send = gr.Button("Send", variant="primary", scale=1, min_width=72, elem_id="give")
            cancel = gr.Button("Cancel", scale=1, min_width=72, elem_id="cancel")
    shown = [wrong, form, about, reason, remark]
    on(chat.like, _judge, [answers], [chat, *shown], show_progress="hidden")
    on(cancel.click, _cancel, None, [chat, *shown], show_progress="hidden")
    on(send.click, partial(_give, assistant), [wrong, reason, remark], shown)


def _judge(answers: Answers, event: gr.LikeData) -> tuple[Any, ...]:
    """Opens the form for the answer whose thumb is down; the browser only says which one."""
    place = event.index if isinstance(event.index, int) else event.index[0]
    turn = place // 2
    thumb = "Like" if event.liked is True else "Dislike" if event.liked is False else None
    # Gradio forgets a thumb only when it has been told of it.
    thumbs = gr.Chatbot(feedback_value=[*[None] * turn, thumb])
    if thumb == "Like":
        gr.Info("Thank you.", duration=3)
    found = dict(enumerate(answers)).get(turn)
    if thumb != "Dislike" or found is None:
        return thumbs, *_put_away()
    about = f"What is wrong with the answer to “{found.question[:200]}”?"
    return thumbs, found, gr.Column(visible=True), render.note(about), None, ""


def _put_away() -> tuple[Any, ...]:
    return None, gr.Column(visible=False), "", None, ""


def _cancel() -> tuple[Any, ...]:
    return gr.Chatbot(feedback_value=[]), *_put_away()


def _give(
    assistant: Assistant, wrong: Answer | None, reason: str | None, remark: str
) -> tuple[Any, ...]:
    """Gives the feedback; the form stays as it is when that failed."""
    if wrong is None:
        return _put_away()
    if not reason:
        return wrong, gr.Column(), render.note("Choose first what is wrong."), reason, remark
    try:
        assistant.give_feedback(wrong, reason, remark)
    except AssistantError as error:
        return wrong, gr.Column(), render.note(str(error)), reason, remark
    gr.Info("Thank you. It is kept for the next evaluation.", duration=3)
    return _put_away()


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
        name = gr.Markdown(latex_delimiters=[])
        remove = gr.Button("Remove", size="sm", elem_id="remove")
        confirm = gr.Button(
            "Yes, remove it", variant="stop", size="sm", visible=False, elem_id="confirm"
        )
        keep = gr.Button("Keep it", size="sm", visible=False, elem_id="keep")
    outcome = gr.Markdown(elem_id="outcome", latex_delimiters=[])
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
        on(event, listing, [search], [table], show_progress="hidden")
    on(table.select, _select, None, shown, show_progress="hidden")
    on(remove.click, lambda: _asking(True), None, [confirm, keep, remove])
    on(keep.click, lambda: _asking(False), None, [confirm, keep, remove])
    removed = on(confirm.click, partial(_remove, assistant), [chosen], [outcome, *shown])
    fields = [text, title, source, published, url]
    pasted = on(paste.click, partial(_paste, assistant), fields, [outcome, *fields])
    uploaded = on(upload.click, partial(_upload, assistant), [files], [outcome, files])
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
