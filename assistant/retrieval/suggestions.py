"""Example questions made from the articles themselves."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from assistant.schema import Article

_VERBS = "said|added|explained|emphasized|argued|stressed|warned|noted|pointed out"
_SPEAKER = re.compile(
    rf"[,.?!][”\"] (?:([A-Z][\w’'-]+) (?:{_VERBS})|(?:{_VERBS}) ([A-Z][\w’'-]+))\b"
)
"""Only beside a quotation: "the European Union said" speaks for nobody in particular."""
_NAME = re.compile(r"\b(?:[A-Z][\w’'-]+|[A-Z]{2,})\b")


def suggest(articles: Sequence[Article], abbreviations: Mapping[str, str]) -> list[str]:
    """Questions about who speaks in the articles, and about the names they spell out.

    At most three articles with speakers come first, then the long forms of abbreviations, most
    mentioned first, in the order in which the corpus would answer them best.
    """
    spoken = [question for article in articles if (question := _about_a_speaker(article))]
    text = "\n".join(article.text for article in articles)
    mentioned = Counter({short: text.count(short) for short in abbreviations})
    named = [f"What is the {abbreviations[short]}?" for short, _ in mentioned.most_common(6)]
    return list(dict.fromkeys([*spoken[:3], *named]))


def _about_a_speaker(article: Article) -> str | None:
    found = (match.group(1) or match.group(2) for match in _SPEAKER.finditer(article.text))
    speakers = Counter(found).most_common(1)
    if not speakers:
        return None
    speaker = speakers[0][0]
    near = re.findall(rf"[^.\n]*\b{re.escape(speaker)}\b[^.\n]*", article.text)
    names = Counter(name for sentence in near for name in _NAME.findall(sentence[1:]))
    for name, _ in names.most_common():
        if name != speaker and name in article.title:
            return f"What did {speaker} say about {name}?"
    return f"What did {speaker} say?"
