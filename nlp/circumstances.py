"""What is known around a stored text, as the annotator is told it: in one place, so that API, workers and re-annotation ask alike."""

from nlp.annotator import TextInput
from nlp.countries import language_of
from store.records import Circumstances, Feedback


def input_of(feedback: Feedback, around: Circumstances) -> TextInput:
    """The text with the language its sender named, the question it answers, what its author wrote before, its country and source."""
    priors = (language_of(feedback.country), around.source_language)
    return TextInput(
        text=feedback.text,
        language=feedback.language,
        question=feedback.question,
        priors=tuple(prior for prior in priors if prior),
        earlier=around.earlier,
    )
