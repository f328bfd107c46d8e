"""A model that cannot be right is refused at the start, with the file and what to do; `koe doctor` says the same."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.doctor import check_model as doctor
from core.errors import Misconfigured
from core.settings import Settings
from nlp.annotator import check_model, load_annotator
from nlp.bundle import BODY, BODY_WEIGHTS, BUNDLED, EMBEDDINGS, FORMAT, HEADS, TOKENIZER, load_bundle, sha256_of
from tests import needs
from tests.nlp.checkpoints import a_checkpoint, an_xlm_roberta, as_pickle, cut, edit_config

NOBODY = 65534
BODY_BYTES = (BUNDLED / BODY_WEIGHTS).stat().st_size
STARS = {str(number): f"{number + 1} stars" for number in range(5)}


def a_bundle(folder: Path) -> Path:
    """A copy of the bundled model; its largest files are links until a test cuts them."""
    for path in BUNDLED.iterdir():
        if path.name in (EMBEDDINGS, BODY_WEIGHTS):
            (folder / path.name).symlink_to(path)
        else:
            shutil.copy(path, folder / path.name)
    return folder


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def sign(folder: Path) -> None:
    """New checksums, as if the folder had been exported this way."""
    files = json.loads((folder / "model.json").read_text())["files"]
    edit(folder, files={name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in files})


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def cut_a_copy(folder: Path) -> None:
    content = (folder / BODY_WEIGHTS).read_bytes()
    replace(folder / BODY_WEIGHTS, content[: len(content) // 2])


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / HEADS).read_bytes())
    content[1000] ^= 1
    replace(folder / HEADS, bytes(content))


def a_foreign_graph(folder: Path) -> None:
    (folder / BODY).write_text((folder / BODY).read_text().replace('"mask"', '"attention_mask"'))
    sign(folder)


def no_graph(folder: Path) -> None:
    (folder / BODY).write_text("<net>")
    sign(folder)


def a_label_too_many(folder: Path) -> None:
    labels = json.loads((folder / "model.json").read_text())["labels"]
    edit(folder, labels={**labels, "topics": [*labels["topics"], "colour"]})


def heads_without_sentiment(folder: Path) -> None:
    with np.load(folder / HEADS) as stored:
        np.savez(folder / HEADS, **{name: stored[name] for name in stored.files if not name.startswith("sentiment.out")})
    sign(folder)


def heads_that_are_no_arrays(folder: Path) -> None:
    (folder / HEADS).write_bytes(b"PK\x03\x04 not really")
    sign(folder)


def few_vectors(folder: Path) -> None:
    replace(folder / EMBEDDINGS, b"\0" * 432)
    sign(folder)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed file": (
        flip_a_bit,
        r"heads\.npz: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}: the file was changed .* copy the folder",
    ),
    "a cut file": (
        cut_a_copy,
        rf"body\.bin: expected {BODY_BYTES:,} bytes, found {BODY_BYTES // 2:,}: the file was changed or cut; copy the folder again",
    ),
    "a missing file": (lambda folder: (folder / TOKENIZER).unlink(), r"tokenizer\.model is missing: .* copy the folder again"),
    "a newer format": (lambda folder: edit(folder, format=FORMAT + 1), r"reads models up to format 2, found 3: install a newer Koe"),
    "another kind of format": (lambda folder: edit(folder, format="two"), r"found 'two'"),
    "another taxonomy": (lambda folder: edit(folder, taxonomy="0"), r"knows taxonomy 0 .* install the model and Koe of one version"),
    "a label too many": (a_label_too_many, r"heads\.npz: expected 21 labels of presence, found 20"),
    "a foreign graph": (a_foreign_graph, r"body\.xml: unknown architecture: expected .*'mask'.*found .*'attention_mask'"),
    "no graph": (no_graph, r"body\.xml: OpenVINO cannot read it"),
    "heads without a task": (heads_without_sentiment, r"heads\.npz: lacks sentiment\.out\.bias"),
    "heads that are no arrays": (heads_that_are_no_arrays, r"not of one kind"),
    "too few vectors": (few_vectors, r"embeddings\.q4: expected \d+ bytes of vectors, found 432"),
    "a manifest of other types": (lambda folder: edit(folder, files=dict.fromkeys([HEADS, TOKENIZER], "sha")), r"not of one kind"),
    "no calibration": (lambda folder: edit(folder, calibration={}), r"not of one kind .*thresholds"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_bundle_is_refused(what: str, tmp_path: Path) -> None:
    breaks, message = BROKEN[what]
    breaks(a_bundle(tmp_path))
    refused(Settings(model=str(tmp_path), home=tmp_path / "home"), message)


CHECKPOINTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "foreign labels": (lambda folder: a_checkpoint(folder, ["sports", "politics"]), r"'politics'\] cannot be read as sentiments"),
    "four numbers": (lambda folder: a_checkpoint(folder, [f"LABEL_{n}" for n in range(4)]), r"LABEL_0\.\. with 2, 3 or 5 labels"),
    "another number of labels": (
        lambda folder: edit_config(a_checkpoint(folder), id2label=STARS),
        r"does not fit config\.json \(5 labels\)",
    ),
    "a language model": (
        lambda folder: edit_config(a_checkpoint(folder), architectures=["BertForMaskedLM"]),
        r"is no sequence classification but BertForMaskedLM; expected a sequence-classification checkpoint",
    ),
    "an unknown architecture": (lambda folder: edit_config(a_checkpoint(folder), model_type="frob"), r"unknown architecture.*frob"),
    "no named architecture": (lambda folder: edit_config(a_checkpoint(folder), model_type=None), r"unknown architecture"),
    "no configuration": (lambda folder: (a_checkpoint(folder) / "config.json").unlink(), r"config\.json is missing or broken"),
    "a broken configuration": (lambda folder: (a_checkpoint(folder) / "config.json").write_text("{"), r"config\.json cannot be read"),
    "no weights": (lambda folder: (a_checkpoint(folder) / "model.safetensors").unlink(), r"weights cannot be read .* is missing, was cut"),
    "cut weights": (lambda folder: cut(a_checkpoint(folder) / "model.safetensors"), r"weights cannot be read .* copy or download it again"),
    "cut pickled weights": (lambda folder: cut(as_pickle(a_checkpoint(folder)) / "pytorch_model.bin"), r"weights cannot be read"),
    "a pickle that runs code": (lambda folder: evil(as_pickle(a_checkpoint(folder)) / "pytorch_model.bin"), r"weights cannot be read"),
    "weights without a head": (lambda folder: without_head(a_checkpoint(folder)), r"weights lack classifier\.bias, classifier\.weight"),
    "no tokenizer": (lambda folder: (an_xlm_roberta(folder) / "sentencepiece.bpe.model").unlink(), r"tokenizer is missing; expected"),
    "a cut tokenizer": (lambda folder: cut(an_xlm_roberta(folder) / "sentencepiece.bpe.model"), r"tokenizer cannot be opened"),
}


def evil(path: Path) -> None:
    path.write_bytes(b"\x80\x04cposix\nsystem\n(S'touch /tmp/koe-was-here'\ntR.")


def without_head(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file({name: value for name, value in load_file(path).items() if "classifier" not in name}, path, {"format": "pt"})


@pytest.mark.parametrize("what", CHECKPOINTS)
def test_a_checkpoint_is_refused(what: str, tmp_path: Path) -> None:
    needs.torch()
    breaks, message = CHECKPOINTS[what]
    breaks(tmp_path)
    refused(Settings(model=str(tmp_path), home=tmp_path / "home"), message)
    assert not Path("/tmp/koe-was-here").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./gone", r"KOE_MODEL=\./gone: there is no such folder; give `bundled`, a folder, or a hub id such as owner/name"),
        ("/gone/away", r"there is no such folder"),
        ("a b/c", r"there is no such folder"),
        ("x" * 300, r"cannot be read|there is no such folder"),
        (str(BUNDLED / HEADS), r"is a file: give the folder that holds it"),
    ],
)
def test_what_is_neither_a_folder_nor_a_hub_id_is_refused(model: str, message: str, tmp_path: Path) -> None:
    refused(Settings(model=model, home=tmp_path), message)


def test_a_hub_that_cannot_be_reached_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs.torch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = r"acme/no-such-model: there is no such folder, and the hub did not give .* copy the checkpoint here and set KOE_MODEL"
    refused(Settings(model="acme/no-such-model", home=tmp_path), message)


def test_a_folder_that_koe_may_not_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    a_bundle(folder)
    with (
        without_rights(folder / HEADS),
        pytest.raises(Misconfigured, match=r"heads\.npz cannot be read \(Permission denied\): let the user"),
    ):
        load_bundle(folder)
    with without_rights(folder / "model.json"), pytest.raises(Misconfigured, match=r"model\.json cannot be read \(Permission denied\)"):
        load_bundle(folder)
    with without_rights(folder), pytest.raises(Misconfigured, match=r"cannot be read \(Permission denied\): let the user that runs Koe"):
        check_model(Settings(model=str(folder), home=tmp_path))


@contextmanager
def without_rights(path: Path) -> Iterator[None]:
    """The path as somebody sees it who may not read it; root may read everything, and becomes nobody for the while."""
    before, parents = path.stat().st_mode, [parent for parent in path.parents if parent.stat().st_uid == os.geteuid()]
    modes = {parent: parent.stat().st_mode for parent in parents if parent.is_relative_to("/tmp")}
    for parent, mode in modes.items():
        parent.chmod(mode | 0o055)
    path.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)
        yield
    finally:
        if root:
            os.seteuid(0)
        path.chmod(before)
        for parent, mode in modes.items():
            parent.chmod(mode)


def refused(settings: Settings, message: str) -> None:
    with pytest.raises(Misconfigured, match=f"(?s){message}") as caught:
        load_annotator(settings)
    found = doctor(settings)
    assert (found.state, found.found) == ("fail", str(caught.value))
    assert not settings.home.exists() or not any(path.name == "model-cache" for path in settings.home.iterdir())
