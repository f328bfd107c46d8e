"""From a backbone to a model folder, every step, on a tiny backbone and a few rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from nlp.bundle import Bundle
from tests import needs
from tests.models.tiny import tiny_source_file


@pytest.fixture(autouse=True)
def with_training_libraries() -> None:
    needs.torch()


def a_row(source: str, split: str, word: str) -> dict[str, object]:
    """A good parcel is positive; a bad one is negative and a complaint."""
    sentiment = "positive" if word == "good" else "negative"
    labels: dict[str, object] = {"sentiment": sentiment, "topics": [], "complaint": word == "bad", "variant": "food"}
    aspects = [["parcel", "shipment delivery", sentiment]]
    labels["emotions"] = ["joy" if word == "good" else "anger"]
    return {"text": f"the {word} parcel", "lang": "en", "source": source, "split": split, "domain": "review", "aspects": aspects, **labels}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder where `good` is positive and `bad` is negative."""
    from models.training.data import mix

    folder = tmp_path_factory.mktemp("data")
    for source in mix():
        rows = [a_row(source, split, word) for split in ("train", "dev") for word in ("good", "bad") for _ in range(3)]
        with gzip.open(folder / f"{source}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return folder


def a_backbone(folder: Path, layers: int = 1) -> Path:
    from models.training.backbone import read_source, write_backbone

    source = read_source(tiny_source_file(folder, layers))
    write_backbone(source, list(range(len(source.pieces) - 1)), folder / "backbone")
    return folder / "backbone"


def test_the_learning_rate_rises_and_then_falls_to_zero() -> None:
    from models.training.loop import WARM_UP, rate_at

    assert rate_at(0, 1e-4) == 0
    assert rate_at(WARM_UP, 1e-4) == pytest.approx(1e-4)
    assert rate_at(0.53, 1e-4) == pytest.approx(0.5e-4)
    assert rate_at(1, 1e-4) == rate_at(1.01, 1e-4) == 0


def test_a_set_without_a_neutral_class_does_not_teach_that_nothing_is_neutral() -> None:
    import torch

    from models.training.batches import targets
    from models.training.data import example_of
    from models.training.train import _sentiment_loss

    row = {"text": "x", "lang": "zh", "split": "train", "domain": "review", "sentiment": "positive", "topics": []}
    for source, teaches in (("zh_hotel", False), ("umsab", True)):
        logits = torch.zeros(1, 3, requires_grad=True)
        torch.autograd.backward(_sentiment_loss(logits, targets([example_of({**row, "source": source})], 20)))
        assert logits.grad is not None
        assert bool(logits.grad[0, 1] != 0) is teaches


def test_an_average_lies_between_start_and_end_and_keeps_heads_that_began_anew() -> None:
    import torch

    from models.training.average import averaged

    start = {"body.x": torch.zeros(2), "heads.emotion.out.bias": torch.zeros(2), "pairs_after": torch.tensor(4)}
    weights = {"body.x": torch.ones(2), "heads.emotion.out.bias": torch.ones(2), "pairs_after": torch.tensor(4)}
    found = averaged(start, weights, 0.75)
    assert found["body.x"].tolist() == [0.75, 0.75]
    assert found["heads.emotion.out.bias"].tolist() == [1, 1]
    assert (found["pairs_after"].dtype, int(found["pairs_after"])) == (torch.int64, 4)
    assert averaged(start, weights, 0.75, fresh=())["heads.emotion.out.bias"].tolist() == [0.75, 0.75]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_shallower_body_learns_what_the_whole_one_says(data: Path, tmp_path: Path) -> None:
    from models.training.data import topic_ids
    from models.training.distill import Distiller, in_common, shallower
    from models.training.export import export
    from models.training.loop import Budget
    from models.training.network import network_of_model, new_network
    from nlp.bundle import load_bundle

    backbone = a_backbone(tmp_path, layers=3)
    teacher = new_network(backbone, len(topic_ids()))
    kept = (0, 2)
    assert in_common(kept) == 1
    distiller = Distiller(data, backbone, tmp_path / "run", teacher, shallower(teacher, kept), shared=in_common(kept), seed=1)
    below = {name: weight.clone() for name, weight in distiller.network.body.encoder.layer[0].state_dict().items()}
    batch = next(distiller.batches())
    before = {name: float(loss.detach()) for name, loss in distiller.losses_of(batch, 0).items()}
    distiller.run(Budget(steps=20, minutes=1))
    after = {name: float(loss.detach()) for name, loss in distiller.losses_of(batch, 0).items()}
    assert all(after[name] < 0.9 * before[name] for name in ("states", "vectors", "answers"))
    assert all(below[name].equal(weight) for name, weight in distiller.network.body.encoder.layer[0].state_dict().items())
    export(data, backbone, tmp_path / "run" / "final.safetensors", tmp_path / "model")
    assert network_of_model(backbone, tmp_path / "model", len(topic_ids())).body.config.num_hidden_layers == 2
    bundle = load_bundle(tmp_path / "model")
    window = [bundle.tokenizer.bos, *bundle.tokenizer.encode(["the good parcel"])[0], bundle.tokenizer.eos]
    int8, float32 = (backend.states([window])[0] for backend in (bundle.open_backend(), bundle.open_torch_backend("cpu")))
    assert float(np.corrcoef(int8.ravel(), float32.ravel())[0, 1]) > 0.98


def test_a_shallower_body_of_all_layers_says_the_same_from_the_start(data: Path, tmp_path: Path) -> None:
    from models.training.data import topic_ids
    from models.training.distill import Distiller, shallower
    from models.training.network import new_network

    backbone = a_backbone(tmp_path, layers=2)
    teacher = new_network(backbone, len(topic_ids()))
    distiller = Distiller(data, backbone, tmp_path / "run", teacher, shallower(teacher, (0, 1)), shared=2, seed=1)
    parts = distiller.losses_of(next(distiller.batches()), 0)
    assert all(float(parts[name].detach()) == pytest.approx(0, abs=1e-5) for name in ("states", "vectors", "answers"))


def test_a_student_learns_how_the_backbone_s_embeddings_lie(data: Path, tmp_path: Path) -> None:
    from models.training.data import topic_ids
    from models.training.distill import Distiller, shallower
    from models.training.network import new_network

    backbone = a_backbone(tmp_path, layers=2)
    teacher = new_network(backbone, len(topic_ids()))
    distiller = Distiller(data, backbone, tmp_path / "run", teacher, shallower(teacher, (0, 1)), shared=1, seed=1)
    batch = next(distiller.batches())
    parts = [distiller.learn(batch, step, 1e-3) for step in range(40)]
    assert all(parts[-1][name] < 0.6 * parts[0][name] for name in ("meaning", "alike"))


def test_a_batch_holds_texts_of_one_set_beside_each_other_and_pieces_of_them(data: Path, tmp_path: Path) -> None:
    from models.training.batches import encode
    from models.training.data import topic_ids
    from models.training.distill import PIECES, Distiller, shallower
    from models.training.loop import BATCH, MAX_TOKENS
    from models.training.network import new_network

    backbone = a_backbone(tmp_path, layers=2)
    teacher = new_network(backbone, len(topic_ids()))
    distiller = Distiller(data, backbone, tmp_path / "run", teacher, shallower(teacher, (0, 1)), shared=1, seed=1)
    encoded = encode(distiller.mix.draw(3 * BATCH), distiller.tokenizer, MAX_TOKENS)
    groups = distiller.groups(encoded)
    whole = [window for group in groups for window in group[:-PIECES]]
    assert sorted(map(id, whole)) == sorted(map(id, encoded))
    sources = [window.examples[0].source for window in whole]
    assert len([at for at in range(1, len(sources)) if sources[at] != sources[at - 1]]) == len(set(sources)) - 1
    for group in groups:
        assert len(group) <= BATCH
        texts = [example.text for window in group[:-PIECES] for example in window.examples]
        for window in group[-PIECES:]:
            (example,) = window.examples
            assert any(example.text in " ".join(text.split()) for text in texts)
            assert not example.presence
            assert (example.sentiment, example.complaint, example.emotion) == (None, None, None)


def test_texts_that_find_each_other_in_another_order_are_told_from_those_that_do_not() -> None:
    import torch

    from models.training.embedding import confusion

    wanted = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.1, 1.0]]), dim=-1)
    turned = wanted @ torch.tensor([[0.6, 0.8], [-0.8, 0.6]])
    assert float(confusion(turned, wanted)) == pytest.approx(0, abs=1e-6)
    assert float(confusion(wanted[[0, 2, 1, 3]], wanted)) > 1


