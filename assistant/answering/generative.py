"""Evidence to an answer in prose: a language model writes it, and each claim is verified.

Without evidence the model is not called: the program refuses itself. If the model fails, the
extractive answer takes its place and says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from assistant.answering import messages
from assistant.answering.extractive import ExtractiveAnswerer
from assistant.answering.selection import Ranked, Selection
from assistant.answering.verification.checks import Entailment, verify
from assistant.answering.verification.claims import without_fabrications
from assistant.errors import LanguageModelError
from assistant.models.llm import prompts
from assistant.models.llm.base import Completion, LanguageModel
from assistant.retrieval.query import Query
from assistant.schema import Answer, Citation, Generation
from assistant.text.citation_marks import cited_in, settled

SOURCES = 8
"""Most passages that the model is given: about 1,600 tokens."""


@dataclass(frozen=True)
class GenerativeAnswerer:
    """Answers in prose.

    Args:
        extractive: makes the answer that takes its place if the model fails.
        context: tokens that the model reads and writes together.
        entails: judges whether a passage supports a sentence; without it words are compared only.
    """

    model: LanguageModel
    extractive: ExtractiveAnswerer
    context: int
    entails: Entailment | None = None

    def answer(
        self, query: Query, ranked: Ranked, selection: Selection, today: date
    ) -> Iterator[Answer]:
        """The answer as it grows; the last one is verified.

        Args:
            today: the day of the question, which the model is told.
        """
        day = today.isoformat()
        *_, quoted = self.extractive.answer(query, ranked, selection)
        passages = self.extractive.sources(ranked, selection.reprints, SOURCES)
        if quoted.newest_first:
            passages = _in_order_of(quoted.citations, passages)
        sources = prompts.fitted(query.spelled, passages, self.context, day)
        given = _renumbered(quoted, sources)
        asked = prompts.answer(query.spelled, sources, day)
        prompt = prompts.transcript(asked)
        with Completion(self.model, asked) as completion:
            try:
                for _ in completion:
                    shown = settled(completion.text)
                    yield self._growing(given, shown, sources, prompt, completion)
            except LanguageModelError as error:
                yield replace(
                    quoted, notice=messages.STANDS_IN.format(error=str(error).strip().rstrip("."))
                )
                return
        if prompts.declines(completion.text):
            yield self.extractive.refusal(query, ranked)
            return
        written = self._growing(given, completion.text.strip(), sources, prompt, completion)
        verified = self._verified(written, sources)
        yield verified if verified.text else replace(quoted, notice=messages.NOTHING_LEFT)

    def _growing(
        self,
        quoted: Answer,
        text: str,
        sources: Sequence[Citation],
        prompt: str,
        completion: Completion,
    ) -> Answer:
        used = completion.usage
        generation = Generation(self.model.name, prompt, used.prompt_tokens, used.answer_tokens)
        return replace(_with_text(quoted, text, sources), generation=generation)

    def _verified(self, answer: Answer, sources: Sequence[Citation]) -> Answer:
        # As the model read them: `neutral` exchanges a few characters.
        read = [replace(source, context=prompts.neutral(source.context)) for source in sources]
        checks = verify(answer.text, read, self.entails)
        text, kept, removed = without_fabrications(answer.text, checks)
        notice = (
            messages.REMOVED_ONE
            if removed == 1
            else messages.REMOVED.format(count=removed)
            if removed
            else ""
        )
        return replace(_with_text(answer, text, sources), checks=kept, notice=notice)


def _with_text(answer: Answer, text: str, sources: Sequence[Citation]) -> Answer:
    """The answer with this text and with the sources that the text or a disagreement cites."""
    disagreeing = {claim.number for one in answer.disagreements for claim in one.claims}
    numbers = disagreeing | set(cited_in(text))
    cited = tuple(source for source in sources if source.number in numbers)
    return replace(answer, text=text, short_answer=None, citations=cited, checks=())


def _in_order_of(quoted: Sequence[Citation], sources: Sequence[Citation]) -> tuple[Citation, ...]:
    """The sources, renumbered so that those whose passages are quoted come first."""
    places = list(dict.fromkeys((one.article_id, one.context_start) for one in quoted))
    rank = {place: number for number, place in enumerate(places)}
    ordered = sorted(sources, key=lambda s: rank.get((s.article_id, s.context_start), len(rank)))
    return tuple(replace(source, number=at) for at, source in enumerate(ordered, start=1))


def _renumbered(quoted: Answer, sources: Sequence[Citation]) -> Answer:
    """The quoted answer whose disagreements point to the sources that the model is given, without
    those that cite a passage that it is not given.
    """
    places = {(source.article_id, source.context_start): source.number for source in sources}
    numbers = {c.number: places.get((c.article_id, c.context_start)) for c in quoted.citations}
    kept = []
    for one in quoted.disagreements:
        claims = [(claim, numbers[claim.number]) for claim in one.claims]
        if all(number is not None for _, number in claims):
            renumbered = tuple(replace(c, number=n) for c, n in claims if n is not None)
            latest = None if one.latest is None else numbers[one.latest]
            kept.append(replace(one, claims=renumbered, latest=latest))
    return replace(quoted, disagreements=tuple(kept))
