"""Evidence to prose: a language model writes, and what it writes is verified.

Without evidence no model is called: the refusal is the program's. Where the model fails, the
sentences themselves answer, and the answer says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant import prompts
from assistant.answering import Composer
from assistant.errors import LanguageModelError
from assistant.generation import Completion, LanguageModel, settled
from assistant.reader import Reading
from assistant.schema import Answer, Citation, Generation, Query, ScoredPassage
from assistant.statements import cited_in, without_fabrications
from assistant.verification import Entailment, verify

SOURCES = 8
"""Most passages that the model is given: about 1,600 tokens."""

STANDS_IN = "The language model failed: {error}. These are the sentences that the answer rests on."
NOTHING_LEFT = (
    "All that the language model wrote was removed: none of it is in the articles. "
    "These are the sentences that the answer rests on."
)
REMOVED_ONE = (
    "A sentence was removed: what it quoted, or the source it named, is not in the articles."
)
REMOVED = (
    "{count} sentences were removed: what they quoted, or the sources they named, "
    "are not in the articles."
)


@dataclass(frozen=True)
class Writer:
    """Makes answers of prose.

    Args:
        composer: makes the answer of sentences, which stands in where the model fails.
        context: tokens that the model reads and writes together.
        entails: judges whether a passage supports a sentence; without it words are compared only.
    """

    model: LanguageModel
    composer: Composer
    context: int
    entails: Entailment | None = None

    def compose(
        self, query: Query, reading: Reading, candidates: Sequence[ScoredPassage]
    ) -> Iterator[Answer]:
        """The answer as it grows; the last one is verified. See `Composer.compose`."""
        *_, quoted = self.composer.compose(query, reading, candidates)
        if not quoted.answered:
            yield quoted
            return
        sources = prompts.fitted(
            query.spelled, self.composer.sources(reading, candidates, SOURCES), self.context
        )
        messages = prompts.answer(query.spelled, sources)
        prompt = prompts.transcript(messages)
        with Completion(self.model, messages) as completion:
            try:
                for _ in completion:
                    shown = settled(completion.text)
                    yield self._growing(quoted, shown, sources, prompt, completion)
            except LanguageModelError as error:
                yield replace(quoted, notice=STANDS_IN.format(error=str(error).strip().rstrip(".")))
                return
        if prompts.declines(completion.text):
            yield self.composer.refusal(query, reading, quoted.passages)
            return
        written = self._growing(quoted, completion.text.strip(), sources, prompt, completion)
        verified = self._verified(written, sources)
        yield verified if verified.text else replace(quoted, notice=NOTHING_LEFT)

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
        # As the model read them: a few characters are exchanged there.
        read = [replace(source, context=prompts.neutral(source.context)) for source in sources]
        checks = verify(answer.text, read, self.entails)
        text, kept, removed = without_fabrications(answer.text, checks)
        notice = REMOVED_ONE if removed == 1 else REMOVED.format(count=removed) if removed else ""
        return replace(_with_text(answer, text, sources), checks=kept, notice=notice)


def _with_text(answer: Answer, text: str, sources: Sequence[Citation]) -> Answer:
    """The answer with this text, and of the sources those that it cites."""
    numbers = cited_in(text)
    cited = tuple(source for source in sources if source.number in numbers)
    return replace(answer, text=text, short_answer=None, citations=cited)