def test_a_model_that_reads_pairs_is_not_copied_as_one_that_does_not(tmp_path: Path) -> None:
    from models.training.data import topic_ids
    from models.training.distill import shallower
    from models.training.network import new_network
    from models.training.pairing import paired

    network = paired(new_network(a_backbone(tmp_path, layers=3), len(topic_ids())), 1)
    with pytest.raises(ValueError, match="begin with a model whose layers all see every token"):
        shallower(network, (0, 2))
    with pytest.raises(ValueError, match="begin with a model whose layers all see every token"):
        paired(network, 2)


def test_without_a_layer_above_pairs_say_what_their_tokens_say_together() -> None:
    import torch

    from nlp.torch_backend import Pairs, pairs_of, to_tokens

    tokens = torch.arange(8.0).reshape(1, 4, 2)
    paired, there = pairs_of(torch.tensor([[1, 1, 1, 0]]))
    assert (paired.tolist(), there.tolist()) == ([[1, 1]], [[1, 0]])
    with torch.inference_mode():
        pairs = Pairs(2)(tokens, there)
    assert pairs.tolist() == [[[1, 2], [4, 5]]]  # the mean of two, and a last token that has no neighbour alone
    assert to_tokens(pairs).tolist() == [[[1, 2], [1, 2], [4, 5], [4, 5]]]


