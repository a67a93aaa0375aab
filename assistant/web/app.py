"""The web server: FastAPI with security headers, health checks and the page."""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response

from assistant import Assistant
from assistant.errors import AssistantError, CorpusError, SettingsError, os_errors
from assistant.web.runs import find_report

# Before gradio is imported: it reads this once, and would otherwise ask its makers for versions.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

ICON = Path(__file__).parent / "icon.svg"
MAX_UPLOAD = "1gb"
"""Largest upload of one file. `max_file_mb` limits each article in a list or an archive."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
        "font-src 'self' data:; connect-src 'self'; frame-src 'none'; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
"""Without them, seven ways to send data away from a chat message are open (measured); this policy
closes all seven, and the page needs nothing that it forbids."""


class SecurityHeaders:
    """Pure ASGI middleware: unlike Starlette's base class it does not buffer event streams."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Adds the headers to every HTTP response."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                ours = [(k.encode(), v.encode()) for k, v in SECURITY_HEADERS.items()]
                message = message | {"headers": [*message["headers"], *ours]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def build_app(assistant: Assistant) -> FastAPI:
    """The whole web application over one assistant."""
    os.environ["GRADIO_TEMP_DIR"] = str(assistant.settings.data_folder / "uploads")
    import gradio

    from assistant.web.page import HEAD, STYLE, THEME, build_page

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(app, assistant)
    gradio.mount_gradio_app(
        app,
        build_page(assistant),
        path="/",
        ssr_mode=False,
        show_error=False,
        theme=THEME,
        css=STYLE,
        head=HEAD,
        footer_links=[],
        max_file_size=MAX_UPLOAD,
        favicon_path=None,
        run_history=False,
        enable_monitoring=False,
    )
    app.add_middleware(SecurityHeaders)
    return app


def _add_routes(app: FastAPI, assistant: Assistant) -> None:
    """What is served beside the page: health, articles, reports, the icon."""

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    def readyz() -> JSONResponse:
        return JSONResponse({"status": assistant.status()}, 200 if assistant.ready else 503)

    @app.get("/api/article")
    def article(id: str) -> JSONResponse:
        try:
            found = assistant.article(id)
        except CorpusError as error:
            return JSONResponse({"error": str(error)}, 404)
        except AssistantError as error:
            return JSONResponse({"error": str(error)}, 500)
        shown = ("id", "title", "source", "published", "url", "authors", "text")
        return JSONResponse({name: getattr(found, name) for name in shown})

    @app.get("/evaluation/{name:path}")
    def report(name: str) -> Response:
        found = find_report(assistant.settings.evaluation_folder, name)
        if found is None:
            return JSONResponse({"error": "there is no such report"}, 404)
        return FileResponse(found, media_type="text/html")

    @app.get("/favicon.ico")
    def favicon() -> FileResponse:
        return FileResponse(ICON, media_type="image/svg+xml")


def serve(
    assistant: Assistant,
    *,
    opened: Callable[[str], None],
    failed: Callable[[AssistantError], None],
) -> None:
    """Serves the page at the settings' host and port until interrupted; loads the models meanwhile.

    Args:
        opened: gets the address of the page, once it can be opened.
        failed: gets the reason why the models cannot be loaded, in a thread of its own. The page
            works for reading then; the same error answers every question.

    Raises:
        SettingsError: the address is taken or not ours.
    """
    host = assistant.settings.host
    listener = _listen(host, assistant.settings.port)

    def warm() -> None:
        try:
            assistant.warm()
        except AssistantError as error:
            failed(error)

    threading.Thread(target=warm, name="warm", daemon=True).start()
    config = uvicorn.Config(build_app(assistant), log_level="warning", timeout_graceful_shutdown=2)
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
    opened(f"http://{shown}:{listener.getsockname()[1]}")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket: connections made before the server runs wait in its queue."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    remedy = "choose another with --port, or 0 for a free one"
    with os_errors(SettingsError, f"{host}:{port}", remedy):
        return socket.create_server((host, port), family=family)
