"""A tiny backbone in the layout of the wheel's file: one layer or a few, 64 wide, with letters and a few words."""

import string
import struct
from pathlib import Path

import numpy as np

HIDDEN, INNER, POSITIONS = 64, 64, 128
WORDS = ["▁the", "▁parcel", "▁good", "▁bad", "▁late"]
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *string.ascii_lowercase, *string.ascii_uppercase, *".,!?'", *WORDS, "<mask>"]


def tiny_source_file(folder: Path, layers: int = 1) -> Path:
    """Writes the file and returns its path."""
    random = np.random.default_rng(4)
    text = "".join(PIECES).encode()
    offsets = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)], dtype=np.uint32)
    scores = np.array([-10.0 - 2 * (len(piece) < 3) for piece in PIECES], np.float32)
    head = (
        b"E5S1"
        + struct.pack("<I7i", 1, HIDDEN, layers, 2, INNER, len(PIECES), POSITIONS, 2)
        + struct.pack("<f6i", 1e-12, 32, len(PIECES), 0, 2, 1, 3)
    )
    head += struct.pack("<Q", len(text)) + offsets.tobytes() + scores.tobytes() + text + struct.pack("<iI", 0, 0)
    tensors = _tensors(random, layers)
    table = struct.pack("<i", len(tensors))
    at = len(head) + len(table) + sum(2 + len(name) + 21 for name in tensors)
    for name, (kind, count, raw) in tensors.items():
        table += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, count, at, len(raw))
        at += len(raw)
    path = folder / "tiny-q4.bin"
    path.write_bytes(head + table + b"".join(raw for _, _, raw in tensors.values()))
    return path


def _tensors(random: np.random.Generator, layers: int) -> dict[str, tuple[int, int, bytes]]:
    tensors = {
        "emb.word": _blocks(random, len(PIECES) * HIDDEN),
        "emb.pos": _floats(random, POSITIONS * HIDDEN),
        "emb.type": _floats(random, 2 * HIDDEN),
    }
    tensors |= {"emb.ln.w": _near_one(random), "emb.ln.b": _floats(random, HIDDEN)}
    for layer in range(layers):
        for name, size in {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": INNER, "fo": INNER}.items():
            tensors |= {f"l{layer}.{name}.w": _blocks(random, HIDDEN * size), f"l{layer}.{name}.b": _floats(random, HIDDEN)}
        tensors |= {f"l{layer}.{name}.{letter}": _near_one(random) for name in ("aln", "oln") for letter in "wb"}
    return tensors


def _blocks(random: np.random.Generator, count: int) -> tuple[int, int, bytes]:
    blocks = random.integers(0, 256, (count // 32, 18), np.uint8)
    blocks[:, :2] = np.array([0.02], np.float16).view(np.uint8)
    return 1, count, blocks.tobytes()


def _floats(random: np.random.Generator, count: int) -> tuple[int, int, bytes]:
    return 0, count, random.normal(scale=0.1, size=count).astype(np.float32).tobytes()


def _near_one(random: np.random.Generator) -> tuple[int, int, bytes]:
    """Not one: converters leave a product with ones out."""
    return 0, HIDDEN, random.normal(1, 0.1, HIDDEN).astype(np.float32).tobytes()
