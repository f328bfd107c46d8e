"""Secrets at rest."""

import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import Misconfigured
from store.secrets import Vault, load_or_create_secret
from tests.threads import together

SECRET = "correct horse battery staple"


def test_opens_what_it_sealed_and_nobody_else_does() -> None:
    sealed = Vault(SECRET).seal("https://hooks.example/声")
    assert "hooks" not in sealed
    assert Vault(SECRET).open(sealed) == "https://hooks.example/声"
    with pytest.raises(Misconfigured, match="another KOE_SECRET"):
        Vault("another secret, long enough").open(sealed)


def test_seals_the_same_text_differently_each_time() -> None:
    vault = Vault(SECRET)
    assert vault.seal("same") != vault.seal("same")


def test_refuses_a_short_secret() -> None:
    with pytest.raises(Misconfigured, match="at least 16"):
        Vault("hunter2")


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    home = tmp_path / "koe"
    secrets = together([lambda: load_or_create_secret(home, None)] * 4)
    assert len(set(secrets)) == 1
    assert len(secrets[0]) >= 43
    assert stat.S_IMODE((home / "secret").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["secret"]


def test_a_configured_secret_wins_and_is_not_written(tmp_path: Path) -> None:
    assert load_or_create_secret(tmp_path, SecretStr(SECRET)) == SECRET
    assert list(tmp_path.iterdir()) == []
