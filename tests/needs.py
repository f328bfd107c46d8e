"""What a test needs from its machine: a user may lack it, the project's own runs may not."""

import importlib.util
import os
from typing import NoReturn

import pytest


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test on a user's machine, fail it where CI=true: there, what is missing is a fault."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def torch() -> None:
    """Needs the libraries of the extra `train`."""
    missing = [name for name in ("torch", "transformers", "nncf") if importlib.util.find_spec(name) is None]
    if missing:
        skip_or_fail(f"{', '.join(missing)} not installed: install the extra `train`")
