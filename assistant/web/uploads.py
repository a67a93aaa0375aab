"""Adding uploaded files in the page: one import at a time, in a thread of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

import gradio as gr

from assistant import Assistant, AssistantError
from assistant.corpus.plan import Plan
from assistant.schema import Progress
from assistant.sources.files import MANY, SUFFIXES
from assistant.web import article_html, html
from assistant.web.events import on

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between two updates of the progress shown."""

FAILURES = 20
"""Failures of an import that are named; a list of 10,000 lines may have as many."""


class Import:
    """One import of files in a thread of its own, which goes on when its page is closed."""

    def __init__(self, assistant: Assistant, files: Sequence[str]) -> None:
        self._assistant, self._files = assistant, files
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._waiting = ""
        self._stop = threading.Event()
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._run, name="import", daemon=True)
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
        return article_html.progress(self._progress, time.monotonic() - self._started)

    def _run(self) -> None:
        try:
            plan = self._assistant.add(
                self._files,
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


Uploading = tuple[Any, Any, Any, Any, Any, Any]
"""The progress, the outcome, the two boxes of files, the buttons Add and Stop."""


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
    added = on(add.click, partial(_upload, imports), [files, folder], shown, show_progress="hidden")
    # Whoever opens the page while an import runs sees it, and can stop it.
    watched = on(page.load, partial(_watch, imports), None, shown, show_progress="hidden")
    on(stop.click, partial(_stop, imports), None, [importing], show_progress="hidden")
    return [added, watched]


async def _upload(
    imports: Imports, files: Sequence[str] | None, folder: Sequence[str] | None
) -> AsyncIterator[Uploading]:
    """Starts an import and shows its progress until it ends."""
    hidden = [path for path in folder or () if PurePath(path).name.startswith(".")]
    chosen = [path for path in (*(files or ()), *(folder or ())) if path not in hidden]
    if not chosen:
        yield _said("Choose files first.")
        return
    started = imports.start(chosen)
    if started is None:
        yield _said("Files are being added already. Wait for the end, or stop it.")
        return
    async for shown in _followed(started):
        yield shown


async def _watch(imports: Imports) -> AsyncIterator[Uploading]:
    """Shows an import that was started on another page, or before this one was reloaded."""
    running = imports.running
    if running is None:
        yield (gr.skip(),) * 6
        return
    async for shown in _followed(running):
        yield shown


async def _followed(one: Import) -> AsyncIterator[Uploading]:
    while one.running:
        busy = gr.Button(interactive=False), gr.Button(visible=True)
        yield one.shown(), "", gr.skip(), gr.skip(), *busy
        await asyncio.sleep(TICK)
    yield "", one.shown(), None, None, *_idle()


def _said(problem: str) -> Uploading:
    return gr.skip(), html.note(problem), gr.skip(), gr.skip(), *[gr.skip()] * 2


def _idle() -> tuple[Any, Any]:
    return gr.Button(interactive=True), gr.Button(visible=False)


def _stop(imports: Imports) -> Any:
    running = imports.running
    if running is None:
        return gr.skip()
    running.stop()
    return running.shown()
