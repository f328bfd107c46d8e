"""Makes a model folder from a training run: int8 body, tokenizer, 4-bit word vectors, heads, calibration, checksums.

    python -m models.training.export --data DATA_FOLDER --backbone BACKBONE_FOLDER --weights RUN_FOLDER/final.safetensors --out MODEL_FOLDER

The body goes to OpenVINO with static activation ranges (nncf, transformer preset, 300 training texts): dynamic ranges would make an
answer depend on its batch.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from models.training.batches import encode
from models.training.data import Mix, load, topic_ids
from models.training.network import HF_LAYER
from nlp.backend import padded_batches
from nlp.bundle import BODY, EMBEDDINGS, FILES, FORMAT, HEADS, TOKENIZER, sha256_of
from nlp.encode import Tokenizer, WordVectors
from nlp.heads import SENTIMENTS, TASKS
from nlp.torch_backend import Body

NAME, VERSION = "koe-e5-small", "4"
MAX_TOKENS = 128
CALIBRATION_TEXTS = 300


def body_of(backbone: Path, weights: Mapping[str, Tensor]) -> Body:
    """The trained body under our own names, with as many layers as it has weights for: only one token type is used, so it joins the
    positions."""
    shape = json.loads((backbone / "backbone.json").read_text())
    sizes = {name: shape[name] for name in ("hidden", "heads", "positions", "epsilon")}
    layers = sum(name.endswith("attention.self.query.weight") for name in weights)
    paired = weights.get("pairs_after")
    body = Body(inner=shape["intermediate"], layers=layers, paired_after=None if paired is None else int(paired), **sizes)
    renamed = {
        "positions": weights["body.embeddings.position_embeddings.weight"] + weights["body.embeddings.token_type_embeddings.weight"][0],
        "norm.weight": weights["body.embeddings.LayerNorm.weight"],
        "norm.bias": weights["body.embeddings.LayerNorm.bias"],
    }
    for layer in range(layers):
        for ours, theirs in HF_LAYER.items():
            for kind in ("weight", "bias"):
                renamed[f"layers.{layer}.{ours}.{kind}"] = weights[f"body.encoder.layer.{layer}.{theirs}.{kind}"]
    renamed |= {name: value for name, value in weights.items() if name.startswith("pairs.")}
    body.load_state_dict(renamed)
    body.eval()
    return body


def calibration_windows(data: Path, tokenizer: Tokenizer, count: int) -> list[list[int]]:
    """Windows of training texts, as they are served."""
    encoded = encode(Mix(load(data, split="train", limit=2000), seed=7).draw(count), tokenizer, MAX_TOKENS)
    return [[tokenizer.bos, *(piece for ids in window.ids for piece in ids), tokenizer.eos] for window in encoded]


def quantised(body: Body, words: WordVectors, windows: Sequence[Sequence[int]], pad: int) -> ov.Model:
    """The body in OpenVINO with int8 weights and activations."""
    example = (torch.zeros(2, 16, words.hidden), torch.ones(2, 16, dtype=torch.long))
    with torch.no_grad():
        model = ov.convert_model(body, example_input=example, input=[("vectors", [-1, -1, words.hidden]), ("mask", [-1, -1])])
    for port, name in zip(model.inputs, ("vectors", "mask"), strict=True):
        port.get_tensor().set_names({name})
    batches = [(words.rows(batch.ids), batch.mask) for window in windows for batch in padded_batches([window], pad)]
    return nncf.quantize(
        model,
        nncf.Dataset(batches, lambda batch: {"vectors": batch[0], "mask": batch[1]}),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(batches),
    )


def head_arrays(weights: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    """The heads' arrays under the names of nlp.heads."""
    return {f"{task}.{name}": value for task in TASKS for name, value in _of(weights, f"heads.{task}.").items()}


def _of(weights: Mapping[str, Tensor], prefix: str) -> dict[str, NDArray[np.float32]]:
    return {name.removeprefix(prefix): value.float().numpy() for name, value in weights.items() if name.startswith(prefix)}


def _save_heads(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, **arrays)


def write_manifest(folder: Path, *, vocabulary: int, hidden: int, calibration: Mapping[str, object]) -> None:
    """model.json: what the folder holds, and the checksum of every file."""
    taxonomy = json.loads((Path(__file__).parent.parent / "taxonomy.json").read_text(encoding="utf-8"))
    manifest = {
        "format": FORMAT,
        "name": NAME,
        "version": VERSION,
        "taxonomy": taxonomy["version"],
        "max_tokens": MAX_TOKENS,
        "hidden": hidden,
        "vocabulary": vocabulary,
        "labels": {"sentiment": SENTIMENTS, "topics": topic_ids()},
        "calibration": calibration,
        "files": {name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in FILES},
    }
    (folder / "model.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def uncalibrated() -> dict[str, object]:
    """Temperature 1 and threshold 0.5 everywhere, until development rows say better."""
    return {"temperature": dict.fromkeys(TASKS, 1.0), "thresholds": [0.5] * len(topic_ids()), "abstain_below": 0.0}


def export(data: Path, backbone: Path, weights_file: Path, out: Path) -> None:
    """Writes the model folder, uncalibrated."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (TOKENIZER, EMBEDDINGS):
        shutil.copyfile(backbone / name, out / name)
        (out / name).chmod(0o644)
    weights = load_file(str(weights_file))
    tokenizer = Tokenizer((out / TOKENIZER).read_bytes())
    body = body_of(backbone, weights)
    words = WordVectors(out / EMBEDDINGS, vocabulary=tokenizer.size, hidden=body.positions.shape[1])
    windows = calibration_windows(data, tokenizer, CALIBRATION_TEXTS)
    ov.save_model(quantised(body, words, windows, tokenizer.pad), str(out / BODY), compress_to_fp16=False)
    _save_heads(out / HEADS, head_arrays(weights))
    write_manifest(out, vocabulary=tokenizer.size, hidden=words.hidden, calibration=uncalibrated())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    export(arguments.data, arguments.backbone, arguments.weights, arguments.out)


if __name__ == "__main__":
    main()
