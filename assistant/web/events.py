"""Wiring the page's events, and reading the days that are typed into it."""

from collections.abc import Callable
from datetime import date
from typing import Any

from assistant.errors import SettingsError

CONCURRENT = 32
"""Questions answered at once; Gradio's own default is one."""

Ask = Callable[[Callable[..., Any], Any], Any]
"""Wires an event so that it asks the question that a component holds."""


def on(
    event: Callable[..., Any], fn: Callable[..., Any], inputs: Any, outputs: Any, **more: Any
) -> Any:
    """Wires an event that may run many times at once, without a public endpoint.

    A function that wants the event itself cannot be a partial: Gradio would not see its types.
    """
    return event(
        fn, inputs, outputs, concurrency_limit=CONCURRENT, api_visibility="private", **more
    )


def day(name: str, typed: str | None) -> str | None:
    """The ISO date that a person typed into a box; None for an empty box.

    Raises:
        SettingsError: it is not a date; names the box.
    """
    typed = (typed or "").strip()  # a box that was never shown holds None
    try:
        return date.fromisoformat(typed).isoformat() if typed else None
    except ValueError as error:
        raise SettingsError(name, f"{typed!r} is no day", "write it as 2026-11-24") from error
