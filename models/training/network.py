"""The network in torch: the transformer body on given word vectors, mean pooling over units, and one small head per task."""

# torch may be absent where types are checked: its classes are then unknown.
# mypy: disable-error-code="misc"
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from nlp.body_weights import read_body
from nlp.bundle import BODY
from nlp.bundle import HEADS as HEADS_FILE
from nlp.torch_backend import Pairs, pairs_of, to_tokens

HEADS = {"sentiment": 3, "complaint": 1, "emotion": 7}
# Our names of a layer's parts -> those of Hugging Face's BertModel.
HF_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "attended_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Logits of n pooled vectors: sentiment (n, 3), complaint (n,), presence (n, T), topic_sentiment (n, T, 3)."""

    sentiment: Tensor
    complaint: Tensor
    presence: Tensor
    topic_sentiment: Tensor
    emotion: Tensor


class Head(nn.Module):
    """LayerNorm, a tanh layer, a linear layer: small enough to be computed in numpy when serving."""

    def __init__(self, hidden: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.dense = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, outputs)
        self.dropout = nn.Dropout(0.1)

    def forward(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.out(self.dropout(torch.tanh(self.dense(self.norm(pooled)))))
        return logits


class Network(nn.Module):
    """Body and heads; `topics` is the number of topics. Layers from `paired_after` on see pairs of tokens; None: none does."""

    def __init__(self, config: BertConfig, topics: int, paired_after: int | None = None) -> None:
        super().__init__()
        self.body = BertModel(config, add_pooling_layer=False)
        self.paired_after, self.pairs = paired_after, None
        if paired_after is not None:
            self.pairs = Pairs(config.hidden_size)
            # Among the weights, so that whoever reads their file knows.
            self.register_buffer("pairs_after", torch.tensor(paired_after))
        self.topics = topics
        sizes = {**HEADS, "presence": topics, "topic_sentiment": topics * 3}
        sizes["embedding"] = config.hidden_size
        self.heads = nn.ModuleDict({name: Head(config.hidden_size, size) for name, size in sizes.items()})

    def states(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Word vectors (b, l, hidden) and mask (b, l) -> token states (b, l, hidden)."""
        return self.upper(self.lower(vectors, mask, 0), mask, 0)

    def lower(self, vectors: Tensor, mask: Tensor, layers: int) -> Tensor:
        """Word vectors to the token states (b, l, hidden) after so many layers, none of which sees pairs."""
        return through(self.body.encoder.layer[:layers], self.body.embeddings(inputs_embeds=vectors), mask)

    def upper(self, states: Tensor, mask: Tensor, layers: int, *, by_token: bool = False) -> Tensor:
        """Token states after so many layers to those after all, (b, l, hidden) both. `by_token`: as `Backend.states` has it."""
        states = through(self.body.encoder.layer[layers : self.paired_after], states, mask)
        if self.pairs is None:
            return states
        return through_pairs(self.body.encoder.layer[self.paired_after :], self.pairs, states, mask, by_token=by_token)

    def answers(self, pooled: Tensor) -> Answers:
        """Logits of pooled vectors (n, hidden)."""
        return Answers(
            self.heads["sentiment"](pooled),
            self.heads["complaint"](pooled).squeeze(-1),
            self.heads["presence"](pooled),
            self.heads["topic_sentiment"](pooled).unflatten(-1, (self.topics, 3)),
            self.heads["emotion"](pooled),
        )


def through(layers: Iterable[nn.Module], states: Tensor, mask: Tensor) -> Tensor:
    """States (b, l, hidden) after these layers; `mask` (b, l) is 0 for padding."""
    hidden = -1e4 * (1 - mask[:, None, None, :].float())
    for layer in layers:
        after = layer(states, attention_mask=hidden)
        states = after[0] if isinstance(after, tuple) else after
    return states


def through_pairs(layers: Iterable[nn.Module], pairs: Pairs, states: Tensor, mask: Tensor, *, by_token: bool = False) -> Tensor:
    """The same by layers that see one state of each two neighbouring tokens, l is even: token states (b, l, hidden) again.

    `by_token`: each token beside its copy is a pair of its own, and l is any number.
    """
    if by_token:
        states, mask = to_tokens(states), mask.repeat_interleave(2, 1)
    paired, there = pairs_of(mask)
    found = through(layers, pairs(states, there), paired)
    return found if by_token else to_tokens(found)


def mean_of_units(states: Tensor, unit: Tensor, count: int) -> Tensor:
    """Mean of the token states of each unit: `unit` (b, l) numbers them, -1 is no content -> (count, hidden) float32."""
    flat, number = states.flatten(0, 1).float(), unit.flatten()
    content = number >= 0
    sums = torch.zeros(count, flat.shape[-1], device=flat.device).index_add(0, number[content], flat[content])
    sizes = torch.bincount(number[content], minlength=count).clamp(min=1)
    return sums / sizes.unsqueeze(-1)


def emotion_loss(logits: Tensor, shares: Tensor, covered: Tensor, weight: Tensor) -> Tensor:
    """Weighted cross-entropy with soft targets (n, 7), over the covered emotions only."""
    log = functional.log_softmax(logits.masked_fill(~covered, -1e4), -1)
    losses = -(shares * log.masked_fill(~covered, 0.0)).sum(-1)
    return (losses * weight).sum() / weight.sum().clamp(min=1e-6)


def body_config(backbone: Path, layers: int | None = None) -> BertConfig:
    """The body's shape from backbone.json, with another number of `layers` where it is shallower; word vectors come from outside, so its
    own vocabulary is empty but for one row."""
    shape = json.loads((backbone / "backbone.json").read_text())
    settings: dict[str, Any] = {
        "vocab_size": 1,
        "pad_token_id": 0,
        "hidden_size": shape["hidden"],
        "num_hidden_layers": layers or shape["layers"],
        "num_attention_heads": shape["heads"],
        "intermediate_size": shape["intermediate"],
        "max_position_embeddings": shape["positions"],
        "type_vocab_size": 2,
        "layer_norm_eps": shape["epsilon"],
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
        # Eager attention trains 1.5 times faster than sdpa in bfloat16 on CPU.
        "attn_implementation": "eager",
    }
    return BertConfig(**settings)


def new_network(backbone: Path, topics: int) -> Network:
    """The pretrained body with fresh heads."""
    network = Network(body_config(backbone), topics)
    _load(network.body, load_file(str(backbone / "body.safetensors")), backbone / "body.safetensors")
    return network


def network_of_model(backbone: Path, model: Path, topics: int) -> Network:
    """A network that goes on where an exported model stands: its int8 body read back to float, and its heads where it has them."""
    body = read_body(model / BODY)
    network = Network(body_config(backbone, body.layers), topics, body.paired_after)
    renamed = {
        "embeddings.position_embeddings.weight": body.arrays["positions"],
        "embeddings.token_type_embeddings.weight": np.zeros((2, network.body.config.hidden_size), np.float32),
        "embeddings.LayerNorm.weight": body.arrays["norm.weight"],
        "embeddings.LayerNorm.bias": body.arrays["norm.bias"],
    }
    for layer in range(body.layers):
        for ours, theirs in HF_LAYER.items():
            for kind in ("weight", "bias"):
                renamed[f"encoder.layer.{layer}.{theirs}.{kind}"] = body.arrays[f"layers.{layer}.{ours}.{kind}"]
    _load(network.body, {name: torch.from_numpy(value) for name, value in renamed.items()}, model / BODY)
    if network.pairs is not None:
        network.pairs.load_state_dict({f"join.{kind}": torch.from_numpy(body.arrays[f"pairs.join.{kind}"]) for kind in ("weight", "bias")})
    with np.load(model / HEADS_FILE) as stored:
        network.heads.load_state_dict(
            {name: torch.from_numpy(stored[name]) for name in stored.files if name.split(".")[0] in network.heads}, strict=False
        )
    return network


def _load(body: BertModel, weights: Mapping[str, Tensor], file: Path) -> None:
    """All of the body's weights but its word vectors. ValueError where some are missing or unknown."""
    missing, unexpected = body.load_state_dict(weights, strict=False)
    left = set(missing) - {"embeddings.word_embeddings.weight"}
    if left or unexpected:
        raise ValueError(f"{file}: missing {sorted(left)}, unexpected {sorted(unexpected)}")
