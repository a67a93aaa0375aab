"""A question as it is searched for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """A question as it is searched for."""

    text: str
    """As the person asked it."""
    spelled: str
    """Standing alone, without misspelled words."""
    expanded: str
    """The same with abbreviations spelled out."""