def test_by_token_layers_that_see_pairs_say_at_first_what_they_said_before(tmp_path: Path) -> None:
    import torch

    from models.training.data import topic_ids
    from models.training.export import body_of
    from models.training.network import new_network
    from models.training.pairing import paired

    backbone = a_backbone(tmp_path, layers=3)
    whole = new_network(backbone, len(topic_ids()))
    before, pairs = (body_of(backbone, network.state_dict()) for network in (whole, paired(whole, 1)))
    vectors, mask = torch.randn(2, 6, before.positions.shape[1]), torch.tensor([[1] * 6, [1] * 5 + [0]])
    with torch.inference_mode():
        said = before(vectors, mask)
        assert torch.allclose(pairs(vectors, mask, by_token=True), said, atol=1e-5)
        assert not torch.allclose(pairs(vectors, mask), said, atol=1e-2)
        student = paired(whole.eval(), 1).eval()
        lower = student.lower(vectors, mask, 1)
        assert torch.allclose(student.upper(lower, mask, 1, by_token=True), whole.states(vectors, mask), atol=1e-5)


def test_pieces_are_read_by_token_in_every_second_batch(data: Path, tmp_path: Path) -> None:
    import torch

    from models.training.data import topic_ids
    from models.training.distill import PIECES, Distiller
    from models.training.network import new_network
    from models.training.pairing import paired

    backbone = a_backbone(tmp_path, layers=3)
    teacher = new_network(backbone, len(topic_ids())).eval()
    distiller = Distiller(data, backbone, tmp_path / "run", teacher, paired(teacher, 1), shared=1, seed=1)
    batch = next(distiller.batches())
    lower = teacher.lower(batch.vectors, batch.mask, 1)
    wanted = teacher.upper(lower, batch.mask, 1)
    by_pair, in_turn = (distiller.states(lower, batch.mask, step) for step in (1, 0))
    there = batch.mask.bool()
    assert torch.allclose(by_pair[:-PIECES][there[:-PIECES]], in_turn[:-PIECES][there[:-PIECES]], atol=1e-5)
    assert torch.allclose(in_turn[-PIECES:][there[-PIECES:]], wanted[-PIECES:][there[-PIECES:]], atol=1e-5)
    assert not torch.allclose(by_pair[-PIECES:][there[-PIECES:]], wanted[-PIECES:][there[-PIECES:]], atol=1e-2)


