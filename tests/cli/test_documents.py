"""What the documents say of settings, commands and signatures is so."""

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from cli.main import run
from core.settings import Settings
from tests.builders import NOW
from workers.signature import sign

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### KOE_(\w+)\n(.*?)(?=^##|\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL))


def test_every_setting_has_a_heading_and_every_heading_a_setting() -> None:
    assert sorted(SECTIONS) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items())
def test_the_default_of_a_setting_is_the_one_described(name: str, field: FieldInfo) -> None:
    said = re.match(r"Default:? (?:`([^`]+)`)?", SECTIONS[name.upper()])
    assert said is not None
    assert (said[1] or None) == (str(field.default) if field.default not in ("", None, ()) else None)


def test_the_settings_file_of_the_document_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example is not None
    (tmp_path / "koe.toml").write_text(example[1])
    monkeypatch.chdir(tmp_path)
    assert Settings().home == Path("/var/lib/koe")
    assert Settings().allowed_hosts == ("hooks.internal:8443",)


def test_every_command_that_is_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"\bkoe ((?:keys|sources|db|brands|workspaces) [a-z]+|[a-z]+)", OPERATIONS + CONFIGURATION)) - {"koe"}
    prose = {"dumps", "createdb"}
    wrong = [command for command in sorted(named - prose) if run([*command.split(), "--help"]) != 0]
    capsys.readouterr()
    assert len(named) > 15
    assert wrong == []


def test_the_example_believes_our_signature_and_no_other() -> None:
    example = re.search(r"```python\n(.*?)```", OPERATIONS, re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(example[1], names)  # noqa: S102 # the text of our own document
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    body, seconds = b'{"event": "alert.opened"}', NOW.timestamp()
    signature = sign(body, "hush", NOW)
    assert is_genuine(body, signature, "hush", now=seconds + 10)
    assert not is_genuine(body + b" ", signature, "hush", now=seconds)
    assert not is_genuine(body, signature, "other", now=seconds)
    assert not is_genuine(body, signature, "hush", now=seconds + 3600)
    assert not is_genuine(body, "nonsense", "hush", now=seconds)
