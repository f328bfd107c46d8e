"""The peers of classify_throughput: transformers.pipeline in torch float32 with a checkpoint, our weights, or a larger model."""

# torch and transformers may be absent where types are checked: their classes are then unknown.
# mypy: disable-error-code="misc,import-not-found,attr-defined,no-untyped-call"
from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    BertConfig,
    BertModel,
    BertPreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    pipeline,
)
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import logging

from models.training.network import HF_LAYER, through, through_pairs
from nlp.body_weights import BodyWeights, read_body
from nlp.bundle import BODY, BUNDLED, HEADS, TOKENIZER, Bundle, load_bundle
from nlp.torch_backend import Pairs
from store.records import SENTIMENTS

BATCH = 32
PARTS = ("weight", "bias")


class MeanPooledBert(BertPreTrainedModel):
    """A Bert whose sentiment is read from the mean of its token states, as ours is; its upper layers see pairs of tokens where ours do."""

    def __init__(self, config: BertConfig, paired_after: int | None = None) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        self.bert = BertModel(config, add_pooling_layer=False)
        self.pairs = None if paired_after is None else Pairs(hidden)
        self.paired_after = paired_after
        self.classifier = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, len(SENTIMENTS)))
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        if self.pairs is None:
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        else:
            input_ids, attention_mask = (functional.pad(part, (0, part.shape[1] % 2)) for part in (input_ids, attention_mask))
            layers = self.bert.encoder.layer
            states = through(layers[: self.paired_after], self.bert.embeddings(input_ids), attention_mask)
            states = through_pairs(layers[self.paired_after :], self.pairs, states, attention_mask)
        content = attention_mask.clone()
        content.scatter_(1, attention_mask.sum(dim=1, keepdim=True) - 1, 0)[:, 0] = 0  # eos and bos are no content
        pooled = (states * content.unsqueeze(-1)).sum(dim=1) / content.sum(dim=1, keepdim=True).clamp(min=1)
        return SequenceClassifierOutput(logits=self.classifier(pooled))


def open_pipeline(checkpoint: str | None, threads: int, *, pairs: bool = True) -> Callable[[Sequence[str]], list[str]]:
    """Texts to the names of their sentiments; without `pairs` by a model that sends every token through every layer, whose answers mean
    nothing."""
    _set_up(threads)
    if checkpoint:
        return _classify(pipeline("text-classification", checkpoint, device="cpu", dtype=torch.float32, batch_size=BATCH))
    bundle = load_bundle(BUNDLED)
    model, tokenizer = bundled_model(bundle, pairs=pairs), bundled_tokenizer(bundle)
    model.eval()
    return _classify(pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", batch_size=BATCH))


def open_large(threads: int) -> Callable[[Sequence[str]], list[str]]:
    """The same with a model of the size of XLM-R base and random weights; its pieces are ours, which are a part of XLM-R's."""
    _set_up(threads)
    config = XLMRobertaConfig(
        vocab_size=250_002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, id2label={index: str(sentiment) for index, sentiment in enumerate(SENTIMENTS)},
    )  # fmt: skip
    model = XLMRobertaForSequenceClassification(config)
    model.eval()
    tokenizer = bundled_tokenizer(load_bundle(BUNDLED))
    return _classify(pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", batch_size=BATCH))


def _set_up(threads: int) -> None:
    torch.set_num_threads(threads)
    logging.set_verbosity(logging.CRITICAL)  # it would list two hundred classes of its own, because ours is not one of them


def _classify(classifier: Callable[..., list[dict[str, object]]]) -> Callable[[Sequence[str]], list[str]]:
    def classify(texts: Sequence[str]) -> list[str]:
        return [str(answer["label"]) for answer in classifier(list(texts), truncation=True)]

    return classify


def bundled_model(bundle: Bundle, *, pairs: bool = True) -> MeanPooledBert:
    """The bundled weights, dequantised, in the arrangement of transformers; without what makes pairs of tokens where `pairs` is false."""
    body = read_body(bundle.folder / BODY)
    config = BertConfig(
        vocab_size=bundle.tokenizer.size,
        hidden_size=body.hidden,
        num_hidden_layers=body.layers,
        num_attention_heads=body.heads,
        intermediate_size=body.inner,
        max_position_embeddings=body.positions,
        layer_norm_eps=body.epsilon,
        pad_token_id=bundle.tokenizer.pad,
        id2label={index: str(sentiment) for index, sentiment in enumerate(SENTIMENTS)},
        label2id={str(sentiment): index for index, sentiment in enumerate(SENTIMENTS)},
    )
    paired_after = body.paired_after if pairs else None
    model = MeanPooledBert(config, paired_after)
    joined = {f"pairs.join.{part}": torch.from_numpy(body.arrays[f"pairs.join.{part}"]) for part in PARTS if paired_after is not None}
    missing, unexpected = model.load_state_dict({**_body(body, bundle), **_head(bundle), **joined}, strict=False)
    assert not unexpected, unexpected
    assert set(missing) <= {"bert.embeddings.position_ids", "bert.embeddings.token_type_ids"}, missing
    return model


def _body(body: BodyWeights, bundle: Bundle) -> dict[str, Tensor]:
    words: NDArray[np.float32] = bundle.words().rows(np.arange(bundle.tokenizer.size))
    state = {
        "bert.embeddings.word_embeddings.weight": words,
        "bert.embeddings.position_embeddings.weight": body.arrays["positions"],
        "bert.embeddings.token_type_embeddings.weight": np.zeros((2, body.hidden), np.float32),
        "bert.embeddings.LayerNorm.weight": body.arrays["norm.weight"],
        "bert.embeddings.LayerNorm.bias": body.arrays["norm.bias"],
    }
    for layer in range(body.layers):
        for mine, theirs in HF_LAYER.items():
            for part in PARTS:
                state[f"bert.encoder.layer.{layer}.{theirs}.{part}"] = body.arrays[f"layers.{layer}.{mine}.{part}"]
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in state.items()}


def _head(bundle: Bundle) -> dict[str, Tensor]:
    places = {"norm": 0, "dense": 1, "out": 3}
    with np.load(bundle.folder / HEADS) as stored:
        return {
            f"classifier.{place}.{part}": torch.from_numpy(stored[f"sentiment.{name}.{part}"].astype(np.float32))
            for name, place in places.items()
            for part in PARTS
        }


def bundled_tokenizer(bundle: Bundle) -> PreTrainedTokenizerFast:
    """The bundled SentencePiece model as transformers would convert it."""
    stored = sentencepiece_model_pb2.ModelProto()
    stored.ParseFromString((bundle.folder / TOKENIZER).read_bytes())
    ids = SimpleNamespace(unk=stored.trainer_spec.unk_id, bos=bundle.tokenizer.bos, eos=bundle.tokenizer.eos, pad=bundle.tokenizer.pad)
    names = {kind: stored.pieces[index].piece for kind, index in vars(ids).items()}
    fast = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in stored.pieces], ids.unk, byte_fallback=False))
    fast.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(stored.normalizer_spec.precompiled_charsmap), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    fast.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    fast.decoder = decoders.Metaspace(prepend_scheme="always")
    fast.post_processor = processors.TemplateProcessing(
        single=f"{names['bos']} $A {names['eos']}", special_tokens=[(names["bos"], ids.bos), (names["eos"], ids.eos)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        bos_token=names["bos"],
        eos_token=names["eos"],
        pad_token=names["pad"],
        unk_token=names["unk"],
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
    )
