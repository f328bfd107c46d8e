"""Fits heads of a workspace's own on labelled texts, and takes those that are better on texts they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from nlp.annotator import Annotator, TextInput
from nlp.calibrate import best_threshold, calibration_error, confidence_at_coverage, fit_temperature
from nlp.gain import Gain, gain
from nlp.heads import Calibration, Floats, Heads
from nlp.labelled import PRESENCE, SENTIMENT, LabelledText, Task, each_once, tasks_of
from nlp.mentions import presence_of
from nlp.pooling import Pooled
from nlp.refit import OUTER_FOLDS, Layer, Numbers, Refitted, Rows, folds, tuned
from nlp.workspace_model import PLAIN, WorkspaceModel
from store.records import TaskReport

LEAST_GAIN = 0.005
"""In F1; less is not worth a version of one's own."""
LEAST_CERTAINTY = 0.95
COVERAGE = 0.9  # share of texts that get a sentiment without a warning, as in calibrating the shared model
HALF = 0.5
SEED = 20_260_301


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it: `arrays` and `calibration` as an Adaptation has them, those of the adaptation in force among them; no arrays when
    nothing is taken. A report for each task."""

    arrays: Mapping[str, Floats]
    calibration: Calibration
    reports: tuple[TaskReport, ...]
    remarks: tuple[str, ...]


def adapt(
    rows: Sequence[LabelledText],
    annotator: Annotator,
    *,
    workspace: WorkspaceModel = PLAIN,
    learned: Mapping[str, int] = MappingProxyType({}),
    unquestioned: Sequence[LabelledText] = (),
    seed: int = SEED,
) -> Adapted:
    """Heads for these labels, beside those of the adaptation in force in `workspace` that no label speaks of.

    They begin at the shared heads and are measured beside them, for those in force have seen some of these texts, mostly: corrections
    pile up. `learned` is from how many texts the latter learned each task: with fewer it stays theirs. `unquestioned` texts bear answers of
    the shared model that nobody corrected, which count as right.

    Corrections alone are errors alone: a head fitted on nothing else would unlearn what was right. Each task takes effect by itself, and
    only if F1 is better on rows held out by LEAST_GAIN, and in LEAST_CERTAINTY of resamples of these rows. Same rows, same heads.
    """
    texts, said, remarks = each_once([*rows, *unquestioned], trusted=len(rows))
    pooled = annotator.pooled([TextInput(one.text, one.language, one.question) for one in texts])
    heads, in_force = annotator.heads_of(PLAIN), annotator.heads_of(workspace)
    arrays, reports, calibration = dict[str, Floats](), list[TaskReport](), in_force.calibration
    with threadpool_limits(1, "blas"):  # small products: threads would only wait for each other
        for task in tasks_of(said, heads.topics):
            missing = _told_elsewhere(task, annotator) or task.missing() or _fewer(task, learned.get(task.name, 0))
            if missing is not None:
                reports.append(TaskReport(task.name, len(task.known), taken=False, reason=missing))
                continue
            report, fitted = _try(task, pooled, heads, seed)
            reports.append(report)
            if fitted is not None:
                arrays |= fitted.arrays(task, in_force)
                calibration = fitted.calibrated(task, calibration)
    present = annotator.adaptation_of(workspace)
    if arrays and present is not None:
        arrays = {**present.arrays, **arrays}
        if calibration == present.calibration and _are_same(arrays, present.arrays):
            arrays = {}  # learned from the same labels: a version of its own would have everything annotated again
    return Adapted(arrays, calibration, tuple(reports), tuple(remarks))


def _fewer(task: Task, learned: int) -> str | None:
    fewer = len(task.known) < learned
    return f"{len(task.known)} texts are fewer than the {learned} that what is in force learned from: give all at once" if fewer else None


def _are_same(arrays: Mapping[str, Floats], others: Mapping[str, Floats]) -> bool:
    return arrays.keys() == others.keys() and all(np.array_equal(values, others[name]) for name, values in arrays.items())


@dataclass(frozen=True, slots=True)
class Texts:
    """Rows with the segments of their texts: `segments` (m, hidden), those of one text beside each other, of which `counts` (n,) tells how
    many it has. They are there where the answer for a text is one for its segments too."""

    rows: Rows
    segments: Numbers
    counts: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> Texts:
        return Texts(self.rows.take(chosen), self.segments[np.repeat(chosen, self.counts)], self.counts[chosen])

    def shares(self, layer: Layer, temperature: float) -> Numbers:
        """(n, outputs) probabilities as they are served."""
        whole, parts = (self.rows.probabilities(layer.logits(one) / temperature) for one in (self.rows.hidden, self.segments))
        if not len(parts):
            return whole
        own = np.split(parts, np.cumsum(self.counts)[:-1])
        return np.stack([presence_of(text, segments) for text, segments in zip(whole, own, strict=True)])


@dataclass(frozen=True, slots=True)
class Fitted:
    """A layer for the outputs of a task, with the calibration that rows held out ask for."""

    layer: Layer
    temperature: float
    thresholds: tuple[float, ...]
    abstain_below: float

    def shares(self, texts: Texts) -> Numbers:
        """(n, outputs) calibrated."""
        return texts.shares(self.layer, self.temperature)

    def arrays(self, task: Task, heads: Heads) -> dict[str, Floats]:
        """The whole last layer of the head, with the outputs that were fitted in their places."""
        weight, bias = (part.copy() for part in heads.last_layer(task.head))
        weight[list(task.outputs)], bias[list(task.outputs)] = self.layer.weight, self.layer.bias
        return {f"{task.head}.out.weight": weight, f"{task.head}.out.bias": bias}

    def calibrated(self, task: Task, before: Calibration) -> Calibration:
        """The calibration of all heads once this one takes effect."""
        thresholds = list(before.thresholds)
        if task.head == PRESENCE:
            for output, threshold in zip(task.outputs, self.thresholds, strict=True):
                thresholds[output] = threshold
        below = self.abstain_below if task.exclusive else before.abstain_below
        return Calibration({**before.temperature, task.head: self.temperature}, tuple(thresholds), below)


def _told_elsewhere(task: Task, annotator: Annotator) -> str | None:
    """Why no head of ours need be fitted: nobody would see its answers."""
    told = task.head == SENTIMENT and annotator.sentiment_model is not None
    return f"{annotator.sentiment_model} tells it, and cannot be adapted" if told else None


def _try(task: Task, pooled: Sequence[Pooled], heads: Heads, seed: int) -> tuple[TaskReport, Fitted | None]:
    """What came of a task, and its head if that takes effect."""
    texts, present = _texts(task, pooled, heads), _in_force(task, heads)
    rows, before = texts.rows, present.shares(texts)
    after, said_after = _held_out(task, texts, present, seed)
    said_before = _said(rows, before, present.thresholds)
    found = gain(said_before, said_after, rows.targets > 0, rows.known, micro=not task.exclusive, seed=seed)
    taken = found.after - found.before >= LEAST_GAIN and found.certainty >= LEAST_CERTAINTY
    report = TaskReport(
        task.name,
        len(rows),
        taken=taken,
        reason=_reason(found, taken=taken),
        before=round(found.before, 4),
        after=round(found.after, 4),
        certainty=round(found.certainty, 4),
        error_before=round(_error(rows, before), 4),
        error_after=round(_error(rows, after), 4),
    )
    return report, _fit(task, texts, present, seed) if taken else None


def _reason(found: Gain, *, taken: bool) -> str:
    if taken:
        return "better on texts held out"
    if found.after - found.before < LEAST_GAIN:
        return f"not better by {100 * LEAST_GAIN:g} points on texts held out"
    return f"better on texts held out, but that is {100 * found.certainty:.0f} % sure, and {100 * LEAST_CERTAINTY:.0f} % are needed"


def _held_out(task: Task, texts: Texts, present: Fitted, seed: int) -> tuple[Numbers, NDArray[np.bool_]]:
    """Of each row the probabilities, and what is said, by a head that was fitted, tuned and calibrated on the other folds."""
    shares, said = np.zeros(texts.rows.targets.shape), np.zeros(texts.rows.targets.shape, np.bool_)
    for chosen in folds(texts.rows, OUTER_FOLDS, seed):
        fitted = _fit(task, texts.take(~chosen), present, seed + 1)
        shares[chosen] = fitted.shares(texts.take(chosen))
        said[chosen] = _said(texts.rows, shares[chosen], fitted.thresholds)
    return shares, said


def _fit(task: Task, texts: Texts, present: Fitted, seed: int) -> Fitted:
    """The layer and its temperature are fitted on whole texts, thresholds on what is served of them."""
    rows, found = texts.rows, tuned(present.layer, texts.rows, seed)
    raw, targets = found.held_out.astype(np.float32), rows.targets.astype(np.int64)
    if task.exclusive:
        temperature = fit_temperature(raw, targets.argmax(axis=1))
        return Fitted(found.layer, temperature, (), confidence_at_coverage(_unseen(texts, found, temperature), COVERAGE))
    temperature = fit_temperature(raw[rows.known], targets[rows.known])
    if task.head != PRESENCE:
        return Fitted(found.layer, temperature, (HALF,), present.abstain_below)
    shares = _unseen(texts, found, temperature)
    thresholds = tuple(best_threshold(shares[at, column], targets[at, column] > 0) for column, at in enumerate(rows.known.T))
    # One temperature serves all topics, those too that were not fitted: it stays, and the layer is scaled to it.
    scale = present.temperature / temperature
    return Fitted(Layer(found.layer.weight * scale, found.layer.bias * scale), present.temperature, thresholds, present.abstain_below)


def _unseen(texts: Texts, found: Refitted, temperature: float) -> Floats:
    """(n, outputs) probabilities of texts by layers that were not fitted on them."""
    shares = np.zeros(texts.rows.targets.shape, np.float32)
    for chosen, layer in found.folds:
        shares[chosen] = texts.take(chosen).shares(layer, temperature)
    return shares


def _in_force(task: Task, heads: Heads) -> Fitted:
    weight, bias = heads.last_layer(task.head)
    outputs, own = list(task.outputs), heads.calibration
    layer = Layer(weight[outputs].astype(np.float64), bias[outputs].astype(np.float64))
    thresholds = tuple(own.thresholds[output] for output in outputs) if task.head == PRESENCE else (HALF,)
    return Fitted(layer, own.temperature[task.head], thresholds, own.abstain_below)


def _texts(task: Task, pooled: Sequence[Pooled], heads: Heads) -> Texts:
    at = sorted(task.known)
    targets, known = np.zeros((len(at), len(task.outputs))), np.zeros((len(at), len(task.outputs)), np.bool_)
    for place, row in enumerate(at):
        for output, value in task.known[row].items():
            targets[place, output], known[place, output] = value, True
    whole = np.stack([pooled[row].whole for row in at])
    parts = [pooled[row].segments if task.head == PRESENCE else whole[:0] for row in at]
    read, segments = (heads.hidden(task.head, one).astype(np.float64) for one in (whole, np.concatenate(parts)))
    return Texts(Rows(read, targets, known, task.exclusive), segments, np.array([len(part) for part in parts]))


def _said(rows: Rows, shares: Numbers, thresholds: Sequence[float]) -> NDArray[np.bool_]:
    """(n, outputs) what is answered at these probabilities."""
    if rows.exclusive:
        likeliest: NDArray[np.bool_] = np.arange(shares.shape[1]) == shares.argmax(axis=1)[:, np.newaxis]
        return likeliest
    reached: NDArray[np.bool_] = shares >= np.array(thresholds)
    return reached


def _error(rows: Rows, shares: Numbers) -> float:
    """Calibration error of the answers at these probabilities."""
    if rows.exclusive:
        return calibration_error(shares.max(axis=1), shares.argmax(axis=1) == rows.targets.argmax(axis=1))
    sure, right = np.maximum(shares, 1 - shares), (shares >= HALF) == (rows.targets > 0)
    return calibration_error(sure[rows.known], right[rows.known])
