"""Tiny untrained checkpoints of transformers, made in a test: every architecture and file format that users bring along."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "the", "parcel"]
LABELS = ("negative", "neutral", "positive")
SHAPE: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


def a_checkpoint(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """BERT with vocab.txt, weights in safetensors."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return _save(
        folder, BertForSequenceClassification(BertConfig(vocab_size=len(WORDS), max_position_embeddings=64, **SHAPE, **named(labels)))
    )


def a_distilbert(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """With BERT's tokenizer, which also names token types that DistilBERT does not take."""
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    a_checkpoint(folder, labels)
    config = DistilBertConfig(
        vocab_size=len(WORDS), dim=32, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=64, **named(labels)
    )
    return _save(folder, DistilBertForSequenceClassification(config))


def a_roberta(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """With a byte-level tokenizer.json."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForSequenceClassification, RobertaTokenizerFast

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(["the parcel was good and bad"], vocab_size=300, special_tokens=specials)
    trained.save(str(folder / "draft.json"))
    RobertaTokenizerFast(tokenizer_file=str(folder / "draft.json")).save_pretrained(folder)
    (folder / "draft.json").unlink()
    config = RobertaConfig(vocab_size=320, max_position_embeddings=66, pad_token_id=1, **SHAPE, **named(labels))
    return _save(folder, RobertaForSequenceClassification(config))


def an_xlm_roberta(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """With nothing but a SentencePiece model for a tokenizer, as older checkpoints have it."""
    import sentencepiece
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the parcel was good", "the parcel was bad", "配送が遅い"] * 20),
        model_prefix=str(folder / "sentencepiece.bpe"), vocab_size=40, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (folder / "sentencepiece.bpe.vocab").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}))
    config = XLMRobertaConfig(vocab_size=64, max_position_embeddings=66, pad_token_id=1, **SHAPE, **named(labels))
    return _save(folder, XLMRobertaForSequenceClassification(config))


MAKERS: dict[str, Callable[[Path], Path]] = {
    "bert": a_checkpoint,
    "distilbert": a_distilbert,
    "roberta": a_roberta,
    "xlm-roberta": an_xlm_roberta,
}


def as_pickle(folder: Path) -> Path:
    """The weights as pytorch_model.bin in place of safetensors."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def edit_config(folder: Path, **fields: Any) -> Path:
    """Fields of config.json changed; None takes one out."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
    return folder


def cut(path: Path) -> None:
    """The first half of a file is left, as after a broken copy."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def named(labels: Sequence[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def _save(folder: Path, model: PreTrainedModel) -> Path:
    model.save_pretrained(folder)
    return folder
