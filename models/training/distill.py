"""Makes a shallower body of a model: some of its layers, taught to answer as the whole did.

    python -m models.training.distill --data DATA_FOLDER --backbone BACKBONE_FOLDER --model MODEL_FOLDER --out RUN_FOLDER --minutes 60

The student keeps the layers KEPT of the model, and its heads. The layers that it has in common with the model from the bottom up stay as
they are, and are computed once for both; those above learn to give the model's token states and vectors, its answers, the untouched
backbone's embeddings and the mix's labels.
Source: Sanh et al., "DistilBERT" (2019), for layers of the teacher as a beginning; Jiao et al., "TinyBERT" (2020), for states as a target.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from models.training.batches import Batch, Encoded, by_length, encode
from models.training.data import topic_ids, unlabelled
from models.training.embedding import confusion, divergence, embed
from models.training.loop import BATCH, MAX_TOKENS, Budget, Loop, arguments_of
from models.training.network import Answers, Network, mean_of_units, network_of_model, new_network
from models.training.pieces import piece
from models.training.train import Teacher, losses

KEPT = (0, 1, 2, 5, 8, 9, 10, 11)
"""Of twelve layers. Leaving one out of the middle changes a text's vector least (cosine .94 to .96 for layers 1 to 7); the answers rest on
the first and the last three (.54 to .81). Without any learning these eight keep .72, with layer 7 instead of 5 .61, with 3 instead .63."""
RATE = 2e-4
PIECES, ROUGHLY = 16, 256  # of a batch's windows; windows that count as of like length
STATES, VECTORS, ANSWERS, MEANING, ALIKE, LABELS = 0.5, 1.0, 1.0, 2.0, 1.0, 0.4  # weights of the losses


def shallower(network: Network, kept: Sequence[int]) -> Network:
    """The network with only these layers of its body: a copy, its heads too. Raises ValueError as `check_by_token` does."""
    check_by_token(network)
    config = network.body.config.__class__(**{**network.body.config.to_dict(), "num_hidden_layers": len(kept)})
    student = Network(config, network.topics)
    student.heads.load_state_dict(network.heads.state_dict())
    student.body.embeddings.load_state_dict(network.body.embeddings.state_dict())
    for own, layer in zip(student.body.encoder.layer, kept, strict=True):
        own.load_state_dict(network.body.encoder.layer[layer].state_dict())
    return student


def check_by_token(network: Network) -> None:
    """Raises ValueError where layers see pairs of tokens: neither their place nor the layer that joins two would be copied."""
    if network.paired_after is not None:
        raise ValueError(f"layers above the first {network.paired_after} see pairs; begin with a model whose layers all see every token")


def in_common(kept: Sequence[int]) -> int:
    """How many layers from the bottom up stay where they were."""
    return next((at for at, layer in enumerate(kept) if at != layer), len(kept))


class Distiller(Loop):
    """A student that learns from the whole network, and from labels; `shared` layers from the bottom up are the network's and stay so."""

    def __init__(
        self,
        data: Path,
        backbone: Path,
        out: Path,
        teacher: Network,
        student: Network,
        *,
        shared: int,
        seed: int,
        rate: float = RATE,
        labels: float = LABELS,
        beside: Sequence[Network] = (),
    ) -> None:
        """`labels` is the weight of their losses. `beside`: networks with the same shared layers; the answers to learn are the mean of
        theirs and the teacher's."""
        self._teacher, self._shared, self._labels = teacher.eval(), shared, labels
        self._beside = [network.eval() for network in beside]
        for part in (student.body.embeddings, *student.body.encoder.layer[:shared]):
            part.requires_grad_(requires_grad=False)
        # Without dropout: what it has to give is known to the last digit.
        super().__init__(data, backbone, out, student.eval(), seed=seed, rate=rate, layer_decay=1.0)
        self._backbone = Teacher(new_network(backbone, self.topics).to(self.device))

    def groups(self, encoded: Sequence[Encoded]) -> list[list[Encoded]]:
        """Windows of like length, those of one set together: texts of one field are hardest to tell apart. Beside them, pieces of some."""
        alike = [window for rough in by_length(encoded, ROUGHLY) for window in sorted(rough, key=_source)]
        whole = BATCH - PIECES
        return [self._with_pieces(alike[at : at + whole]) for at in range(0, len(alike), whole)]

    def _with_pieces(self, group: list[Encoded]) -> list[Encoded]:
        texts = [example.text for window in group for example in window.examples]
        pieces = [unlabelled(piece(self.order.choice(texts), self.order)) for _ in range(PIECES)]
        return group + encode([[example] for example in pieces], self.tokenizer, MAX_TOKENS)

    def states(self, lower: Tensor, mask: Tensor, step: int) -> Tensor:
        """The student's token states (b, l, hidden) of those after the layers that it shares.

        In every second batch it reads the pieces by token, as serving reads names of topics.
        """
        if self.network.paired_after is None or step % 2:
            return self.network.upper(lower, mask, self._shared)
        whole = self.network.upper(lower[:-PIECES], mask[:-PIECES], self._shared)
        longest = int(mask[-PIECES:].sum(1).max())
        names = self.network.upper(lower[-PIECES:, :longest], mask[-PIECES:, :longest], self._shared, by_token=True)
        return torch.cat([whole, functional.pad(names, (0, 0, 0, mask.shape[1] - longest))])

    def losses_of(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Distances from the teacher's states, vectors and answers, from the backbone's embeddings, and the labels' losses."""
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            with torch.no_grad():
                lower = self._teacher.lower(batch.vectors, batch.mask, self._shared)
                wanted = self._teacher.upper(lower, batch.mask, self._shared).float()
                others = [network.upper(lower, batch.mask, self._shared).float() for network in self._beside]
            states = self.states(lower, batch.mask, step).float()
        content = batch.mask.bool()
        target = mean_of_units(wanted, batch.unit, batch.units)
        pooled = mean_of_units(states, batch.unit, batch.units)
        answers = self.network.answers(pooled)
        with torch.no_grad():
            pooled_by_others = [mean_of_units(seen, batch.unit, batch.units) for seen in others]
            right = mean_of_answers(
                [network.answers(seen) for network, seen in zip((self._teacher, *self._beside), (target, *pooled_by_others), strict=True)]
            )
        meant = self._backbone.meaning(batch)
        meaning = embed(self.network.heads["embedding"], pooled)
        return {
            "states": STATES * distance(states[content], wanted[content]),
            "vectors": VECTORS * distance(pooled, target),
            "answers": ANSWERS * disagreement(answers, right),
            "meaning": MEANING * (1 - (meaning * meant).sum(-1).mean()),
            "alike": ALIKE * confusion(meaning, meant),
            **{name: self._labels * loss for name, loss in losses(answers, batch.targets).items()},
        }


def _source(window: Encoded) -> str:
    return window.examples[0].source


def mean_of_answers(answers: Sequence[Answers]) -> Answers:
    """The mean of the logits: what several networks say errs less than each of them.

    Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015).
    """
    return Answers(**{task.name: torch.stack([getattr(one, task.name) for one in answers]).mean(0) for task in fields(Answers)})


def distance(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error (n, d) in shares of the variance of what is wanted: 0 to about 1."""
    return functional.mse_loss(given, wanted) / (wanted - wanted.mean(0)).square().mean().clamp(min=1e-6)


def disagreement(given: Answers, wanted: Answers) -> Tensor:
    """Kullback-Leibler divergence of every task's answers from the teacher's; topics' sentiment counts where they are present."""
    present = torch.sigmoid(wanted.presence)
    polarity = (divergence(given.topic_sentiment, wanted.topic_sentiment) * present).sum(-1)
    several = divergence(given.sentiment, wanted.sentiment) + divergence(given.emotion, wanted.emotion) + polarity
    yes_or_no = _surprise(given.presence, wanted.presence).sum(-1) + _surprise(given.complaint, wanted.complaint)
    return (several + yes_or_no).mean()


def _surprise(given: Tensor, wanted: Tensor) -> Tensor:
    """The same for answers of yes or no."""
    sure = torch.sigmoid(wanted)
    entropy = functional.binary_cross_entropy_with_logits(wanted, sure, reduction="none")
    return functional.binary_cross_entropy_with_logits(given, sure, reduction="none") - entropy


def distill(
    parser: argparse.ArgumentParser,
    student_of: Callable[[Network, argparse.Namespace], tuple[Network, int]],
    *,
    minutes: float,
    labels: float = LABELS,
) -> None:
    """Reads what a run is told and teaches the student that `student_of` makes of the model, with the number of layers they share."""
    parser.add_argument("--model", type=Path, required=True, help="the model to learn from")
    parser.add_argument("--start", type=Path, help="weights of an earlier run to go on from")
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="weights of earlier runs, whose answers are learned, too")
    parser.add_argument("--rate", type=float, default=RATE)
    arguments = arguments_of(parser, minutes=minutes)
    teacher = network_of_model(arguments.backbone, arguments.model, len(topic_ids())).to(arguments.device)
    student, shared = student_of(teacher, arguments)
    if arguments.start:
        student.load_state_dict(load_file(str(arguments.start)))
    beside = [student_of(teacher, arguments)[0].to(arguments.device) for _ in arguments.beside]
    for network, weights in zip(beside, arguments.beside, strict=True):
        network.load_state_dict(load_file(str(weights)))
    distiller = Distiller(
        arguments.data,
        arguments.backbone,
        arguments.out,
        teacher,
        student.to(arguments.device),
        shared=shared,
        seed=arguments.seed,
        rate=arguments.rate,
        labels=labels,
        beside=beside,
    )
    distiller.run(Budget(arguments.steps, arguments.minutes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", default=",".join(map(str, KEPT)), help="layers of the model, comma separated")
    distill(parser, _student_of, minutes=60)


def _student_of(teacher: Network, arguments: argparse.Namespace) -> tuple[Network, int]:
    kept = [int(layer) for layer in arguments.keep.split(",")]
    return shallower(teacher, kept), in_common(kept)


if __name__ == "__main__":
    main()
