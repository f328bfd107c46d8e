"""An annotator that reads keywords instead of a model's output: a real one for the stages, ready in no time, and seen through."""

from collections.abc import Sequence

from nlp.annotator import Annotator, TextInput
from nlp.topics import load_taxonomy
from store.records import Annotation
from tests.builders import an_annotation


class KeywordAnnotator(Annotator):
    """`late` is negative and about delivery, `love` is positive, all else neutral. A text with `poison` raises; so does any when `broken`.

    `batches` are the texts of every call.
    """

    def __init__(self, model: str = "keywords-1", *, broken: bool = False) -> None:
        self.model = model
        self.taxonomy = load_taxonomy()
        self.broken = broken
        self.batches: list[list[str]] = []

    def annotate(self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None) -> list[Annotation]:
        self.batches.append([one.text for one in texts])
        if self.broken or any("poison" in one.text for one in texts):
            raise RuntimeError("the model stumbled")
        return [self.say(one.text) for one in texts]

    def say(self, text: str) -> Annotation:
        version = self.taxonomy.version
        if "late" in text:
            return an_annotation("negative", ["delivery"], model=self.model, taxonomy=version)
        if "love" in text:
            return an_annotation("positive", [], model=self.model, taxonomy=version)
        return an_annotation("neutral", [], model=self.model, taxonomy=version)
