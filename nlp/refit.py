"""Fits the last layer of a head again on few rows: logistic regression on its hidden layer, pulled towards the weights it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Numbers = NDArray[np.float64]
PULLS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
"""Weights of the distance to the shipped layer that are tried, the strongest first: at 10 little more than the biases moves."""
BIAS_PULL = 0.01
"""How often each answer is right differs from place to place, and few rows tell: biases are hardly held."""
INNER_FOLDS, OUTER_FOLDS = 3, 5


@dataclass(frozen=True, slots=True)
class Layer:
    """`weight` (outputs, hidden), `bias` (outputs,)."""

    weight: Numbers
    bias: Numbers

    def logits(self, hidden: Numbers) -> Numbers:
        answer: Numbers = hidden @ self.weight.T + self.bias
        return answer


@dataclass(frozen=True, slots=True)
class Rows:
    """What a layer is fitted on: `hidden` (n, hidden), `targets` (n, outputs) zeros and ones, `known` (n, outputs) where a target counts.

    `exclusive`: one output of a row is right (softmax); otherwise each is a question of its own.
    """

    hidden: Numbers
    targets: Numbers
    known: NDArray[np.bool_]
    exclusive: bool

    def __len__(self) -> int:
        return len(self.hidden)

    def take(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(self.hidden[chosen], self.targets[chosen], self.known[chosen], self.exclusive)

    def probabilities(self, logits: Numbers) -> Numbers:
        """(n, outputs) of logits (n, outputs)."""
        if not self.exclusive:
            halves: Numbers = (1 + np.tanh(logits / 2)) / 2
            return halves
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Numbers = raised / raised.sum(axis=1, keepdims=True)
        return shares

    def surprise(self, logits: Numbers) -> float:
        """Negative log-likelihood of the targets: the mean over rows, added up over questions."""
        shares = self.probabilities(logits)
        right = self.targets * np.log(shares + 1e-12)
        wrong = 0.0 if self.exclusive else (1 - self.targets) * np.log(1 - shares + 1e-12)
        return float(-((right + wrong) * self.known / self.counts()).sum())

    def counts(self) -> Numbers:
        """(outputs,) rows that answer each question, at least 1."""
        counts: Numbers = np.maximum(self.known.sum(axis=0), 1).astype(np.float64)
        return counts


@dataclass(frozen=True, slots=True)
class Refitted:
    """A layer, and what layers like it say of rows that they were not fitted on: `held_out` (n, outputs) logits. `folds` are these layers,
    each with the rows that it was not fitted on."""

    layer: Layer
    pull: float
    held_out: Numbers
    folds: tuple[tuple[NDArray[np.bool_], Layer], ...]


def refit(shipped: Layer, rows: Rows, pull: float, start: Layer | None = None) -> Layer:
    """The layer with the least surprise + pull / 2 |weight - shipped|^2 + BIAS_PULL / 2 |bias - shipped|^2, by L-BFGS from `start`."""
    base, shape = shipped.logits(rows.hidden), shipped.weight.shape
    counts = rows.counts()

    def objective(moved: Numbers) -> tuple[float, Numbers]:
        weight, bias = moved[: -shape[0]].reshape(shape), moved[-shape[0] :]
        logits = base + rows.hidden @ weight.T + bias
        slope = (rows.probabilities(logits) - rows.targets) * rows.known / counts
        loss = rows.surprise(logits) + pull / 2 * float((weight**2).sum()) + BIAS_PULL / 2 * float((bias**2).sum())
        gradient = np.concatenate([(slope.T @ rows.hidden + pull * weight).ravel(), slope.sum(axis=0) + BIAS_PULL * bias])
        return loss, gradient

    begin = start or shipped
    first = np.concatenate([(begin.weight - shipped.weight).ravel(), begin.bias - shipped.bias])
    moved = minimize(objective, first, jac=True, method="L-BFGS-B", options={"maxiter": 100, "ftol": 1e-6}).x
    return Layer(shipped.weight + moved[: -shape[0]].reshape(shape), shipped.bias + moved[-shape[0] :])


def tuned(shipped: Layer, rows: Rows, seed: int) -> Refitted:
    """The refitted layer whose pull surprises least on rows held out, and what was said of those."""
    held_out = np.zeros((len(PULLS), *rows.targets.shape))
    tried: list[tuple[NDArray[np.bool_], list[Layer]]] = []
    for chosen in folds(rows, INNER_FOLDS, seed):
        layers = [shipped]
        for at, pull in enumerate(PULLS):
            layers.append(refit(shipped, rows.take(~chosen), pull, layers[-1]))
            held_out[at, chosen] = layers[-1].logits(rows.hidden[chosen])
        tried.append((chosen, layers[1:]))
    best = int(np.argmin([rows.surprise(logits) for logits in held_out]))
    kept = tuple((chosen, layers[best]) for chosen, layers in tried)
    return Refitted(refit(shipped, rows, PULLS[best]), PULLS[best], held_out[best], kept)


def folds(rows: Rows, count: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """`count` times, which rows are held out: each row once, and the answers spread evenly over the folds."""
    drawn = np.random.default_rng(seed).permutation(len(rows))
    order = drawn[np.lexsort(_rarest_first(rows.targets[drawn]))]
    fold = np.empty(len(rows), np.int64)
    fold[order] = np.arange(len(rows)) % count
    for number in range(count):
        yield fold == number


def _rarest_first(targets: Numbers) -> Sequence[Numbers]:
    """Keys that sort rows of like answers beside each other."""
    return [targets[:, column] for column in np.argsort(-targets.sum(axis=0))]
