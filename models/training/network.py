"""The network in torch: the transformer body on given word vectors, mean pooling over units, and one small head per task."""

# torch may be absent where types are checked: its classes are then unknown.
# mypy: disable-error-code="misc"
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

HEADS = {"sentiment": 3, "complaint": 1}


@dataclass(frozen=True, slots=True)
class Answers:
    """Logits of n pooled vectors: sentiment (n, 3), complaint (n,), presence (n, T), topic_sentiment (n, T, 3)."""

    sentiment: Tensor
    complaint: Tensor
    presence: Tensor
    topic_sentiment: Tensor


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
    """Body and heads; `topics` is the number of topics."""

    def __init__(self, config: BertConfig, topics: int) -> None:
        super().__init__()
        self.body = BertModel(config, add_pooling_layer=False)
        self.topics = topics
        sizes = {**HEADS, "presence": topics, "topic_sentiment": topics * 3}
        self.heads = nn.ModuleDict({name: Head(config.hidden_size, size) for name, size in sizes.items()})

    def states(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Word vectors (b, l, hidden) and mask (b, l) -> token states (b, l, hidden)."""
        states: Tensor = self.body(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
        return states

    def answers(self, pooled: Tensor) -> Answers:
        """Logits of pooled vectors (n, hidden)."""
        return Answers(
            self.heads["sentiment"](pooled),
            self.heads["complaint"](pooled).squeeze(-1),
            self.heads["presence"](pooled),
            self.heads["topic_sentiment"](pooled).unflatten(-1, (self.topics, 3)),
        )


def mean_of_units(states: Tensor, unit: Tensor, count: int) -> Tensor:
    """Mean of the token states of each unit: `unit` (b, l) numbers them, -1 is no content -> (count, hidden) float32."""
    flat, number = states.flatten(0, 1).float(), unit.flatten()
    content = number >= 0
    sums = torch.zeros(count, flat.shape[-1], device=flat.device).index_add(0, number[content], flat[content])
    sizes = torch.bincount(number[content], minlength=count).clamp(min=1)
    return sums / sizes.unsqueeze(-1)


def body_config(backbone: Path) -> BertConfig:
    """The body's shape from backbone.json; word vectors come from outside, so its own vocabulary is empty but for one row."""
    shape = json.loads((backbone / "backbone.json").read_text())
    settings: dict[str, Any] = {
        "vocab_size": 1,
        "pad_token_id": 0,
        "hidden_size": shape["hidden"],
        "num_hidden_layers": shape["layers"],
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
    missing, unexpected = network.body.load_state_dict(load_file(str(backbone / "body.safetensors")), strict=False)
    left = set(missing) - {"embeddings.word_embeddings.weight"}
    if left or unexpected:
        raise ValueError(f"{backbone / 'body.safetensors'}: missing {sorted(left)}, unexpected {sorted(unexpected)}")
    return network


def trained_network(backbone: Path, weights: Path, topics: int) -> Network:
    """A network with the weights that training saved."""
    network = Network(body_config(backbone), topics)
    network.load_state_dict(load_file(str(weights)))
    network.eval()
    return network
