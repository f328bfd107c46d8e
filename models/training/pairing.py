"""Makes the upper layers of a model's body see one state of each two neighbouring tokens, taught to answer as the whole did.

    python -m models.training.pairing --data DATA_FOLDER --backbone BACKBONE_FOLDER --model MODEL_FOLDER --out RUN_FOLDER --minutes 80

The layers below stay as they are, and are computed once for the student and the model; those above, which begin as the model's, and the
layer that makes one state of two learn the model's token states and vectors, its answers and the mix's labels.
Source: Dai et al., "Funnel-Transformer: Filtering out Sequential Redundancy for Efficient Language Processing" (2020).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.training.batches import Batch
from models.training.data import topic_ids
from models.training.distill import ANSWERS, STATES, VECTORS, disagreement, distance
from models.training.loop import Budget, Loop, arguments_of
from models.training.network import Network, mean_of_units, network_of_model, through
from models.training.train import losses

AFTER = 4
"""Layers that see every token. Without any learning, pairs after 2, 3, 4, 5, 6 layers give the same label for 71, 72, 78, 81, 81 % of
texts; what is computed by token is then 58, 62, 67, 71, 75 % of what it was."""
RATE, LABELS = 2e-4, 0.5


def paired(network: Network, after: int) -> Network:
    """The network with pairs of tokens above so many layers, each the mean of its two at first: a copy, its heads too."""
    student = Network(network.body.config, network.topics, after)
    student.load_state_dict(network.state_dict(), strict=False)
    return student


class Pairing(Loop):
    """A student with pairs that learns from the whole network, and from labels."""

    def __init__(self, data: Path, backbone: Path, out: Path, teacher: Network, student: Network, *, seed: int, rate: float = RATE) -> None:
        """Where the student has other lower layers than the teacher, it learns nothing of use: both read what the teacher's give."""
        self._teacher, self._after = teacher.eval(), student.paired_after
        for part in (student.body.embeddings, *student.body.encoder.layer[: self._after]):
            part.requires_grad_(requires_grad=False)
        # Without dropout: what it has to give is known to the last digit.
        super().__init__(data, backbone, out, student.eval(), seed=seed, rate=rate, layer_decay=1.0)

    def losses_of(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Distances from the teacher's states, vectors and answers, and the labels' losses."""
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            with torch.no_grad():
                lower = self.network.lower(batch.vectors, batch.mask)
                wanted = through(self._teacher.body.encoder.layer[self._after :], lower, batch.mask).float()
            states = self.network.upper(lower, batch.mask).float()
        content = batch.mask.bool()
        target = mean_of_units(wanted, batch.unit, batch.units)
        pooled = mean_of_units(states, batch.unit, batch.units)
        answers = self.network.answers(pooled)
        with torch.no_grad():
            right = self._teacher.answers(target)
        return {
            "states": STATES * distance(states[content], wanted[content]),
            "vectors": VECTORS * distance(pooled, target),
            "answers": ANSWERS * disagreement(answers, right),
            **{name: LABELS * loss for name, loss in losses(answers, batch.targets).items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the model to make faster")
    parser.add_argument("--after", type=int, default=AFTER, help="layers that go on seeing every token")
    parser.add_argument("--start", type=Path, help="weights of an earlier run to go on from")
    parser.add_argument("--rate", type=float, default=RATE)
    arguments = arguments_of(parser, minutes=80)
    teacher = network_of_model(arguments.backbone, arguments.model, len(topic_ids())).to(arguments.device)
    student = paired(teacher, arguments.after)
    if arguments.start:
        student.load_state_dict(load_file(str(arguments.start)))
    pairing = Pairing(
        arguments.data,
        arguments.backbone,
        arguments.out,
        teacher,
        student.to(arguments.device),
        seed=arguments.seed,
        rate=arguments.rate,
    )
    pairing.run(Budget(arguments.steps, arguments.minutes))


if __name__ == "__main__":
    main()
