"""How events of the page are wired."""

from collections.abc import Callable
from typing import Any

CONCURRENT = 32
"""Questions answered at once; Gradio's own default is one."""


Ask = Callable[[Callable[..., Any], Any], Any]
"""Wires an event so that it asks the question that a component holds."""


def on(
    event: Callable[..., Any], fn: Callable[..., Any], inputs: Any, outputs: Any, **more: Any
) -> Any:
    """Wires an event: many at once, and no public endpoint for it."""
    return event(
        fn, inputs, outputs, concurrency_limit=CONCURRENT, api_visibility="private", **more
    )
