"""Opening a model folder, whole and broken in every way that copying files can break it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlp.bundle import BODY_WEIGHTS, BUNDLED, EMBEDDINGS, HEADS, ModelInvalid, load_bundle, sha256_of
from nlp.heads import EMOTION, PARTS
from store.records import EMOTIONS

MEGABYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled model without the large files' bytes: they are links."""
    for path in BUNDLED.iterdir():
        if path.name in (EMBEDDINGS, BODY_WEIGHTS):
            (tmp_path / path.name).symlink_to(path)
        else:
            shutil.copy(path, tmp_path / path.name)
    return tmp_path


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_bundled_model_opens_and_agrees_with_the_taxonomy() -> None:
    bundle = load_bundle(BUNDLED)
    taxonomy = json.loads((BUNDLED.parent / "taxonomy.json").read_text())
    assert bundle.heads.topics == tuple(topic["id"] for topic in taxonomy["topics"])
    assert bundle.taxonomy_version == taxonomy["version"]
    assert len(bundle.heads.thresholds) == len(bundle.heads.topics)
    assert 0.3 < bundle.heads.abstain_below < 0.9


def test_no_shipped_file_is_large() -> None:
    sizes = [path.stat().st_size for path in BUNDLED.iterdir()]
    assert max(sizes) < 50 * MEGABYTE
    assert sum(sizes) < 80 * MEGABYTE


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / HEADS).unlink()
    with pytest.raises(ModelInvalid, match=r"heads\.npz is missing"):
        load_bundle(folder)


def test_an_empty_folder_says_what_a_model_folder_holds(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match=r"model\.json is missing: a model folder holds .*body\.xml"):
        load_bundle(tmp_path)


def test_a_label_too_many_is_counted(folder: Path) -> None:
    labels = json.loads((folder / "model.json").read_text())["labels"]
    edit(folder, labels={**labels, "topics": [*labels["topics"], "colour"]})
    with pytest.raises(ModelInvalid, match=r"heads\.npz: expected 21 labels of presence, found 20"):
        load_bundle(folder)


def test_labels_in_another_order_are_refused(folder: Path) -> None:
    labels = json.loads((folder / "model.json").read_text())["labels"]
    edit(folder, labels={**labels, "sentiment": ["positive", "neutral", "negative"]})
    with pytest.raises(ModelInvalid, match="sentiment labels should be"):
        load_bundle(folder)


def with_emotion(folder: Path, *, labels: Sequence[str], outputs: int) -> None:
    """Adds a head for emotions to the folder."""
    with np.load(folder / HEADS) as stored:
        arrays = {name: stored[name] for name in stored.files if not name.startswith(f"{EMOTION}.")}
    arrays |= {f"{EMOTION}.{part}": arrays[f"sentiment.{part}"] for part in PARTS}
    arrays |= {f"{EMOTION}.out.weight": np.zeros((outputs, 384), np.float32), f"{EMOTION}.out.bias": np.zeros(outputs, np.float32)}
    np.savez(folder / HEADS, allow_pickle=False, **arrays)
    manifest = json.loads((folder / "model.json").read_text())
    manifest["labels"][EMOTION] = labels
    manifest["calibration"]["temperature"][EMOTION] = 1.0
    manifest["files"][HEADS] = {"sha256": sha256_of(folder / HEADS), "bytes": (folder / HEADS).stat().st_size}
    edit(folder, **manifest)


def test_a_head_for_emotions_is_optional(folder: Path) -> None:
    with_emotion(folder, labels=EMOTIONS, outputs=len(EMOTIONS))
    assert load_bundle(folder).heads.tells_emotion


def test_a_head_for_emotions_must_fit_its_labels(folder: Path) -> None:
    with_emotion(folder, labels=EMOTIONS, outputs=3)
    with pytest.raises(ModelInvalid, match=r"expected 7 labels of emotion, found 3"):
        load_bundle(folder)
    with_emotion(folder, labels=["joy", "anger"], outputs=len(EMOTIONS))
    with pytest.raises(ModelInvalid, match=r"model\.json: expected .*'surprise', 'neutral'\] labels of emotion, found \['joy', 'anger'\]"):
        load_bundle(folder)


def test_a_task_without_a_temperature_is_named(folder: Path) -> None:
    manifest = json.loads((folder / "model.json").read_text())
    del manifest["calibration"]["temperature"]["complaint"]
    edit(folder, **manifest)
    with pytest.raises(ModelInvalid, match="as tasks with a temperature"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": 3}'])
def test_a_broken_manifest_is_no_surprise(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(ModelInvalid, match=r"model\.json"):
        load_bundle(folder)
