"""Averages a run's weights with those it started from, a model's or another run's: a middle that keeps more of both than either end.

    python -m models.training.average --backbone BACKBONE --start MODEL_FOLDER --weights RUN/final.safetensors --out OUT
    python -m models.training.average --backbone BACKBONE --start EARLIER/final.safetensors --weights RUN/final.safetensors --out OUT

Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from models.training.data import topic_ids
from models.training.network import network_of_model

SHARE = 0.7  # of the run's weights; chosen on development rows among 0, 0.5, 0.7 and 1
FRESH = ("heads.emotion.", "heads.embedding.")  # of these a model at the start may have none


def averaged(start: Mapping[str, Tensor], weights: Mapping[str, Tensor], share: float, fresh: tuple[str, ...] = FRESH) -> dict[str, Tensor]:
    """`share` of `weights` and the rest of `start`; heads that began anew in the run (`fresh`) stay as they came out of it, and so does
    what is no weight."""
    return {
        name: weight
        if name.startswith(fresh) or not weight.is_floating_point()
        else (share * weight + (1 - share) * start[name]).contiguous()
        for name, weight in weights.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="a model folder, or the weights of an earlier run of the same shape")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--share", type=float, default=SHARE)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    weights = load_file(str(arguments.weights))
    if arguments.start.is_file():
        mean = averaged(load_file(str(arguments.start)), weights, arguments.share, fresh=())
    else:
        mean = averaged(network_of_model(arguments.backbone, arguments.start, len(topic_ids())).state_dict(), weights, arguments.share)
    save_file(mean, str(arguments.out))


if __name__ == "__main__":
    main()
