"""The loop of training: batches of the mix, a rate that rises and falls, weights that are saved whole or not at all."""

# torch may be absent where types are checked: its classes are then unknown.
from __future__ import annotations

import argparse
import random
import re
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.training.batches import Batch, Encoded, Targets, by_length, collate, encode
from models.training.data import Example, Mix, load, topic_ids
from models.training.network import Network
from models.training.noise import noisy
from nlp.encode import Tokenizer, WordVectors

WARM_UP, BATCH, MAX_TOKENS = 0.06, 64, 64
POOL = 64  # batches drawn and sorted together


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to train: by steps or by minutes."""

    steps: int | None
    minutes: float

    def progress(self, step: int, seconds: float) -> float:
        """0 at the start, 1 when the budget is spent."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)


def rate_at(progress: float, peak: float) -> float:
    """Learning rate: linear up to `peak` during the warm-up, linear down to zero after."""
    return peak * min(progress / WARM_UP, max(0.0, (1 - progress) / (1 - WARM_UP)))


def optimiser_of(network: Network, layer_decay: float) -> torch.optim.AdamW:
    """AdamW; biases and norms do not decay, and a layer's rate is `layer_decay` of the one above."""
    layers = network.body.config.num_hidden_layers
    groups: dict[tuple[int, bool], list[Tensor]] = defaultdict(list)
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            groups[_depth(name, layers), weight.ndim > 1].append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "weight_decay": 0.01 if is_matrix else 0.0, "share": layer_decay**depth}
            for (depth, is_matrix), weights in groups.items()
        ],
        lr=0.0,
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


def arguments_of(parser: argparse.ArgumentParser, *, minutes: float) -> argparse.Namespace:
    """Reads what a run is told, whatever else `parser` asks for, and makes torch ready for it."""
    for name in ("--data", "--backbone", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    # A flag of the processor for the whole thread: set at the edge, where nobody else computes.
    torch.set_flush_denormal(True)
    torch.manual_seed(arguments.seed)
    return arguments


class Loop(ABC):
    """Trains one network on the mix; what a batch teaches is said by `losses_of`. `run` is called once."""

    def __init__(self, data: Path, backbone: Path, out: Path, network: Network, *, seed: int, rate: float, layer_decay: float) -> None:
        """`network` lies where it is to be trained, on a CPU or a GPU."""
        self.topics = len(topic_ids())
        self.tokenizer = Tokenizer((backbone / "tokenizer.model").read_bytes())
        self.words = WordVectors(backbone / "embeddings.q4", vocabulary=self.tokenizer.size, hidden=network.body.config.hidden_size)
        self.mix = Mix(load(data, split="train"), seed)
        self.order = random.Random(seed)
        self.network, self.out, self._rate = network, out, rate
        self.optimiser = optimiser_of(network, layer_decay)
        self.device = str(next(network.parameters()).device)

    @abstractmethod
    def losses_of(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """What to lessen, by task."""

    def batches(self) -> Iterator[Batch]:
        """Endless batches of windows of like length, in random order."""
        while True:
            windows = [[self._noisy(example) for example in window] for window in self.mix.draw(BATCH * POOL)]
            groups = self.groups(encode(windows, self.tokenizer, MAX_TOKENS))
            self.order.shuffle(groups)
            for group in groups:
                yield to_device(collate(group, self.tokenizer, self.words, self.topics), self.device)

    def groups(self, encoded: Sequence[Encoded]) -> list[list[Encoded]]:
        """Which windows are learned from together."""
        return by_length(encoded, BATCH)

    def _noisy(self, example: Example) -> Example:
        return replace(example, text=noisy(example.text, self.order))

    def learn(self, batch: Batch, step: int, rate: float) -> dict[str, float]:
        """One update; the losses by task."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        parts = self.losses_of(batch, step)
        torch.autograd.backward(list(parts.values()))
        torch.nn.utils.clip_grad_norm_([weight for weight in self.network.parameters() if weight.requires_grad], 1.0)
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
            for name, value in self.learn(batch, step, rate_at(progress, self._rate)).items():
                running[name] = 0.98 * running.get(name, value) + 0.02 * value
            if step % 50 == 0:
                parts = " ".join(f"{name} {value:.3f}" for name, value in running.items())
                print(f"step {step} units {units} {units / max(seconds, 1):.1f}/s progress {progress:.3f} {parts}", flush=True)
            if time.monotonic() - saved > 60 * save_minutes:
                self.save("checkpoint")
                saved = time.monotonic()
        self.save("final")
        print("rows by set:", dict(self.mix.drawn.most_common()))
