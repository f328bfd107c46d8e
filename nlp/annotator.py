"""Texts in, annotations out: prepares a text, runs the transformer over it once, and reads every answer from the same token states."""

import re
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from core.errors import Misconfigured
from core.settings import Settings
from nlp.adaptation import Adaptation
from nlp.backend import STEP, Backend, padded_length
from nlp.batching import Window, batches, segment_ids, windows_of
from nlp.bundle import AGAIN, BUNDLED, READABLE, Bundle, ModelInvalid, load_bundle
from nlp.clean import clean
from nlp.custom_topics import Encoded, TopicOpener
from nlp.embedding import packed
from nlp.heads import Heads
from nlp.language import LanguageDetector, open_detector
from nlp.mentions import PLACES, TopicScores, mentions
from nlp.packing import SIZES
from nlp.pooling import Floats, Pooled, pool
from nlp.segments import split
from nlp.topics import Taxonomy, load_taxonomy
from nlp.workspace_model import PLAIN, WorkspaceModel, open_workspace_model
from store.records import (
    EMOTIONS,
    SENTIMENTS,
    Annotation,
    Complaint,
    EarlierText,
    Embedding,
    Emotion,
    Language,
    Sentiment,
    SentimentScore,
    Span,
    StoredWorkspaceModel,
    TopicMention,
)

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
BUDGET = 8_192  # padded tokens whose states are computed together: 13 MB, and enough windows of every length to fill packs
AT_FIRST, AHEAD = 64, 256  # texts that are prepared in one go: few at first, for the body waits for them; then while it runs


class SentimentModel(Protocol):
    """A model of its own for sentiment, such as a checkpoint of transformers."""

    @property
    def name(self) -> str: ...

    def scores(self, texts: Sequence[str]) -> Floats:
        """(n, 3) probabilities of negative, neutral, positive; the answer for a text does not depend on the others."""
        ...


