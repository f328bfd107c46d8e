"""Fine-tunes the backbone on the mix, all tasks at once.

    python -m models.training.train --data DATA_FOLDER --backbone BACKBONE_FOLDER --out RUN_FOLDER --minutes 55
    (or --steps N; --device cuda for a GPU)

Recipe: AdamW 1e-4, betas 0.9/0.98, weight decay 0.01, 6 % warm-up, linear decay to zero by time or by steps, batches of 32 windows
of like length, at most 96 tokens, bfloat16 autocast, label smoothing 0.05, gradient clip 1; word vectors stay frozen, which keeps
their 4 bits exact.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from models.training.batches import UNKNOWN, Batch, Targets
from models.training.data import topic_ids
from models.training.loop import Budget, Loop, arguments_of
from models.training.network import Answers, Network, emotion_loss, mean_of_units, network_of_model, new_network

RATE, SMOOTHING = 1e-4, 0.05
LAYER_DECAY = 0.95  # each layer learns so much slower than the one above: what lies below is more general
HOLD_EVERY = 4  # steps: the backbone reads along on every fourth batch, which costs a twelfth of the time
PRESENCE, POLARITY, COMPLAINT, EMOTION, HOLD = 0.25, 0.5, 0.7, 0.3, 0.5  # weights of the losses against sentiment's 1


def losses(answers: Answers, targets: Targets) -> dict[str, Tensor]:
    """One loss per task over the labelled units of a batch."""
    count = max(1, len(targets.sentiment))
    binary = functional.binary_cross_entropy_with_logits
    presence = binary(answers.presence, targets.presence, targets.presence_weight, reduction="sum")
    complaint = binary(answers.complaint, targets.complaint, targets.complaint_weight, reduction="sum")
    polarity = _cross_entropy(answers.topic_sentiment.flatten(0, 1), targets.topic_sentiment.flatten())
    return {
        "sentiment": _sentiment_loss(answers.sentiment, targets),
        "presence": PRESENCE * presence / count,
        "complaint": COMPLAINT * complaint / targets.complaint_weight.gt(0).sum().clamp(min=1),
        "polarity": POLARITY * polarity,
        "emotion": EMOTION * emotion_loss(answers.emotion, targets.emotion, targets.emotion_covered, targets.emotion_weight),
    }


def _sentiment_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Cross-entropy; rows of sets without a neutral class compare only negative with positive."""
    hidden = torch.zeros_like(logits)
    hidden[targets.binary, 1] = -1e4
    labels = targets.sentiment
    known = labels != UNKNOWN
    if not known.any():
        return logits.sum() * 0
    log = functional.log_softmax(logits + hidden, -1)[known]
    hit = log.gather(1, labels[known].unsqueeze(1)).squeeze(1)
    classes = torch.where(targets.binary[known], 2.0, 3.0)
    spread = torch.where(hidden[known] < 0, 0.0, log).sum(-1) / classes
    surprise = -((1 - SMOOTHING) * hit + SMOOTHING * spread)
    return (surprise * targets.sentiment_weight[known]).sum() / known.sum()


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    if (labels == UNKNOWN).all():
        return logits.sum() * 0
    return functional.cross_entropy(logits, labels, ignore_index=UNKNOWN, label_smoothing=SMOOTHING)


class Teacher:
    """The untouched backbone: what it makes of a batch, around the mean of what it made of batches so far.

    All vectors of e5 lie in a narrow cone; without its mean they differ by what texts say.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval()
        self.mean: Tensor | None = None

    def meaning(self, batch: Batch) -> Tensor:
        """The backbone's own vectors (units, hidden) around their mean, of length one."""
        with torch.no_grad(), torch.autocast(batch.vectors.device.type, torch.bfloat16):
            states = self.network.states(batch.vectors, batch.mask)
        pooled = functional.normalize(mean_of_units(states, batch.unit, batch.units), dim=-1)
        mean = pooled.mean(0)
        self.mean = mean if self.mean is None else 0.99 * self.mean + 0.01 * mean
        return functional.normalize(pooled - self.mean, dim=-1)

    def distance(self, batch: Batch, embedding: Tensor) -> Tensor:
        """Mean cosine distance of `embedding` (units, hidden) from them."""
        return 1 - functional.cosine_similarity(embedding, self.meaning(batch)).mean()


class Trainer(Loop):
    """All tasks at once, from labels; every so often held near the backbone."""

    def __init__(self, data: Path, backbone: Path, out: Path, network: Network, *, seed: int) -> None:
        super().__init__(data, backbone, out, network.train(), seed=seed, rate=RATE, layer_decay=LAYER_DECAY)
        self.teacher = Teacher(new_network(backbone, self.topics).to(self.device))

    def losses_of(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """The labels' losses, and the distance from the backbone on every fourth batch."""
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            states = self.network.states(batch.vectors, batch.mask)
        pooled = mean_of_units(states, batch.unit, batch.units)
        parts = losses(self.network.answers(pooled), batch.targets)
        if step % HOLD_EVERY == 0:
            parts["hold"] = HOLD * self.teacher.distance(batch, self.network.heads["embedding"](pooled))
        return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", type=Path, help="a model folder to go on from; the backbone without")
    arguments = arguments_of(parser, minutes=55)
    topics = len(topic_ids())
    network = network_of_model(arguments.backbone, arguments.start, topics) if arguments.start else new_network(arguments.backbone, topics)
    trainer = Trainer(arguments.data, arguments.backbone, arguments.out, network.to(arguments.device), seed=arguments.seed)
    trainer.run(Budget(arguments.steps, arguments.minutes))


if __name__ == "__main__":
    main()
