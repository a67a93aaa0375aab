"""The Ask tab: a chat that streams its answers, and what a person found wrong with one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from assistant.assistant import Assistant
from assistant.errors import AssistantError
from assistant.feedback import MAX_REMARK, REASONS
from assistant.schema import Answer
from assistant.web import render
from assistant.web.wiring import Ask, on

EXAMPLES = 4
Messages = list[dict[str, Any]]
Answers = Sequence[Answer | None]
"""The answers of a chat in order, None for one that failed; they never leave the server."""


def build_chat(page: gr.Blocks, assistant: Assistant) -> Ask:
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
