"""Fine-tunes the backbone on the mix, all tasks at once.

    python -m models.training.train --data DATA_FOLDER --backbone BACKBONE_FOLDER --out RUN_FOLDER --minutes 55
    (or --steps N; --device cuda for a GPU)

Recipe: AdamW 1e-4, betas 0.9/0.98, weight decay 0.01, 6 % warm-up, linear decay to zero by time or by steps, batches of 32 windows
of like length, at most 96 tokens, bfloat16 autocast, label smoothing 0.05, gradient clip 1; word vectors stay frozen, which keeps
their 4 bits exact.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from models.training.batches import UNKNOWN, Batch, Targets, by_length, collate, encode
from models.training.data import Example, Mix, load, topic_ids
from models.training.network import Answers, Network, emotion_loss, mean_of_units, network_of_model, new_network
from models.training.noise import noisy
from nlp.encode import Tokenizer, WordVectors

RATE, WARM_UP, SMOOTHING, BATCH, MAX_TOKENS = 1e-4, 0.06, 0.05, 64, 64
LAYER_DECAY = 0.95  # each layer learns so much slower than the one above: what lies below is more general
HOLD_EVERY = 4  # steps: the backbone reads along on every fourth batch, which costs a twelfth of the time
POOL = 64  # batches drawn and sorted together
PRESENCE, POLARITY, COMPLAINT, EMOTION, HOLD = 0.25, 0.5, 0.7, 0.3, 0.5  # weights of the losses against sentiment's 1


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: by steps or by minutes."""

    steps: int | None
    minutes: float

    def progress(self, step: int, seconds: float) -> float:
        """0 at the start, 1 when the budget is spent."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)


def rate_at(progress: float) -> float:
    """Learning rate: linear up during the warm-up, linear down to zero after."""
    return RATE * min(progress / WARM_UP, max(0.0, (1 - progress) / (1 - WARM_UP)))


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


def optimiser_of(network: Network) -> torch.optim.AdamW:
    """AdamW; biases and norms do not decay, and a layer's rate is LAYER_DECAY of the one above."""
    layers = network.body.config.num_hidden_layers
    groups: dict[tuple[int, bool], list[Tensor]] = defaultdict(list)
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            groups[_depth(name, layers), weight.ndim > 1].append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": 0.01 if is_matrix else 0.0, "share": LAYER_DECAY**depth}
            for (depth, is_matrix), weights in groups.items()
        ],
        lr=RATE,
        betas=(0.9, 0.98),
        fused=True,
    )


def _depth(name: str, layers: int) -> int:
    """How far below the heads a weight lies: 0 for them, 1 for the last layer, one more for each layer down."""
    if name.startswith("heads."):
        return 0
    layer = re.search(r"layer\.(\d+)\.", name)
    return layers - int(layer.group(1)) if layer else layers + 1


def to_device(batch: Batch, device: str) -> Batch:
    """The batch on another device."""
    targets = Targets(**{field.name: getattr(batch.targets, field.name).to(device) for field in fields(batch.targets)})
    return Batch(batch.vectors.to(device), batch.mask.to(device), batch.unit.to(device), targets)


class Teacher:
    """The untouched backbone: what it makes of a batch, around the mean of what it made of batches so far.

    All vectors of e5 lie in a narrow cone; without its mean they differ by what texts say.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval()
        self.mean: Tensor | None = None

    def distance(self, batch: Batch, embedding: Tensor) -> Tensor:
        """Mean cosine distance of `embedding` (units, hidden) from the backbone's own vectors."""
        with torch.no_grad(), torch.autocast(batch.vectors.device.type, torch.bfloat16):
            states = self.network.states(batch.vectors, batch.mask)
        pooled = functional.normalize(mean_of_units(states, batch.unit, batch.units), dim=-1)
        mean = pooled.mean(0)
        self.mean = mean if self.mean is None else 0.99 * self.mean + 0.01 * mean
        return 1 - functional.cosine_similarity(embedding, pooled - self.mean).mean()


