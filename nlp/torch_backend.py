"""Serving with torch: the bundled body, on a GPU or not, and any sequence-classification checkpoint. Needs the extra `gpu`."""

# torch may be absent where types are checked: its classes are then unknown.
# mypy: disable-error-code="misc"
from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from nlp.backend import SIZES, padded_batches
from nlp.body_weights import BodyWeights, read_body
from nlp.bundle import READABLE, ModelInvalid
from nlp.encode import WordVectors
from nlp.labels import sentiment_matrix

CHECKPOINT = "a sequence-classification checkpoint (config.json, weights, tokenizer) of an architecture that transformers knows"
TOKENIZERS = "tokenizer.json, vocab.txt, or sentencepiece.bpe.model"
ANSWERING = (
    *("config.json", "*.safetensors*", "pytorch_model*"),
    *("tokenizer*", "vocab*", "merges.txt", "*.model", "*.codes", "*.spm", "added_tokens.json", "special_tokens_map.json"),
)
"""Names of the configuration, the weights and the tokenizer's files, of any architecture."""
SHORT = 7  # hex digits, as git has them


class Layer(nn.Module):
    """One layer of BERT (post-norm)."""

    def __init__(self, hidden: int, inner: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.attended = (nn.Linear(hidden, hidden) for _ in range(4))
        self.attended_norm, self.output_norm = (nn.LayerNorm(hidden, epsilon) for _ in range(2))
        self.inner, self.output = nn.Linear(hidden, inner), nn.Linear(inner, hidden)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (part(states).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)
        states = self.attended_norm(states + self.attended(mixed))
        output: Tensor = self.output_norm(states + self.output(functional.gelu(self.inner(states))))
        return output


class Pairs(nn.Module):
    """Makes one state of each two neighbouring tokens.

    Source: Dai et al., "Funnel-Transformer" (2020), who take the mean; here the mean is only where learning begins.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.join = nn.Linear(2 * hidden, hidden)
        with torch.no_grad():
            self.join.weight.copy_(torch.cat([torch.eye(hidden), torch.eye(hidden)], 1) / 2)
            self.join.bias.zero_()

    def forward(self, states: Tensor, there: Tensor) -> Tensor:
        """Token states (b, l, hidden), l even, and 1 in `there` (b, l / 2) where a pair has its second token: (b, l / 2, hidden).

        A last token without a neighbour is its own: what stands behind a window changes nothing in it.
        """
        first, second = torch.unflatten(states, 1, (-1, 2)).unbind(2)
        joined: Tensor = self.join(torch.cat([first, torch.where(there.unsqueeze(-1) > 0, second, first)], -1))
        return joined


def pairs_of(mask: Tensor) -> tuple[Tensor, Tensor]:
    """A mask of tokens (b, l): where pairs are, and where a pair has its second token, (b, l / 2) both."""
    first, second = torch.unflatten(mask, 1, (-1, 2)).unbind(2)
    return first, second


def to_tokens(pairs: Tensor) -> Tensor:
    """States of pairs (b, n, hidden): both tokens of each get its state, (b, 2n, hidden)."""
    return torch.stack([pairs, pairs], 2).flatten(1, 2)


class Body(nn.Module):
    """BERT on given word vectors (b, l, hidden) and a mask (b, l) of 0 and 1: token states (b, l, hidden).

    Layers from `paired_after` on see one state of each two neighbouring tokens (l is even then); None: none does.
    """

    def __init__(
        self, *, hidden: int, layers: int, heads: int, inner: int, positions: int, epsilon: float, paired_after: int | None = None
    ) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(positions, hidden))
        self.norm = nn.LayerNorm(hidden, epsilon)
        self.layers = nn.ModuleList(Layer(hidden, inner, heads, epsilon) for _ in range(layers))
        self.paired_after = layers if paired_after is None else paired_after
        self.pairs = None if paired_after is None else Pairs(hidden)

    def forward(self, vectors: Tensor, mask: Tensor, by_token: bool = False) -> Tensor:  # noqa: FBT001, FBT002
        """`by_token`: layers that see pairs see every token as a pair of its own."""
        states: Tensor = self.norm(vectors + self.positions[: vectors.shape[1]])
        bias = _bias(mask, states)
        for layer in self.layers[: self.paired_after]:
            states = layer(states, bias)
        if self.pairs is None:
            return states
        if by_token:
            # A token beside its copy is a pair of its own.
            states, mask = to_tokens(states), mask.repeat_interleave(2, 1)
        paired, there = pairs_of(mask)
        states, bias = self.pairs(states, there), _bias(paired, states)
        for layer in self.layers[self.paired_after :]:
            states = layer(states, bias)
        return states if by_token else to_tokens(states)


def _bias(mask: Tensor, states: Tensor) -> Tensor:
    """(b, 1, 1, l): far below zero where attention must not look."""
    return (1.0 - mask[:, None, None, :].to(states.dtype)) * -1e4


class TorchBackend:
    """The bundled body in float32: its int8 weights dequantised, its activations not rounded."""

    def __init__(self, body: Path, words: WordVectors, *, pad: int, device: str) -> None:
        self._body = body_from(read_body(body)).to(device).eval()
        self._words, self._pad, self._device = words, pad, device

    @property
    def name(self) -> str:
        """Which engine."""
        return f"torch-{self._device}"

    def states(self, windows: Sequence[Sequence[int]], *, by_token: bool = False) -> list[NDArray[np.float32]]:
        """Token states (len(window), hidden) of each window, in order."""
        found: dict[int, NDArray[np.float32]] = {}
        for batch in padded_batches(windows, self._pad):
            ids, mask = (torch.from_numpy(_filled(part)) for part in (batch.ids, batch.mask))
            with torch.inference_mode():
                vectors = torch.from_numpy(self._words.rows(ids.numpy()))
                states = self._body(vectors.to(self._device), mask.to(self._device), by_token).cpu().numpy()
            found.update(zip(batch.rows, states, strict=False))
        return [found[row][: len(window)] for row, window in enumerate(windows)]


def _filled(part: NDArray[np.int64]) -> NDArray[np.int64]:
    """As many rows as the largest batch has: a product of another shape may take another kernel, which rounds otherwise."""
    return np.pad(part, ((0, SIZES[0] - len(part)), (0, 0)))


def body_from(weights: BodyWeights) -> Body:
    """A torch body with the weights of a bundle."""
    body = Body(
        hidden=weights.hidden,
        layers=weights.layers,
        heads=weights.heads,
        inner=weights.inner,
        positions=weights.positions,
        epsilon=weights.epsilon,
        paired_after=weights.paired_after,
    )
    body.load_state_dict({name: torch.from_numpy(value) for name, value in weights.arrays.items()})
    return body


class SentimentCheckpoint:
    """A sequence-classification checkpoint of transformers whose labels read as negative, neutral, positive."""

    def __init__(self, name: str, tokenizer: PreTrainedTokenizerBase, model: Any, device: str) -> None:
        """`model` is a PreTrainedModel; what its configuration holds is known only when it is open."""
        self.name = name
        self._tokenizer, self._model, self._device = tokenizer, model.to(device).eval(), device
        config = model.config
        labels = [str(config.id2label[index]) for index in range(config.num_labels)]
        self._sums = torch.from_numpy(sentiment_matrix(name, labels)).to(device)
        # A tokenizer may give more than a model takes: DistilBERT knows no token types.
        self._takes = frozenset(inspect.signature(model.forward).parameters)
        # RoBERTa counts its positions from 2; a model without position vectors says nothing, or less than 1.
        positions = getattr(config, "max_position_embeddings", 0)
        self._max_tokens = min(512, tokenizer.model_max_length, positions - 2 if positions > 2 else 512)

    def scores(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, 3) probabilities of negative, neutral, positive; a text is cut at the checkpoint's length."""
        rows = [self._score(text.encode("utf-8", "replace").decode("utf-8")) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, 3), np.float32)

    def _score(self, text: str) -> NDArray[np.float32]:
        # One text at a time: padding to a neighbour's length would round differently, and the answer must not depend on neighbours.
        encoded = self._tokenizer(text, truncation=True, max_length=self._max_tokens, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._model(**{name: value for name, value in encoded.items() if name in self._takes}).logits
            shares = logits.float().softmax(-1) @ self._sums
        row: NDArray[np.float32] = shares[0].cpu().numpy()
        return row


def load_checkpoint(place: str | Path, device: str, *, name: str | None = None, download: bool = True) -> SentimentCheckpoint:
    """Opens a folder, or a hub id (downloaded once where `download` allows it); errors call it `name`.

    ModelInvalid when there is no such checkpoint, it is no sequence classification, a file is cut, or its labels are no sentiments.
    """
    name = name or str(place)
    config = _config_of(place, name, download=download)
    labels = [str(config.id2label.get(index, "")) for index in range(config.num_labels)]
    sentiment_matrix(name, labels)  # before hundreds of megabytes are read
    tokenizer, weights = _tokenizer_of(place, name, download=download), _weights_of(place, name, config, download)
    return SentimentCheckpoint(_version_of(place, name), tokenizer, weights, device)


def _version_of(place: str | Path, name: str) -> str:
    """The name that annotations bear: `my-checkpoint@1a2b3c4`, the end of it from what is in the folder, or the commit of the hub. What was
    trained again under the old name is another model, and a folder is one model by whichever path."""
    try:
        if isinstance(place, Path):
            return f"{place.resolve().name}@{_digest(place)[:SHORT]}"
        opened = cached_file(place, "config.json", local_files_only=True)
        return f"{place}@{Path(str(opened)).parent.name[:SHORT]}"  # a folder for each commit
    except OSError as error:
        raise ModelInvalid(f"{name}: {error.filename or 'config.json'} cannot be read ({_brief(error)}): {READABLE}") from error


def _digest(folder: Path) -> str:
    """SHA-256 of the files that make answers, by their names: not of what training keeps beside them."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in ANSWERING for path in folder.glob(pattern) if path.is_file()}):
        with path.open("rb") as file:
            total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()} {path.name}\n".encode())
    return total.hexdigest()


def _config_of(place: str | Path, name: str, *, download: bool) -> Any:
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=not download)
    except OSError as error:
        if isinstance(place, Path):
            raise ModelInvalid(f"{name}: config.json cannot be read ({_brief(error)}); expected {CHECKPOINT}") from error
        raise ModelInvalid(
            f"{name}: there is no such folder, and the hub did not give a model of this name ({_brief(error)}); expected {CHECKPOINT}. "
            "Where the hub cannot be reached, copy the checkpoint here and set KOE_MODEL to its folder"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelInvalid(
            f"{name}: unknown architecture, or config.json is missing or broken ({_brief(error)}); expected {CHECKPOINT}"
        ) from error
    kinds = [str(kind) for kind in config.architectures or ()]
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
        raise ModelInvalid(f"{name} is no sequence classification but {', '.join(kinds) or 'nothing named'}; expected {CHECKPOINT}")
    return config


def _tokenizer_of(place: str | Path, name: str, *, download: bool) -> PreTrainedTokenizerBase:
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, local_files_only=not download)
    except Exception as error:  # each of the formats fails in its own way
        raise ModelInvalid(f"{name}: its tokenizer cannot be opened ({_brief(error)}); expected {TOKENIZERS}") from error
    # Where its files are missing, transformers makes one that knows the special tokens alone.
    if len(tokenizer.get_vocab()) <= len(tokenizer.all_special_tokens):
        raise ModelInvalid(f"{name}: its tokenizer is missing; expected {TOKENIZERS}")
    return tokenizer


def _weights_of(place: str | Path, name: str, config: Any, download: bool) -> Any:  # noqa: FBT001
    try:
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            place, config=config, trust_remote_code=False, local_files_only=not download, output_loading_info=True
        )
    except Exception as error:  # safetensors, pickle and torch fail each in their own way; the reason is in the message
        raise ModelInvalid(
            f"{name}: its weights cannot be read ({_brief(error)}): the file is missing, was cut, or does not fit config.json "
            f"({config.num_labels} labels); copy or download it again"
        ) from error
    if missing := sorted(loaded["missing_keys"]):
        # transformers would go on with random numbers in their place.
        raise ModelInvalid(f"{name}: its weights lack {', '.join(missing[:5])}: it was not trained to classify; expected {CHECKPOINT}")
    return model


def _brief(error: Exception) -> str:
    """The reason without the pages of advice that libraries add."""
    return " ".join(str(error).split())[:300] or type(error).__name__
