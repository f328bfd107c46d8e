"""An annotator that reads keywords instead of a model's output: a real one for the stages, ready in no time, and seen through."""

from collections.abc import Sequence
from dataclasses import replace

from nlp.annotator import Annotator, Prepared, TextInput
from nlp.topics import load_taxonomy
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import Annotation, Language
from tests.builders import an_annotation


class KeywordAnnotator(Annotator):
    """`late` is negative and about delivery, `love` is positive, all else neutral. A text with `poison` raises; so does any when `broken`.

    `batches` are the texts of every call.
    """

    def __init__(self, model: str = "keywords-1", *, broken: bool = False) -> None:
        self.model = model
        self.weights = model
        self.taxonomy = load_taxonomy()
        self.broken = broken
        self.batches: list[list[str]] = []

    def prepare(
        self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None, workspace: WorkspaceModel = PLAIN
    ) -> list[Prepared]:
        return [Prepared(Language("en", 1.0), (), (), 16, cleaned=one.text, topics=topics, workspace=workspace) for one in texts]

    def answer(self, prepared: Sequence[Prepared]) -> list[Annotation]:
        self.batches.append([one.cleaned for one in prepared])
        if self.broken or any("poison" in one.cleaned for one in prepared):
            raise RuntimeError("the model stumbled")
        versions = [self.versions(one.workspace) for one in prepared]
        said = [self.say(one.cleaned) for one in prepared]
        return [replace(answer, model=model, taxonomy=taxonomy) for answer, (model, taxonomy) in zip(said, versions, strict=True)]

    def say(self, text: str) -> Annotation:
        if "late" in text:
            return an_annotation("negative", ["delivery"])
        if "love" in text:
            return an_annotation("positive", [])
        return an_annotation("neutral", [])