class Trainer:
    """The loop and what it needs; `run` is called once."""

    def __init__(
        self, data: Path, backbone: Path, out: Path, *, seed: int, device: str, start: Path | None = None, max_tokens: int = MAX_TOKENS
    ) -> None:
        """`start`: a model folder to go on from; the backbone otherwise."""
        torch.manual_seed(seed)
        self.topics = len(topic_ids())
        self.tokenizer = Tokenizer((backbone / "tokenizer.model").read_bytes())
        network = network_of_model(backbone, start, self.topics) if start else new_network(backbone, self.topics)
        self.network = network.to(device).train()
        self.teacher = Teacher(new_network(backbone, self.topics).to(device))
        hidden = self.network.body.config.hidden_size
        self.words = WordVectors(backbone / "embeddings.q4", vocabulary=self.tokenizer.size, hidden=hidden)
        self.mix = Mix(load(data, split="train"), seed)
        self.order = random.Random(seed)
        self.optimiser = optimiser_of(self.network)
        self.device, self.out, self.max_tokens = device, out, max_tokens

    def batches(self) -> Iterator[Batch]:
        """Endless batches of windows of like length, in random order."""
        while True:
            windows = [[self._noisy(example) for example in window] for window in self.mix.draw(BATCH * POOL)]
            encoded = encode(windows, self.tokenizer, self.max_tokens)
            groups = by_length(encoded, BATCH)
            self.order.shuffle(groups)
            for group in groups:
                yield collate(group, self.tokenizer, self.words, self.topics)

    def _noisy(self, example: Example) -> Example:
        return replace(example, text=noisy(example.text, self.order))

    def step(self, batch: Batch, rate: float, *, hold: bool = False) -> dict[str, float]:
        """One update; the losses by task. `hold`: keep the embedding near the backbone's."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        batch = to_device(batch, self.device)
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            states = self.network.states(batch.vectors, batch.mask)
        pooled = mean_of_units(states, batch.unit, batch.units)
        parts = losses(self.network.answers(pooled), batch.targets)
        if hold:
            parts["hold"] = HOLD * self.teacher.distance(batch, self.network.heads["embedding"](pooled))
        torch.autograd.backward(list(parts.values()))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return {name: float(value.detach()) for name, value in parts.items()}

    def save(self, name: str) -> None:
        """Writes the weights, whole or not at all."""
        self.out.mkdir(parents=True, exist_ok=True)
        partial = self.out / f"{name}.partial"
        save_file({key: value.contiguous() for key, value in self.network.state_dict().items() if "position_ids" not in key}, str(partial))
        partial.rename(self.out / f"{name}.safetensors")

    def run(self, budget: Budget, *, save_minutes: float = 10) -> None:
        """Trains until the budget is spent, saves every `save_minutes` and at the end."""
        start = saved = time.monotonic()
        running: dict[str, float] = {}
        units = 0
        for step, batch in enumerate(self.batches()):
            seconds = time.monotonic() - start
            progress = budget.progress(step, seconds)
            if progress >= 1:
                break
            units += batch.units
            for name, value in self.step(batch, rate_at(progress), hold=step % HOLD_EVERY == 0).items():
                running[name] = 0.98 * running.get(name, value) + 0.02 * value
            if step % 50 == 0:
                parts = " ".join(f"{name} {value:.3f}" for name, value in running.items())
                print(f"step {step} units {units} {units / max(seconds, 1):.1f}/s progress {progress:.3f} {parts}", flush=True)
            if time.monotonic() - saved > 60 * save_minutes:
                self.save("checkpoint")
                saved = time.monotonic()
        self.save("final")
        print("rows by set:", dict(self.mix.drawn.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a model folder to go on from; the backbone without")
    parser.add_argument("--minutes", type=float, default=55.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    # A flag of the processor for the whole thread: set at the edge, where nobody else computes.
    torch.set_flush_denormal(True)
    trainer = Trainer(
        arguments.data, arguments.backbone, arguments.out, seed=arguments.seed, device=arguments.device, start=arguments.start
    )
    trainer.run(Budget(arguments.steps, arguments.minutes))


if __name__ == "__main__":
    main()
