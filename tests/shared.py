"""Real data that lies beside the project on some machines and never inside it."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("KOE_SHARED", Path(__file__).parents[2] / "shared"))


def shared_file(name: str) -> Path:
    """The file, or a skipped test: a user's machine does not have the folder, and nothing that ships needs it."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not here; KOE_SHARED names the folder that holds it")
    return path