@dataclass(frozen=True, slots=True)
class TextInput:
    """A text to annotate. `language` is the caller's word and is believed. The rest only helps where the text leaves doubt, the first
    that says something before the others: `earlier` is what its author wrote before, newest first; `question` what a survey asked;
    `priors` are what its country and source usually speak."""

    text: str
    language: str | None = None
    question: str | None = None
    priors: tuple[str, ...] = ()
    earlier: tuple[EarlierText, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text ready for the model. `spans` are its segments; `padded_tokens` is its cost; `cleaned` is for a sentiment model of its own.

    `workspace` is what its workspace adds to the shared model.
    """

    language: Language
    spans: tuple[Span, ...]
    windows: tuple[Window, ...]
    padded_tokens: int
    cleaned: str
    topics: frozenset[str] | None
    workspace: WorkspaceModel = PLAIN


@dataclass(frozen=True, slots=True)
class Computed:
    """What the body gave for some texts: a mean for each, and its sentiment (n, 3) where a model of its own says it."""

    pooled: Sequence[Pooled]
    sentiments: Floats | None


class Annotator:
    """The model with everything around it. A text gets the same annotation alone and in any batch, in any order, whatever the workspaces
    of the others: all share the pass through the body, and only the small heads after it differ.

    Every method may run in many threads at once.
    """

    def __init__(
        self, bundle: Bundle, backend: Backend, detector: LanguageDetector, taxonomy: Taxonomy, *, sentiment: SentimentModel | None = None
    ) -> None:
        """`sentiment` replaces the bundle's own answer for sentiment; everything else stays the bundle's."""
        self.taxonomy = taxonomy
        own = f"{bundle.name}-{bundle.version}"
        self.model = own if sentiment is None else f"{sentiment.name} + {own}"
        self.weights = bundle.digest
        """What the adaptation of a workspace must have been fitted on."""
        self.space = bundle.digest[:16]
        """Embeddings of different models have nothing to do with each other: this names those that can be compared."""
        self._bundle, self._backend, self._detector, self._sentiment = bundle, backend, detector, sentiment
        self._turn = threading.Lock()
        self._ahead = ThreadPoolExecutor(2, thread_name_prefix="koe-batch")
        self._topics = TopicOpener(bundle.heads, bundle.wording(), self.encode)

    @property
    def engine(self) -> str:
        """What computes, for logs and metrics."""
        return self._backend.name

    def versions(self, workspace: WorkspaceModel = PLAIN) -> tuple[str, str]:
        """The model and the taxonomy that an annotation of this workspace bears: `koe-e5-small-4+a3`, `1+t7`."""
        adaptation = self.adaptation_of(workspace)
        model = self.model if adaptation is None else f"{self.model}+a{adaptation.number}"
        taxonomy = self.taxonomy.version
        return model, taxonomy if workspace.topics is None else f"{taxonomy}+{workspace.topics.version}"

    def annotate(
        self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None, workspace: WorkspaceModel = PLAIN
    ) -> list[Annotation]:
        """One annotation per text, in order; `topics` restricts the answer to these ids. InvalidInput for an unknown one."""
        if len(texts) <= AT_FIRST:
            return self.answer(self.prepare(texts, topics=topics, workspace=workspace))
        return self._answers(self.prepare(chunk, topics=topics, workspace=workspace) for chunk in _growing(texts))

    def prepare(
        self, texts: Sequence[TextInput], *, topics: frozenset[str] | None = None, workspace: WorkspaceModel = PLAIN
    ) -> list[Prepared]:
        """All that needs no model: language, segments, cleaning, token ids. Any text passes. InvalidInput for an unknown topic."""
        if topics is not None:
            self.taxonomy.check(topics - (workspace.topics.ids if workspace.topics else frozenset()))
        segments = [split(given.text) for given in texts]
        cleaned = [[clean(given.text[span.start : span.end]) for span in spans] for given, spans in zip(texts, segments, strict=True)]
        ids = iter(self._bundle.tokenizer.encode([text for segment in cleaned for text in segment]))
        return [
            self._prepared(given, spans, parts, [next(ids) for _ in spans], topics, workspace)
            for given, spans, parts in zip(texts, segments, cleaned, strict=True)
        ]

    def answer(self, prepared: Sequence[Prepared]) -> list[Annotation]:
        """One annotation per prepared text, in order; their states are computed in batches of BUDGET padded tokens."""
        if sum(one.padded_tokens for one in prepared) <= BUDGET:
            return self._read(prepared, self._computed(prepared))
        return self._answers([prepared])

    @property
    def sentiment_model(self) -> str | None:
        """The name of the model of its own that tells sentiment; None where the heads do."""
        return None if self._sentiment is None else self._sentiment.name

    def heads_of(self, workspace: WorkspaceModel = PLAIN) -> Heads:
        """Those that answer for texts of this workspace."""
        adaptation = self.adaptation_of(workspace)
        return self._bundle.heads if adaptation is None else self._bundle.heads.replaced(adaptation.arrays, adaptation.calibration)

    def pooled(self, texts: Sequence[TextInput]) -> list[Pooled]:
        """What the heads read of each text and of its segments, those of a workspace too."""
        prepared = self.prepare(texts)
        found = dict(self._in_batches(prepared))
        return [found[row] for row in range(len(prepared))]

    def _vectors(self, prepared: Sequence[Prepared], *, by_token: bool = False) -> Floats:
        found = np.zeros((len(prepared), self._bundle.hidden), np.float32)
        for row, one in self._in_batches(prepared, by_token=by_token):
            found[row] = one.whole
        return found

    def _in_batches(self, prepared: Sequence[Prepared], *, by_token: bool = False) -> Iterator[tuple[int, Pooled]]:
        for batch in batches([one.padded_tokens for one in prepared], BUDGET):
            yield from zip(batch, self._pooled([prepared[row] for row in batch], by_token=by_token), strict=True)

    def _answers(self, chunks: Iterable[Sequence[Prepared]]) -> list[Annotation]:
        """While the body runs over one batch, the one before it is read and the next chunk prepared."""
        answers: dict[int, Annotation] = {}
        running: deque[tuple[list[int], list[Prepared], Future[Computed]]] = deque()

        def finish() -> None:
            numbers, batch, computed = running.popleft()
            answers.update(zip(numbers, self._read(batch, computed.result()), strict=True))

        for numbers, batch in _batches(chunks):
            running.append((numbers, batch, self._ahead.submit(self._computed, batch)))
            if len(running) > 1:
                finish()
        while running:
            finish()
        return [answers[number] for number in range(len(answers))]

    def _prepared(
        self,
        given: TextInput,
        spans: Sequence[Span],
        cleaned: Sequence[str],
        ids: Sequence[Sequence[int]],
        topics: frozenset[str] | None,
        workspace: WorkspaceModel,
    ) -> Prepared:
        tokenizer = self._bundle.tokenizer
        windows = windows_of(ids, bos=tokenizer.bos, eos=tokenizer.eos, max_tokens=self._bundle.max_tokens)
        return Prepared(
            language=self._language(given),
            spans=tuple(spans),
            windows=tuple(windows),
            padded_tokens=sum(padded_length(len(window.ids)) for window in windows),
            cleaned=" ".join(cleaned) if self._sentiment else "",
            topics=topics,
            workspace=workspace,
        )

    def _language(self, given: TextInput) -> Language:
        if given.language:
            return Language(given.language, 1.0)
        spoken = self._detector.usual(given.earlier)
        asked = self._detector.usual([EarlierText(given.question)] if given.question else [])
        return self._detector.detect(given.text, [code for code in (spoken, asked, *given.priors) if code])

    def _computed(self, prepared: Sequence[Prepared]) -> Computed:
        pooled = self._pooled(prepared)
        if self._sentiment is None:
            return Computed(pooled, None)
        with self._turn:  # a tokenizer of transformers takes one caller at a time
            return Computed(pooled, self._sentiment.scores([one.cleaned for one in prepared]))

    def _pooled(self, prepared: Sequence[Prepared], *, by_token: bool = False) -> list[Pooled]:
        states = iter(self._backend.states([window.ids for one in prepared for window in one.windows], by_token=by_token))
        return [pool(one.windows, list(islice(states, len(one.windows)))) for one in prepared]

    def _read(self, prepared: Sequence[Prepared], computed: Computed) -> list[Annotation]:
        answers: dict[int, Annotation] = {}
        for workspace, rows in _by_workspace(prepared).items():
            texts = [prepared[row] for row in rows], [computed.pooled[row] for row in rows]
            scores = None if computed.sentiments is None else computed.sentiments[rows]
            answers.update(zip(rows, self._read_for(workspace, *texts, scores), strict=True))
        return [answers[row] for row in range(len(prepared))]

    def _read_for(
        self, workspace: WorkspaceModel, prepared: Sequence[Prepared], pooled: Sequence[Pooled], scores: Floats | None
    ) -> Iterator[Annotation]:
        """Annotations of texts of one workspace; `scores` (n, 3) are their sentiments where a model of its own gave them."""
        heads, whole = self.heads_of(workspace), np.stack([one.whole for one in pooled])
        # What a workspace fitted belongs to the confidences of its own heads.
        abstain_below = (heads if scores is None else self._bundle.heads).abstain_below
        model, taxonomy = self.versions(workspace)
        for one, row, topics, complains, emotion, embedding in zip(
            prepared,
            heads.sentiment(whole) if scores is None else scores,
            _topics(heads, prepared, pooled, whole),
            heads.complaint(whole),
            _emotions(heads, whole),
            self._embeddings(whole),
            strict=True,
        ):
            sentiment = _sentiment(row, abstain_below)
            yield Annotation(one.language, sentiment, topics, _complaint(float(complains)), model, taxonomy, emotion, embedding)

    def _embeddings(self, whole: Floats) -> list[Embedding] | list[None]:
        """Of the shared model always: those of one workspace would be of no use beside those of another."""
        if not self._bundle.heads.embeds:
            return [None] * len(whole)
        return [Embedding(self.space, direction) for direction in packed(self._bundle.heads.embedding(whole))]

    def open(self, stored: StoredWorkspaceModel) -> WorkspaceModel:
        """What a workspace adds, ready for this model. Texts of its topics that were not seen lately go through the model first."""
        opened = open_workspace_model(stored)
        if stored.taxonomy is None:
            return opened
        return replace(opened, topics=self._topics.open(stored.taxonomy))

    @property
    def finds_topics(self) -> bool:
        """Whether the model can find topics of a workspace's own."""
        return self._topics.ready

    def encode(self, texts: Sequence[str], *, by_token: bool = False) -> list[Encoded]:
        """The direction and the ids of each text, in order; only of a model that embeds. `by_token` as `Backend.states` has it."""
        prepared = self.prepare([TextInput(text) for text in texts])
        directions = packed(self._bundle.heads.embedding(self._vectors(prepared, by_token=by_token)))
        ids = [tuple(one for segment in segment_ids(text.windows).values() for one in segment) for text in prepared]
        return [Encoded(*one) for one in zip(directions, ids, strict=True)]

    def adaptation_of(self, workspace: WorkspaceModel) -> Adaptation | None:
        """The workspace's own heads, unless they belong to other weights than these."""
        adaptation = workspace.adaptation
        return adaptation if adaptation is not None and adaptation.weights == self.weights else None


def _growing(texts: Sequence[TextInput]) -> Iterator[Sequence[TextInput]]:
    at, size = 0, AT_FIRST
    while at < len(texts):
        yield texts[at : at + size]
        at, size = at + size, min(2 * size, AHEAD)


def _batches(chunks: Iterable[Sequence[Prepared]]) -> Iterator[tuple[list[int], list[Prepared]]]:
    """Texts of like size together in batches of BUDGET padded tokens, with their numbers over all chunks."""
    before = 0
    for chunk in chunks:
        for rows in batches([one.padded_tokens for one in chunk], BUDGET):
            yield [before + row for row in rows], [chunk[row] for row in rows]
        before += len(chunk)


def _by_workspace(prepared: Sequence[Prepared]) -> dict[WorkspaceModel, list[int]]:
    rows: dict[WorkspaceModel, list[int]] = {}
    for row, one in enumerate(prepared):
        rows.setdefault(one.workspace, []).append(row)
    return rows


def _topics(heads: Heads, prepared: Sequence[Prepared], pooled: Sequence[Pooled], whole: Floats) -> Iterator[tuple[TopicMention, ...]]:
    texts = _topic_scores(heads, whole)
    # A text of one segment is its own evidence: only the segments of the others are read by themselves.
    parts = _topic_scores(heads, np.concatenate([whole[:0], *(one.segments for one in pooled if len(one.numbers) > 1)]))
    at = 0
    for row, (one, vectors) in enumerate(zip(prepared, pooled, strict=True)):
        end = at + (len(vectors.numbers) if len(vectors.numbers) > 1 else 0)
        spans = [one.spans[number] for number in vectors.numbers]
        found = mentions(heads.topics, heads.thresholds, texts.rows(row, row + 1), parts.rows(at, end), spans)
        if one.workspace.topics is not None:
            own = one.workspace.topics.mentions(vectors, one.windows, one.spans)
            kept = [mention for mention in found if mention.id not in one.workspace.topics.hidden]
            found = tuple(sorted([*kept, *own], key=lambda mention: (-mention.confidence, mention.id)))
        yield tuple(mention for mention in found if one.topics is None or mention.id in one.topics)
        at = end


def _emotions(heads: Heads, whole: Floats) -> list[Emotion] | list[None]:
    if not heads.tells_emotion:
        return [None] * len(whole)
    shares = heads.emotion(whole)
    likeliest = shares.argmax(axis=-1)
    return [Emotion(EMOTIONS[label], round(float(row[label]), PLACES)) for row, label in zip(shares, likeliest, strict=True)]


def _topic_scores(heads: Heads, vectors: Floats) -> TopicScores:
    return TopicScores(heads.topic_presence(vectors), heads.topic_sentiment(vectors))


def _sentiment(row: Floats, abstain_below: float) -> SentimentScore:
    scores = _shares(row)
    label = max(SENTIMENTS, key=scores.__getitem__)
    return SentimentScore(label, scores[label], scores, abstained=scores[label] < abstain_below)


def _shares(row: Floats) -> dict[Sentiment, float]:
    """Probabilities to PLACES that still add up to 1: the largest takes what rounding left over."""
    scores = {sentiment: round(float(share), PLACES) for sentiment, share in zip(SENTIMENTS, row, strict=True)}
    largest = max(SENTIMENTS, key=scores.__getitem__)
    scores[largest] = round(1.0 - sum(score for sentiment, score in scores.items() if sentiment != largest), PLACES)
    return scores


def _complaint(probability: float) -> Complaint:
    """The likelier answer, and its own probability."""
    complains = round(probability, PLACES)
    return Complaint(complains >= 0.5, complains if complains >= 0.5 else round(1.0 - complains, PLACES))


def load_annotator(settings: Settings) -> Annotator:
    """The annotator that `settings` ask for, warmed up: the bundled model, or a checkpoint's sentiment with the bundle's topics.

    Misconfigured (or ModelInvalid, which is one) says which setting or file is wrong and what to do.
    """
    bundle, sentiment = _open_model(settings, download=True)
    detector = open_detector(settings.language_detector, settings.languages)
    backend = _open_backend(bundle, settings)
    # The heads are small products between runs of the body: threads of BLAS that wait for them spin on the body's cores.
    threadpool_limits(1, "blas")
    _warm_up(bundle, backend, settings.model_threads)
    return Annotator(bundle, backend, detector, load_taxonomy(), sentiment=sentiment)


def check_model(settings: Settings) -> str:
    """The name of the model that `load_annotator` would open. Raises what it would; compiles, downloads and writes nothing."""
    bundle, sentiment = _open_model(settings, download=False)
    open_detector(settings.language_detector, settings.languages)
    if settings.device != "cpu":
        _open_backend(bundle, settings)
    own = f"{bundle.name} {bundle.version}"
    return own if sentiment is None else f"{sentiment.name} for sentiment, {own} for the rest"


def weights_of(settings: Settings) -> str:
    """`Annotator.weights` of the model that `load_annotator` would open, without opening it. Raises Misconfigured as that does."""
    return load_bundle(_own_folder(settings) or BUNDLED).digest


def _own_folder(settings: Settings) -> Path | None:
    """The folder of KOE_MODEL if it holds a model of ours; beside a checkpoint it is the bundled one that tells all but sentiment."""
    folder = _folder_of(settings.model)
    return folder if folder is not None and (settings.model == "bundled" or (folder / "model.json").exists()) else None


def _open_model(settings: Settings, *, download: bool) -> tuple[Bundle, SentimentModel | None]:
    folder, own = _folder_of(settings.model), _own_folder(settings)
    bundle = load_bundle(own or BUNDLED)
    bundle.check_body()
    _check_taxonomy(bundle, load_taxonomy())
    return bundle, None if own else _open_checkpoint(settings, folder, download=download)


def _folder_of(model: str) -> Path | None:
    """The folder that KOE_MODEL names, None when it is a hub id. Misconfigured for what is neither."""
    folder = BUNDLED if model == "bundled" else Path(model).expanduser()
    try:
        if folder.is_dir():
            next(folder.iterdir(), None)
            return folder
        if folder.exists():
            raise Misconfigured(f"KOE_MODEL={model} is a file: give the folder that holds it")
    except OSError as error:
        raise Misconfigured(f"KOE_MODEL={model[:200]} cannot be read ({error.strerror}): {READABLE}") from error
    if not HUB_ID.fullmatch(model):
        raise Misconfigured(f"KOE_MODEL={model}: there is no such folder; give `bundled`, a folder, or a hub id such as owner/name")
    return None


def _open_checkpoint(settings: Settings, folder: Path | None, *, download: bool) -> SentimentModel:
    with _torch_for(f"KOE_MODEL={settings.model}", "KOE_MODEL=bundled", settings):
        from nlp.torch_backend import load_checkpoint

        return load_checkpoint(folder or settings.model, settings.device, name=settings.model, download=download)


def _open_backend(bundle: Bundle, settings: Settings) -> Backend:
    if settings.device == "cpu":
        return bundle.open_backend(settings.model_threads, settings.home.absolute() / "model-cache")
    with _torch_for(f"KOE_DEVICE={settings.device}", "KOE_DEVICE=cpu", settings):
        return bundle.open_torch_backend(settings.device)


@contextmanager
def _torch_for(setting: str, instead: str, settings: Settings) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Misconfigured(f"{setting} needs torch ({error}): install the extra `gpu`, or set {instead}") from error
    except (AssertionError, RuntimeError) as error:  # how torch says that a device is missing, or full
        raise Misconfigured(f"{setting}: torch cannot use {settings.device} ({error}); set KOE_DEVICE=cpu") from error


def _check_taxonomy(bundle: Bundle, taxonomy: Taxonomy) -> None:
    if bundle.taxonomy_version != taxonomy.version or set(bundle.heads.topics) != taxonomy.ids:
        raise Misconfigured(
            f"the model in {bundle.folder} knows taxonomy {bundle.taxonomy_version} with {len(bundle.heads.topics)} topics, "
            f"installed is {taxonomy.version} with {len(taxonomy.topics)}: install the model and Koe of one version"
        )


def _warm_up(bundle: Bundle, backend: Backend, threads: int) -> None:
    """Windows of every padded length, and alone of every size of a pack, enough for every thread: each makes its kernels once, better now
    than under the first requests."""
    bos = bundle.tokenizer.bos
    alone = [[[bos] * size] for size in SIZES if size <= bundle.max_tokens]
    try:
        for length in range(STEP, bundle.max_tokens + 1, STEP):
            backend.states([[bos] * length] * 2 * threads)
        with ThreadPoolExecutor(threads) as callers:
            list(callers.map(backend.states, [windows for windows in alone for _ in range(2 * threads)]))
    except (RuntimeError, ValueError) as error:
        reason = f"{bundle.folder}: the body does not run on windows of up to {bundle.max_tokens} tokens ({error!s:.200})"
        raise ModelInvalid(f"{reason}; {AGAIN}") from error
