"""The Ask tab: a chat that streams its answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from assistant import Answer, Assistant, AssistantError
from assistant.feedback import MAX_REMARK, REASONS
from assistant.schema import Filter
from assistant.web import html
from assistant.web.days import day

log = logging.getLogger(__name__)

EXAMPLES = 4
CHOICES = 500
"""Outlets, authors or articles offered in a list: as many as a browser shows at once."""

Messages = list[dict[str, Any]]
Answers = Sequence[Answer | None]
"""The answers of a chat in order, None for one that failed; they never leave the server."""


def build_chat(page: gr.Blocks, assistant: Assistant) -> Callable[..., Any]:
    """The chat with its box; returns a function that has an event ask what a component holds."""
    chat = gr.Chatbot(
        elem_id="chat",
        show_label=False,
        label="Answers",
        buttons=["copy"],
        sanitize_html=True,
        render_markdown=True,
        latex_delimiters=[],
        line_breaks=False,
        height="66vh",
        autoscroll=False,
        placeholder="Answers are sentences of your articles, one click from where they stand.",
    )
    answers: gr.State = gr.State(())
    build_feedback(assistant, chat, answers)
    row, searched, period, again = _build_understood()
    box, button, stop = _build_box()
    chosen = _build_filter(page, assistant)
    shown = [chat, box, answers, searched, period, row, button, stop]
    running: list[Any] = []

    def ask(
        event: Callable[..., Any], question: Any, *, again: bool = False, narrow: bool = True
    ) -> None:
        stream = partial(_stream, assistant, again=again, narrow=narrow)
        held = [question, chat, answers, *chosen]
        running.append(event(stream, held, shown, show_progress="hidden"))

    for event in (box.submit, button.click):
        ask(event, box)
    for event in (searched.submit, again.click):
        ask(event, searched, again=True)
    ask(period.click, searched, again=True, narrow=False)
    for example in _build_examples(page, assistant):
        ask(example.click, example)
    stop.click(_stopped, [chat, answers], [chat, answers, button, stop], cancels=running)
    return ask


def _build_understood() -> tuple[gr.Row, gr.Textbox, gr.Button, gr.Button]:
    """The line that says what was searched for: its row, the question, the period, Search again."""
    with gr.Row(elem_id="understood", visible=False) as row:
        searched = gr.Textbox(
            label="Searched for", scale=8, max_length=2_000, elem_id="searched", lines=1
        )
        period = gr.Button(visible=False, size="sm", scale=0, min_width=160, elem_id="period")
        again = gr.Button("Search again", size="sm", scale=0, min_width=120, elem_id="again-search")
    return row, searched, period, again


def _build_box() -> tuple[gr.Textbox, gr.Button, gr.Button]:
    """The box for a question, and the buttons Ask and Stop."""
    with gr.Row(elem_id="asking"):
        box = gr.Textbox(
            label="Your question",
            show_label=False,
            placeholder="Ask what the articles say …",
            container=False,
            max_length=20_000,
            elem_id="question",
            autofocus=True,
            scale=8,
        )
        button = gr.Button("Ask", variant="primary", scale=1, min_width=72, elem_id="send")
        stop = gr.Button("Stop", scale=1, min_width=72, elem_id="stop", visible=False)
    return box, button, stop


def _build_filter(page: gr.Blocks, assistant: Assistant) -> list[Any]:
    """The components that choose which articles may answer, in the order of `_within`."""
    with gr.Accordion("Which articles", open=False, elem_id="which"):
        with gr.Row():
            since = gr.Textbox(label="Published since", placeholder="2026-11-24", max_length=10)
            until = gr.Textbox(label="Published until", placeholder="2026-11-24", max_length=10)
            outlets = gr.Dropdown(label="Outlets", multiselect=True, choices=[], scale=2)
        with gr.Row():
            authors = gr.Dropdown(label="Authors", multiselect=True, choices=[])
            articles = gr.Dropdown(label="Articles", multiselect=True, choices=[], scale=2)
    lists = [outlets, authors, articles]
    page.load(partial(_choices, assistant), None, lists, show_progress="hidden")
    return [since, until, *lists]


def _build_examples(page: gr.Blocks, assistant: Assistant) -> list[gr.Button]:
    with gr.Row(elem_id="examples"):
        examples = [gr.Button(visible=False, size="sm") for _ in range(EXAMPLES)]
    page.load(partial(_examples, assistant), None, examples, show_progress="hidden")
    return examples


def _choices(assistant: Assistant) -> list[Any]:
    """What can be chosen: of very many outlets and authors those with most articles, of very many
    articles the newest.
    """
    try:
        newest = assistant.articles(limit=CHOICES)
        names = [(f"{a.title} ({a.published or 'date unknown'})", a.id) for a in newest]
        outlets, authors = assistant.sources()[:CHOICES], assistant.authors()[:CHOICES]
    except AssistantError:
        outlets, authors, names = [], [], []
    return [gr.Dropdown(choices=outlets), gr.Dropdown(choices=authors), gr.Dropdown(choices=names)]


def _examples(assistant: Assistant) -> list[Any]:
    try:
        questions = assistant.suggested_questions(EXAMPLES)
    except AssistantError:
        questions = []
    padded = [*questions, *[""] * (EXAMPLES - len(questions))]
    return [gr.Button(value=question, visible=bool(question)) for question in padded]


_AS_IT_IS = gr.skip(), gr.skip(), gr.skip()


async def _stream(
    assistant: Assistant,
    question: str,
    messages: Messages | None,
    answers: Answers,
    *chosen: Any,
    again: bool = False,
    narrow: bool = True,
) -> AsyncIterator[tuple[Any, ...]]:
    """The chat with the question, then with the answer as it grows; the emptied box, the answers,
    what was searched for, the button for its period, the row of both, the buttons Ask and Stop.

    When it is stopped, nothing here holds the growing answer any more: that closes it, and with it
    the connection to a language model.

    Args:
        chosen: what `_within` takes.
        again: it is the last question as a person has corrected it, and takes that one's place.
        narrow: whether the time that the question speaks of may narrow it.
    """
    messages = (messages or [])[: -2 if again else None]
    said = [*messages, {"role": "user", "content": html.question(question[:2000])}]
    # One for each earlier question: some may have failed, or the chat may have been cleared.
    before = [*answers, *[None] * len(said)][: len(said) // 2]
    if not question.strip():
        yield messages, "", before, *_AS_IT_IS, *_buttons(busy=False)
        return
    waiting = "Searching the articles …" if assistant.ready else "Loading the models …"
    yield [*said, _reply(html.note(waiting))], "", before, *_understood(None), *_buttons(busy=True)
    try:
        turns = [given.turn() for given in before if given is not None and given.standalone]
        within = _within(*chosen)
        growing = assistant.stream(question, turns, alone=again, within=within, narrow=narrow)
        last: Answer | None = None
        while (found := await asyncio.to_thread(next, growing, None)) is not None:
            last = found
            reply = _reply(html.answer(found, complete=False))
            yield [*said, reply], "", before, *_AS_IT_IS, *_buttons(busy=True)
        if last is not None:
            # The candidates are large, and feedback does not need them.
            given = [*before, replace(last, passages=())]
            reply = _reply(html.answer(last))
            yield [*said, reply], "", given, *_understood(last), *_buttons(busy=False)
    except Exception as error:
        reply = _reply(html.note(_problem(error)))
        yield [*said, reply], "", before, *_AS_IT_IS, *_buttons(busy=False)


def _problem(error: Exception) -> str:
    if isinstance(error, AssistantError):
        return str(error)
    log.exception("a question was not answered")
    return html.FAILED


def _within(since: str | None, until: str | None, *lists: Sequence[str] | None) -> Filter:
    """The filter that a person has chosen.

    Args:
        lists: outlets, authors, ids of articles.

    Raises:
        SettingsError: a day is not a date.
    """
    days = day("Published since", since), day("Published until", until)
    return Filter(*days, *(tuple(chosen or ()) for chosen in lists))


def _understood(answer: Answer | None) -> tuple[Any, Any, Any]:
    """What the line says was searched for, its button for the period, and whether it is there."""
    if answer is None or not answer.standalone:
        return "", gr.Button(visible=False), gr.Row(visible=False)
    parts = [f"only “{answer.period}”"] * bool(answer.period)
    label = ", ".join([*parts, *["newest first"] * answer.newest_first])
    period = gr.Button(f"{label[:1].upper()}{label[1:]} ✕", visible=bool(label))
    return answer.standalone, period, gr.Row(visible=True)


def _buttons(*, busy: bool) -> tuple[Any, Any]:
    """Ask, or Stop while an answer grows."""
    return gr.Button(visible=not busy), gr.Button(visible=busy)


def _stopped(messages: Messages | None, answers: Answers) -> tuple[Any, ...]:
    """What is written so far stays, with a note that it was stopped."""
    said = list(messages or [])
    if said and said[-1]["role"] == "assistant":
        said[-1] = _reply(f"{_text(said[-1])}{html.note('Stopped.')}")
    return said, [*answers, *[None] * len(said)][: len(said) // 2], *_buttons(busy=False)


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _reply(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


# ---- feedback ---------------------------------------------------------------------------------


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
    chat.like(_judge, [answers], [chat, *shown], show_progress="hidden")
    cancel.click(
        lambda: (gr.Chatbot(feedback_value=[]), *_put_away()),
        None,
        [chat, *shown],
        show_progress="hidden",
    )
    send.click(partial(_give, assistant), [wrong, reason, remark], shown)


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
