"""Articles to passages: whole sentences are gathered until a passage is full.

``article.text[passage.start:passage.end] == passage.text`` holds for any text whatever.
"""

from collections.abc import Iterator

from assistant.schema import Article, Passage
from assistant.text.sentences import Span, is_heading, paragraphs
from assistant.text.tokens import count_words

FULL_ENOUGH = 0.6
"""A passage this full ends with its paragraph when the next paragraph does not fit whole."""


def cut_passages(article: Article, max_words: int) -> list[Passage]:
    """The passages of an article, in order: whole sentences, paragraphs kept together.

    Args:
        max_words: longest passage; a single sentence that is longer is a passage by itself.
    """
    heading = heading_of(article)
    return [
        Passage(article.id, position, start, end, article.text[start:end], heading)
        for position, (start, end) in enumerate(_gather(article.text, max_words))
    ]


def heading_of(article: Article) -> str:
    """Title, outlet and date, which embedding and lexical search see of a passage's article."""
    outlet = ", ".join(filter(None, (article.source, article.published)))
    return f"{article.title} — {outlet}" if outlet else article.title


def _gather(text: str, max_words: int) -> Iterator[Span]:
    current: list[Span] = []
    size = headings = 0
    for paragraph in paragraphs(text):
        sizes = [_words(text, span) for span in paragraph]
        if size + sum(sizes) > max_words and size > FULL_ENOUGH * max_words:
            kept = len(current) - headings
            if kept:  # headings at the end belong to what follows
                yield current[0][0], current[kept - 1][1]
                current = current[kept:]
                size = sum(_words(text, span) for span in current)
        for span, words in zip(paragraph, sizes, strict=True):
            if current and size + words > max_words:
                yield current[0][0], current[-1][1]
                current, size, headings = [], 0, 0
            current.append(span)
            size += words
        alone = len(paragraph) == 1 and is_heading(text[slice(*paragraph[0])])
        headings = headings + 1 if alone else 0
    if current:
        yield current[0][0], current[-1][1]


def _words(text: str, span: Span) -> int:
    """Words of a sentence; one per 16 characters in a run of other signs without spaces."""
    start, end = span
    return max(count_words(text[start:end]), (end - start) // 16)
