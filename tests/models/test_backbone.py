"""Reading the wheel's 4-bit file, on a tiny file written here in its layout."""

import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests import needs
from tests.models.tiny import HIDDEN, PIECES, tiny_source_file


@pytest.fixture(autouse=True)
def with_torch() -> None:
    needs.torch()


def test_reads_what_the_file_says(tmp_path: Path) -> None:
    from models.training.backbone import read_source

    source = read_source(tiny_source_file(tmp_path))
    assert (source.hidden, source.layers, source.positions, source.bos, source.unk) == (HIDDEN, 1, 128, 0, 3)
    assert source.pieces == PIECES
    assert source.tensors["emb.word"].floats().shape == (len(PIECES) * HIDDEN,)


def test_another_file_is_refused(tmp_path: Path) -> None:
    from models.training.backbone import read_source

    (tmp_path / "other.bin").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ValueError, match=r"begins with b'GGUF', expected b'E5S1'"):
        read_source(tmp_path / "other.bin")


def test_blocks_are_dequantised_low_nibbles_first() -> None:
    from models.training.backbone import dequantise

    block = np.frombuffer(struct.pack("<e", 0.25) + bytes([0x1F] * 16), np.uint8)[None]
    assert dequantise(block)[0].tolist() == [(15 - 8) / 4] * 16 + [(1 - 8) / 4] * 16


def test_pruning_keeps_specials_and_single_characters(tmp_path: Path) -> None:
    from models.training.backbone import pieces_to_keep, read_source

    source = read_source(tiny_source_file(tmp_path))
    words = [index for index, piece in enumerate(PIECES) if len(piece) > 3 and piece[0] == "▁"]
    keep = pieces_to_keep(source, Counter({words[1]: 5}), size=len(PIECES) - len(words))
    kept = {PIECES[index] for index in keep}
    assert {"<s>", "</s>", "<pad>", "<unk>", "a", "▁", PIECES[words[1]]} <= kept
    assert PIECES[words[0]] not in kept
    assert "<mask>" not in kept


def test_the_pruned_tokenizer_reads_what_the_whole_one_reads(tmp_path: Path) -> None:
    from models.training.backbone import read_source, tokenizer_model
    from nlp.encode import Tokenizer

    source = read_source(tiny_source_file(tmp_path))
    whole = Tokenizer(tokenizer_model(source, range(len(PIECES))))
    pruned = Tokenizer(tokenizer_model(source, [index for index, piece in enumerate(PIECES) if piece != "▁parcel"]))
    assert len(pruned.encode(["parcel"])[0]) > len(whole.encode(["parcel"])[0])
    assert 3 not in pruned.encode(["parcel"])[0]