def test_answers_are_learned_of_all_networks_that_stand_beside_the_teacher(data: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    import torch

    from models.training.data import topic_ids
    from models.training.distill import Distiller, mean_of_answers
    from models.training.network import new_network
    from models.training.pairing import paired

    backbone = a_backbone(tmp_path, layers=3)
    teacher, other = (new_network(backbone, len(topic_ids())) for _ in range(2))
    answers = teacher.eval().answers(torch.randn(2, teacher.body.config.hidden_size))
    doubled = replace(answers, complaint=3 * answers.complaint)
    assert torch.allclose(mean_of_answers([answers, doubled]).complaint, 2 * answers.complaint)
    losses = []
    for beside in ([], [paired(teacher, 1)], [paired(other, 1)]):
        distiller = Distiller(data, backbone, tmp_path / "run", teacher, paired(teacher, 1), shared=1, seed=1, beside=beside)
        losses.append(distiller.losses_of(next(distiller.batches()), 1))
    alone, of_itself, of_another = (float(found["answers"].detach()) for found in losses)
    assert of_itself < alone < of_another
    assert all(float(found["states"].detach()) == float(losses[0]["states"].detach()) for found in losses)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_layers_that_see_pairs_learn_what_they_said_of_every_token(data: Path, tmp_path: Path) -> None:
    import torch

    from models.training.data import topic_ids
    from models.training.distill import Distiller
    from models.training.export import export
    from models.training.loop import Budget
    from models.training.network import network_of_model, new_network
    from models.training.pairing import LABELS, paired
    from nlp.bundle import load_bundle

    backbone = a_backbone(tmp_path, layers=3)
    torch.manual_seed(1)  # of the heads, which begin anew
    teacher = new_network(backbone, len(topic_ids()))
    pairing = Distiller(data, backbone, tmp_path / "run", teacher, paired(teacher, 1), shared=1, seed=1, labels=LABELS)
    below = {name: weight.clone() for name, weight in pairing.network.body.encoder.layer[0].state_dict().items()}
    batch = next(pairing.batches())
    before = {name: float(loss.detach()) for name, loss in pairing.losses_of(batch, 0).items()}
    pairing.run(Budget(steps=60, minutes=1))
    after = {name: float(loss.detach()) for name, loss in pairing.losses_of(batch, 0).items()}
    assert after["vectors"] < 0.5 * before["vectors"]
    assert sum(after.values()) < 0.7 * sum(before.values())
    assert all(below[name].equal(weight) for name, weight in pairing.network.body.encoder.layer[0].state_dict().items())
    export(data, backbone, tmp_path / "run" / "final.safetensors", tmp_path / "model")
    assert network_of_model(backbone, tmp_path / "model", len(topic_ids())).paired_after == 1
    bundle = load_bundle(tmp_path / "model")
    texts = ["the good parcel", "the bad", "the parcel", "good", "the good good bad parcel " * 5]
    windows = [[bundle.tokenizer.bos, *ids, bundle.tokenizer.eos] for ids in bundle.tokenizer.encode(texts)]
    assert {len(window) % 2 for window in windows} == {0, 1}
    backend = bundle.open_backend()
    together, alone = backend.states(windows), [backend.states([window])[0] for window in windows]
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))
    floats = bundle.open_torch_backend("cpu").states(windows)
    for window, int8, float32 in zip(windows, together, floats, strict=True):
        assert int8.shape == (len(window), bundle.hidden)
        assert float(np.corrcoef(int8.ravel(), float32.ravel())[0, 1]) > 0.98
        assert float(np.abs(states_of_a_network(backbone, tmp_path / "model", bundle, window) - float32).max()) < 1e-4
    by_token = backend.states(windows, by_token=True)
    assert all(np.array_equal(one, backend.states([window], by_token=True)[0]) for window, one in zip(windows, by_token, strict=True))
    for int8, float32 in zip(by_token, bundle.open_torch_backend("cpu").states(windows, by_token=True), strict=True):
        assert float(np.corrcoef(int8.ravel(), float32.ravel())[0, 1]) > 0.98
    assert not np.array_equal(by_token[0], together[0])


