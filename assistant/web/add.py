"""Adding articles in the page: uploaded files, a page of the web, a pasted text."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.corpus.incoming import Incoming
from assistant.corpus.plan import Plan
from assistant.schema import Progress
from assistant.sources.files import MANY, SUFFIXES
from assistant.web import html

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two updates of the progress shown."""

FAILURES = 20
"""Failures of an import that are named; a list of 10,000 lines may have as many."""


class Import:
    """One import of files in a thread of its own, which goes on when its page is closed."""

    def __init__(self, assistant: Assistant, files: Sequence[str]) -> None:
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._waiting = ""
        self._stop = threading.Event()
        self._lines: list[str] = []
        self._thread = threading.Thread(
            target=self._run, args=(assistant, files), name="import", daemon=True
        )
        self._thread.start()

    @property
    def running(self) -> bool:
        """False once its outcome is known."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ends it soon: what is indexed stays, and nothing else is left behind."""
        self._stop.set()

    def shown(self) -> str:
        """Its progress or its outcome, as HTML."""
        if not self.running:
            return "".join(map(html.note, self._lines))
        if self._stop.is_set():
            return html.note("Stopping …")
        if self._progress is None:
            return html.note(f"{self._waiting or 'Reading the files'} …")
        return _progress(self._progress, time.monotonic() - self._started)

    def _run(self, assistant: Assistant, files: Sequence[str]) -> None:
        try:
            plan = assistant.add(
                files,
                progress=self._show_progress,
                waiting=self._show_waiting,
                stop=self._stop,
            )
            self._lines = _outcome(plan, stopped=self._stop.is_set())
        except AssistantError as error:
            self._lines = [str(error)]
        except Exception:
            log.exception("an import failed")
            self._lines = [html.FAILED]

    def _show_progress(self, progress: Progress) -> None:
        self._progress = progress

    def _show_waiting(self, message: str) -> None:
        self._waiting = message.capitalize()


def _outcome(plan: Plan, *, stopped: bool) -> list[str]:
    failures = [change.error for change in plan.failures]
    first = "Stopped. What was added until then stays: " if stopped else ""
    lines = [first + plan.summary(), *plan.likenesses[:FAILURES], *failures[:FAILURES]]
    more = len(failures) - FAILURES
    return [*lines, f"… and {more:,} more"] if more > 0 else lines


