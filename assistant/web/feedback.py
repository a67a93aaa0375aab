"""The form for feedback: what a person found wrong with an answer."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr

from assistant import Answer, Assistant, AssistantError
from assistant.feedback import MAX_REMARK, REASONS
from assistant.web import html
from assistant.web.events import on

Answers = Sequence[Answer | None]
"""The answers of a chat in order, None for one that failed; they never leave the server."""


def build_feedback(assistant: Assistant, chat: gr.Chatbot, answers: gr.State) -> None:
    """The form that opens when a person turns the thumb of an answer down."""
    wrong = gr.State(None)
    with gr.Column(visible=False, elem_id="feedback") as form:
        about = gr.Markdown(latex_delimiters=[])
        reason = gr.Radio(
            [(reason.capitalize(), reason) for reason in REASONS],
            label="What is wrong with it?",
            show_label=False,
            container=False,
            elem_id="reason",
        )
        with gr.Row(elem_id="remark"):
            remark = gr.Textbox(
                label="Remark",
                show_label=False,
                placeholder="Remark (optional)",
                container=False,
                max_length=MAX_REMARK,
                scale=8,
            )
            send = gr.Button("Send", variant="primary", scale=1, min_width=72, elem_id="give")
            cancel = gr.Button("Cancel", scale=1, min_width=72, elem_id="cancel")
    shown = [wrong, form, about, reason, remark]
    on(chat.like, _judge, [answers], [chat, *shown], show_progress="hidden")
    on(cancel.click, _cancel, None, [chat, *shown], show_progress="hidden")
    on(send.click, partial(_give, assistant), [wrong, reason, remark], shown)


def _judge(answers: Answers, event: gr.LikeData) -> tuple[Any, ...]:
    """Opens the form for the answer whose thumb is down; the browser names only its position."""
    place = event.index if isinstance(event.index, int) else event.index[0]
    turn = place // 2
    thumb = "Like" if event.liked is True else "Dislike" if event.liked is False else None
    # Gradio clears a thumb later only if it was set from here.
    thumbs = gr.Chatbot(feedback_value=[*[None] * turn, thumb])
    if thumb == "Like":
        gr.Info("Thank you.", duration=3)
    found = dict(enumerate(answers)).get(turn)
    if thumb != "Dislike" or found is None:
        return thumbs, *_put_away()
    about = f"What is wrong with the answer to “{found.question[:200]}”?"
    return thumbs, found, gr.Column(visible=True), html.note(about), None, ""


def _put_away() -> tuple[Any, ...]:
    return None, gr.Column(visible=False), "", None, ""


def _cancel() -> tuple[Any, ...]:
    return gr.Chatbot(feedback_value=[]), *_put_away()


def _give(
    assistant: Assistant, wrong: Answer | None, reason: str | None, remark: str
) -> tuple[Any, ...]:
    """Gives the feedback; the form stays as it is when that fails."""
    if wrong is None:
        return _put_away()
    if not reason:
        return wrong, gr.Column(), html.note("Choose first what is wrong."), reason, remark
    try:
        assistant.give_feedback(wrong, reason, remark)
    except AssistantError as error:
        return wrong, gr.Column(), html.note(str(error)), reason, remark
    gr.Info("Thank you. It is kept for the next evaluation.", duration=3)
    return _put_away()