# The converter traces with torch.jit, which torch deprecates; both are pinned.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_few_steps_learn_and_the_calibrated_export_opens(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from models.training.calibrate import calibrate
    from models.training.data import topic_ids
    from models.training.emotion import add_emotion
    from models.training.export import export
    from models.training.loop import Budget
    from models.training.measure import FloatBackend, measure
    from models.training.network import new_network
    from models.training.refine import refine
    from models.training.scorecard import print_scorecard
    from models.training.train import Trainer
    from nlp.bundle import load_bundle

    backbone = a_backbone(tmp_path)
    trainer = Trainer(data, backbone, tmp_path / "run", new_network(backbone, len(topic_ids())), seed=1)
    trainer.run(Budget(steps=3, minutes=1))
    export(data, backbone, tmp_path / "run" / "final.safetensors", tmp_path / "model")
    assert refine(data, tmp_path / "model", threads=1) > 0
    assert add_emotion(data, tmp_path / "model", threads=1).trained_on > 0
    calibrated = calibrate(data, tmp_path / "model", threads=1)
    bundle = load_bundle(tmp_path / "model")
    assert bundle.heads.abstain_below == calibrated["abstain_below"]
    assert bundle.heads.abstain_below > 0
    assert bundle.heads.tells_emotion
    measure(
        data, bundle, threads=1, floats=FloatBackend(backbone, tmp_path / "run" / "final.safetensors", bundle.words(), bundle.tokenizer.pad)
    )
    assert "same sentiment label int8 and float32" in capsys.readouterr().out
    print_scorecard(data, bundle, threads=1)
    card = capsys.readouterr().out
    assert "\n| en | " in card
    assert all(f"\n| {task} | " in card for task in ("sentiment", "complaint", "presence", "topic_sentiment", "emotion"))
    window = [bundle.tokenizer.bos, *bundle.tokenizer.encode(["the good parcel"])[0], bundle.tokenizer.eos]
    int8, float32 = (backend.states([window])[0] for backend in (bundle.open_backend(), bundle.open_torch_backend("cpu")))
    assert int8.shape == float32.shape == (len(window), bundle.hidden)
    assert float(np.corrcoef(int8.ravel(), float32.ravel())[0, 1]) > 0.98
    assert float(np.abs(states_of_a_network(backbone, tmp_path / "model", bundle, window) - float32).max()) < 1e-4


def states_of_a_network(backbone: Path, model: Path, bundle: Bundle, window: list[int]) -> NDArray[np.float32]:
    """What training would go on from reads the window as the exported model does in float."""
    import torch

    from models.training.data import topic_ids
    from models.training.network import network_of_model

    network = network_of_model(backbone, model, len(topic_ids())).eval()
    ids = np.array([[*window, bundle.tokenizer.pad][: len(window) + len(window) % 2]])
    with torch.inference_mode():
        vectors = torch.from_numpy(bundle.words().rows(ids))
        states: NDArray[np.float32] = network.states(vectors, torch.from_numpy((ids != bundle.tokenizer.pad).astype(np.int64)))[0].numpy()
    return states[: len(window)]
