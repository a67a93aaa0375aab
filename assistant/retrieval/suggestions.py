"""Example questions made from the articles themselves."""

import re
from collections import Counter

from assistant.schema import Article
from assistant.store.store import Store
from assistant.text.names import names_of
from assistant.text.speech import quoted_speakers

SUGGEST_FROM = 200
"""Newest articles that questions are made from."""


def suggest(store: Store) -> list[str]:
    """Questions about who speaks in the newest articles, and about the names that articles spell
    out.

    At most three articles with speakers come first, then the long forms of abbreviations, most
    mentioned first, in the order in which the corpus would answer them best.
    """
    newest = (store.article(found.id) for found in store.catalogue.articles(limit=SUGGEST_FROM))
    articles, abbreviations = list(filter(None, newest)), store.lexical.abbreviations()
    spoken = [question for article in articles if (question := _about_a_speaker(article))]
    text = "\n".join(article.text for article in articles)
    mentioned = Counter({short: text.count(short) for short in abbreviations})
    named = [f"What is the {abbreviations[short]}?" for short, _ in mentioned.most_common(6)]
    return list(dict.fromkeys([*spoken[:3], *named]))


def _about_a_speaker(article: Article) -> str | None:
    speakers = Counter(quoted_speakers(article.text)).most_common(1)
    if not speakers:
        return None
    speaker = speakers[0][0]
    near = re.findall(rf"[^.\n]*\b{re.escape(speaker)}\b[^.\n]*", article.text)
    names = Counter(word for s in near for name in names_of(s) for word in name.written)
    for name, _ in names.most_common():
        if name != speaker and name in article.title:
            return f"What did {speaker} say about {name}?"
    return f"What did {speaker} say?"