class Imports:
    """The imports of one server: one at a time, shown on every page."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self._last: Import | None = None

    @property
    def running(self) -> Import | None:
        """The import that is running, if any."""
        last = self._last
        return last if last is not None and last.running else None

    def start(self, files: Sequence[str]) -> Import | None:
        """Starts an import; returns None while another runs."""
        with self._lock:
            if self.running is not None:
                return None
            self._last = Import(self._assistant, files)
            return self._last


def _progress(far: Progress, seconds: float) -> str:
    """How far a long job is: a bar, its speed, and about how long it still takes."""
    rate = far.done / max(seconds, 0.001)
    left = (far.total - far.done) / rate if rate else 0
    said = f"{far.done:,} of about {far.total:,} {far.unit}, {rate:,.1f} a second"
    if far.done < far.total:
        said += f", about {_duration(left)} left"
    return (
        f'<div class="note"><progress max="{max(far.total, 1)}" value="{far.done}" '
        f'aria-label="Articles added"></progress> {html.shown(said)}</div>'
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


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
        try:
            empty = assistant.count_articles() == 0
        except AssistantError:
            empty = False
        return gr.Accordion(open=empty or imports.running is not None)

    page.load(opened, None, [adding], show_progress="hidden")
    return [event.then for event in (*uploaded, fetched, pasted)]


# ---- uploaded files ------------------------------------------------------------------------


def build_upload(page: gr.Blocks, imports: Imports, outcome: gr.Markdown) -> list[Any]:
    """The boxes for files and folders; returns the events that may have added articles."""
    with gr.Row():
        files = gr.File(
            label="Text, web pages, PDF, Word, EPUB, RTF, JSONL, CSV, ZIP",
            file_types=[*SUFFIXES, *MANY],
            file_count="multiple",
            elem_id="files",
            scale=2,
            height=150,
        )
        folder = gr.File(
            label="A whole folder", file_count="directory", scale=1, elem_id="folder", height=150
        )
    with gr.Row():
        add = gr.Button("Add the files", variant="primary", elem_id="upload")
        stop = gr.Button("Stop", visible=False, elem_id="stop-import")
    importing = gr.Markdown(elem_id="importing", latex_delimiters=[])
    shown = [importing, outcome, files, folder, add, stop]
    added = add.click(partial(_upload, imports), [files, folder], shown, show_progress="hidden")
    # Whoever opens the page while an import runs sees it, and can stop it.
    watched = page.load(partial(_watch, imports), None, shown, show_progress="hidden")
    stop.click(partial(_stop, imports), None, [importing], show_progress="hidden")
    return [added, watched]


async def _upload(
    imports: Imports, files: Sequence[str] | None, folder: Sequence[str] | None
) -> AsyncIterator[tuple[Any, ...]]:
    """Starts an import and shows its progress until it ends."""
    visible = [path for path in folder or () if not PurePath(path).name.startswith(".")]
    chosen = [*(files or ()), *visible]
    if not chosen:
        yield _said("Choose files first.")
        return
    started = imports.start(chosen)
    if started is None:
        yield _said("Files are being added already. Wait for the end, or stop it.")
        return
    async for shown in _followed(started):
        yield shown


async def _watch(imports: Imports) -> AsyncIterator[tuple[Any, ...]]:
    """Shows an import that was started on another page, or before this one was reloaded."""
    running = imports.running
    if running is None:
        yield (gr.skip(),) * 6
        return
    async for shown in _followed(running):
        yield shown


async def _followed(one: Import) -> AsyncIterator[tuple[Any, ...]]:
    """The progress, the outcome, the boxes of files, the buttons Add and Stop, until the end."""
    while one.running:
        busy = gr.Button(interactive=False), gr.Button(visible=True)
        yield one.shown(), "", gr.skip(), gr.skip(), *busy
        await asyncio.sleep(TICK)
    yield "", one.shown(), None, None, gr.Button(interactive=True), gr.Button(visible=False)


def _said(problem: str) -> tuple[Any, ...]:
    return gr.skip(), html.note(problem), *[gr.skip()] * 4


def _stop(imports: Imports) -> Any:
    running = imports.running
    if running is None:
        return gr.skip()
    running.stop()
    return running.shown()


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
        event(partial(_preview, assistant), [address], looked)
    leave.click(lambda: ("", *_unseen()), None, looked)
    return add.click(partial(_add_previewed, assistant), [previewed], [*looked, address])


def _unseen() -> tuple[Any, ...]:
    return None, gr.Column(visible=False), "", gr.Button()


def _preview(assistant: Assistant, url: str | None) -> tuple[Any, ...]:
    """The article found at an address, and what adding it would do; nothing is added yet."""
    try:
        found = assistant.preview((url or "").strip())
        change = assistant.foresee(found)
    except AssistantError as error:
        return html.note(str(error)), *_unseen()
    name = "Replace the older version" if change.kind == "changed" else "Add this article"
    add = gr.Button(name, visible=change.kind != "unchanged")
    return "", found, gr.Column(visible=True), html.preview(found.article, change), add


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
    return paste.click(partial(_paste, assistant), fields, [outcome, *fields])


def _paste(assistant: Assistant, *fields: str | None) -> tuple[Any, ...]:
    """Adds the pasted text; the fields are emptied only when that succeeds."""
    text, title, source, published, url = (field or "" for field in fields)
    try:
        change = assistant.add_text(text, title=title, source=source, published=published, url=url)
    except AssistantError as error:
        return html.note(str(error)), *[gr.skip()] * 5
    said = {"unchanged": "is in the corpus already"}.get(change.kind, "is added")
    return html.note(f"{change.article_id} {said}."), *[""] * 5
