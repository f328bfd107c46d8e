"""Text to token ids, and ids to word vectors: what runs before the transformer, from the bundle's two vocabulary files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

BLOCK = 32  # weights that share one scale
BLOCK_BYTES = 18  # an fp16 scale and 32 nibbles
FEW = 16  # texts whose pieces are looked up one by one


def row_bytes(hidden: int) -> int:
    """Bytes of one word vector of so many dimensions."""
    return hidden // BLOCK * BLOCK_BYTES


class Tokenizer:
    """A SentencePiece Unigram model: text to ids, the same for the same text always.

    Source of the method: Kudo, "Subword Regularization" (2018), without sampling.
    """

    def __init__(self, model: bytes) -> None:
        self._processor = SentencePieceProcessor(model_proto=model)
        self.bos: int = self._processor.bos_id()
        self.eos: int = self._processor.eos_id()
        self.pad: int = self._processor.pad_id()

    @property
    def size(self) -> int:
        """How many pieces there are; every id is below it."""
        size: int = self._processor.get_piece_size()
        return size

    def frequencies(self, ids: Sequence[int]) -> NDArray[np.float64]:
        """How often each piece is met among a hundred languages, by the vocabulary's own model: shares of all pieces."""
        return np.exp(np.array(self._processor.get_score(list(ids)), np.float64))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, without specials; an empty list for a text without anything to read. Never raises on a str."""
        # Lone surrogates have no UTF-8 and a NUL would end a C string: both become the replacement character.
        readable = [text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd") for text in texts]
        # A list goes to a thread that the library starts for it: few texts would mostly wait for that.
        if len(readable) <= FEW:
            return [self._processor.encode(text, out_type=int) for text in readable]
        ids: list[list[int]] = self._processor.encode(readable, out_type=int, num_threads=1)
        return ids


class WordVectors:
    """The word embeddings in 4 bits, mapped from the file: only rows that a text needs are read.

    Layout (Q4_0 of ggml): a row is hidden / 32 blocks of 18 bytes, an fp16 scale and 16 bytes whose low nibbles are the weights
    0-15 and high nibbles the weights 16-31; a weight is (nibble - 8) x scale.
    """

    def __init__(self, path: Path, *, vocabulary: int, hidden: int) -> None:
        self.hidden = hidden
        self._table = np.memmap(path, np.uint8, "r", shape=(vocabulary, hidden // BLOCK, BLOCK_BYTES))

    def rows(self, ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """(...) ids -> (..., hidden) float32."""
        blocks = self._table[ids.reshape(-1)]
        scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
        nibbles = np.concatenate([blocks[..., 2:] & 0x0F, blocks[..., 2:] >> 4], axis=-1)
        values = (nibbles.astype(np.float32) - 8.0) * scales
        return values.reshape(*ids.shape, self.hidden)
