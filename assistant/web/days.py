"""The days between which articles are published, as they are typed into the page."""

from datetime import date

from assistant.errors import SettingsError


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
