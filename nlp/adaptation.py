"""Heads that one workspace fitted on its own labels: what they replace of the shared model's, and how they are written as bytes."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from core.errors import PermanentError
from nlp.heads import Calibration, Floats
from store.records import StoredAdaptation

CALIBRATION = "calibration"


class AdaptationInvalid(PermanentError):
    """Stored heads cannot be read; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True, eq=False)
class Adaptation:
    """Belongs to the shared model whose `Bundle.digest` is `weights`, and is of use with no other.

    `arrays` replace those of the same name in the shared heads (`sentiment.out.bias`), `calibration` replaces theirs; `number` is its
    version in the workspace.
    """

    number: int
    weights: str
    arrays: Mapping[str, Floats]
    calibration: Calibration


def adaptation_content(arrays: Mapping[str, Floats], calibration: Calibration) -> bytes:
    """What is stored: numpy's npz of the arrays, and the calibration as JSON beside them."""
    file = io.BytesIO()
    # Named one by one: to numpy's own types the first names could be parameters of savez.
    parts: dict[str, np.ndarray] = {**arrays, CALIBRATION: np.array(json.dumps(asdict(calibration)))}
    np.savez(file, allow_pickle=False, **parts)
    return file.getvalue()


def open_adaptation(stored: StoredAdaptation) -> Adaptation:
    """Raises AdaptationInvalid when the bytes are not those that were written."""
    found = hashlib.sha256(stored.content).hexdigest()
    if found != stored.digest:
        raise AdaptationInvalid(f"adaptation {stored.number}: expected sha256 {stored.digest}, found {found}; undo it and adapt again")
    with np.load(io.BytesIO(stored.content), allow_pickle=False) as parts:
        arrays: dict[str, Floats] = {name: parts[name].astype(np.float32) for name in parts.files if name != CALIBRATION}
        fitted = json.loads(str(parts[CALIBRATION]))
    calibration = Calibration(fitted["temperature"], tuple(fitted["thresholds"]), fitted["abstain_below"])
    return Adaptation(stored.number, stored.weights, arrays, calibration)
