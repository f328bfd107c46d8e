"""A model folder: checks every file against model.json before use, and opens tokenizer, heads and backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zipfile import BadZipFile

import numpy as np

from core.errors import Misconfigured
from nlp.backend import Backend
from nlp.encode import Tokenizer, WordVectors, row_bytes
from nlp.heads import EMBEDDING, EMOTION, PARTS, SENTIMENTS, TASKS, WORDS_MIDDLE, Calibration, Floats, Heads
from nlp.wording import Wording
from store.records import EMOTIONS

BUNDLED = Path(__file__).parent.parent / "models" / "bundled"
TOKENIZER, EMBEDDINGS, BODY, BODY_WEIGHTS, HEADS = "tokenizer.model", "embeddings.q4", "body.xml", "body.bin", "heads.npz"
FILES = (TOKENIZER, EMBEDDINGS, BODY, BODY_WEIGHTS, HEADS)
FORMAT = 2
"""Of model.json and the files it lists; a change that an older Koe would misread gets the next number (2: a body whose upper layers may see
pairs of tokens)."""
AGAIN = "copy the folder again, or export it with `python -m models.training.export`"
READABLE = "let the user that runs Koe read the folder and its files"


class ModelInvalid(Misconfigured):
    """A model cannot be used; the message says which file, what was expected, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened model folder; the backend is opened when asked for, for it takes the memory.

    `digest` is the SHA-256 of the manifest, which holds the checksum of every file: another digest, other weights or another calibration.
    """

    folder: Path
    name: str
    version: str
    digest: str
    taxonomy_version: str
    max_tokens: int
    hidden: int
    tokenizer: Tokenizer
    heads: Heads

    def check_body(self) -> None:
        """ModelInvalid unless body.xml is the graph of a transformer on the word vectors of this folder; costs no compiling."""
        from nlp.openvino_backend import interface_of

        path, expected = self.folder / BODY, {"vectors": self.hidden, "mask": None, "states": self.hidden}
        try:
            found = interface_of(path)
        except RuntimeError as error:
            raise ModelInvalid(f"{path}: OpenVINO cannot read it ({str(error).strip().splitlines()[-1][:200]}); {AGAIN}") from error
        if found != expected:
            raise ModelInvalid(f"{path}: unknown architecture: expected inputs and outputs {expected}, found {found}; {AGAIN}")

    def words(self) -> WordVectors:
        """The 4-bit word vectors, mapped from the file."""
        return WordVectors(self.folder / EMBEDDINGS, vocabulary=self.tokenizer.size, hidden=self.hidden)

    def wording(self) -> Wording | None:
        """Looks up what words mean by themselves; None with a model that lacks the middle that they count from."""
        middle = self.heads.array(WORDS_MIDDLE)
        return None if middle is None else Wording(self.words(), self.tokenizer, middle)

    def open_backend(self, threads: int = 2, cache: Path | None = None) -> Backend:
        """The int8 body on so many threads; `cache` keeps compiled kernels between starts."""
        from nlp.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(self.folder / BODY, self.words(), pad=self.tokenizer.pad, threads=threads, cache=cache)

    def open_torch_backend(self, device: str) -> Backend:
        """The same body in torch, its weights dequantised from the bundle; needs the extra `gpu`."""
        from nlp.torch_backend import TorchBackend

        return TorchBackend(self.folder / BODY, self.words(), pad=self.tokenizer.pad, device=device)


def load_bundle(folder: Path) -> Bundle:
    """Opens a model folder. ModelInvalid when a file is missing, cannot be read or was changed, or labels and weights do not fit."""
    manifest = _manifest(folder)
    try:
        _verify(folder, cast("Mapping[str, Mapping[str, object]]", _field(folder, manifest, "files", dict)))
        return _bundle(folder, manifest)
    except OSError as error:
        raise ModelInvalid(f"{error.filename or folder} cannot be read ({error.strerror or error}): {READABLE}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, BadZipFile) as error:
        raise ModelInvalid(f"{folder}: model.json and the files are not of one kind ({error!r:.300}); {AGAIN}") from error


def _bundle(folder: Path, manifest: Mapping[str, object]) -> Bundle:
    vocabulary, hidden = (cast(int, _field(folder, manifest, name, int)) for name in ("vocabulary", "hidden"))
    tokenizer = Tokenizer((folder / TOKENIZER).read_bytes())
    _expect(folder / TOKENIZER, "pieces", vocabulary, tokenizer.size)
    _expect(folder / EMBEDDINGS, "bytes of vectors", vocabulary * row_bytes(hidden), (folder / EMBEDDINGS).stat().st_size)
    return Bundle(
        folder=folder,
        name=cast(str, _field(folder, manifest, "name", str)),
        version=cast(str, _field(folder, manifest, "version", str)),
        digest=hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest(),
        taxonomy_version=cast(str, _field(folder, manifest, "taxonomy", str)),
        max_tokens=cast(int, _field(folder, manifest, "max_tokens", int)),
        hidden=hidden,
        tokenizer=tokenizer,
        heads=_heads(folder, manifest),
    )


def _manifest(folder: Path) -> dict[str, object]:
    path = folder / "model.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelInvalid(f"{path} is missing: a model folder holds model.json and {', '.join(FILES)}; {AGAIN}") from error
    except OSError as error:
        raise ModelInvalid(f"{path} cannot be read ({error.strerror}): {READABLE}") from error
    except (ValueError, RecursionError) as error:
        raise ModelInvalid(f"{path} is not JSON ({error}); {AGAIN}") from error
    if not isinstance(manifest, dict):
        raise ModelInvalid(f"{path}: expected an object, found {type(manifest).__name__}; {AGAIN}")
    written_as = manifest.get("format", FORMAT)
    if not isinstance(written_as, int) or written_as > FORMAT:
        raise ModelInvalid(f"{path}: this Koe reads models up to format {FORMAT}, found {written_as!r}: install a newer Koe")
    return manifest


def _field(folder: Path, manifest: Mapping[str, object], name: str, kind: type) -> object:
    value = manifest.get(name)
    if not isinstance(value, kind):
        raise ModelInvalid(f"{folder / 'model.json'}: {name} should be {kind.__name__}, found {value!r}; {AGAIN}")
    return value


def _verify(folder: Path, files: Mapping[str, Mapping[str, object]]) -> None:
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise ModelInvalid(f"{path} is missing: model.json lists it; {AGAIN}")
        listed = files.get(name, {})
        if (size := listed.get("bytes")) is not None and size != path.stat().st_size:
            raise ModelInvalid(f"{path}: expected {size:,} bytes, found {path.stat().st_size:,}: the file was changed or cut; {AGAIN}")
        expected, found = listed.get("sha256"), sha256_of(path)
        if found != expected:
            raise ModelInvalid(f"{path}: expected sha256 {expected}, found {found}: the file was changed or cut; {AGAIN}")


def sha256_of(path: Path) -> str:
    """The checksum of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _heads(folder: Path, manifest: Mapping[str, object]) -> Heads:
    labels = cast("Mapping[str, list[str]]", _field(folder, manifest, "labels", dict))
    fitted = cast("Mapping[str, object]", _field(folder, manifest, "calibration", dict))
    topics = labels.get("topics", [])
    if tuple(labels.get("sentiment", ())) != SENTIMENTS:
        raise ModelInvalid(f"{folder / 'model.json'}: sentiment labels should be {SENTIMENTS}, found {labels.get('sentiment')}; {AGAIN}")
    with (folder / HEADS).open("rb") as file, np.load(file) as stored:
        weights: dict[str, Floats] = {name: stored[name].astype(np.float32) for name in stored.files}
    tasks = (*TASKS, EMOTION) if _tells_emotion(folder, weights, labels) else TASKS
    weighed = (*tasks, EMBEDDING) if any(name.startswith(f"{EMBEDDING}.") for name in weights) else tasks
    missing = {f"{task}.{part}" for task in weighed for part in PARTS} - weights.keys()
    if missing:
        raise ModelInvalid(f"{folder / HEADS}: lacks {', '.join(sorted(missing))}; {AGAIN}")
    outputs = {"sentiment": 3, "complaint": 1, "presence": len(topics), "topic_sentiment": 3 * len(topics), EMOTION: len(EMOTIONS)}
    for task in tasks:
        _expect(folder / HEADS, f"labels of {task}", outputs[task], len(weights[f"{task}.out.bias"]))
    thresholds = tuple(cast("list[float]", fitted["thresholds"]))
    _expect(folder / "model.json", "thresholds", len(topics), len(thresholds))
    temperature = cast("Mapping[str, float]", fitted["temperature"])
    _expect(folder / "model.json", "as tasks with a temperature", sorted(tasks), sorted(temperature.keys() & set(tasks)))
    return Heads(weights, topics, Calibration(temperature, thresholds, cast(float, fitted["abstain_below"])))


def _tells_emotion(folder: Path, weights: Mapping[str, Floats], labels: Mapping[str, list[str]]) -> bool:
    """A folder may do without: then nothing of it names emotions."""
    named, weighed = labels.get(EMOTION, []), any(name.startswith(f"{EMOTION}.") for name in weights)
    _expect(folder / "model.json", "labels of emotion", list(EMOTIONS) if weighed else [], list(named))
    return weighed


def _expect(path: Path, what: str, expected: object, found: object) -> None:
    if expected != found:
        raise ModelInvalid(f"{path}: expected {expected} {what}, found {found}: the files do not belong together; {AGAIN}")
