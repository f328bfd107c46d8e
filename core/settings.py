"""Settings: `KOE_*` variables, or `koe.toml` in the working folder; built once at the edge of a process and passed on."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

LONGEST_SOCKET_PATH = 100
"""Bytes. The kernel takes 107 on Linux and 103 on macOS."""


class Settings(BaseSettings):
    """Every setting of Koe. Empty URLs mean "the one-machine default below `home`"."""

    model_config = SettingsConfigDict(env_prefix="KOE_", toml_file="koe.toml", extra="forbid", frozen=True)

    home: Path = Field(default=Path("koe-data"), description="Data folder: SQLite file, broker data, secret, compiled model.")
    database_url: str = Field(
        default="", description="SQLAlchemy URL; empty is SQLite in KOE_HOME. PostgreSQL: postgresql+psycopg://user:password@host/name"
    )
    broker_url: str = Field(default="", description="Redis or Valkey URL; empty is the Valkey that koe serve runs on a socket in KOE_HOME.")
    secret: SecretStr | None = Field(
        default=None, description="Key for secrets at rest; empty is a file in KOE_HOME, made at the first start."
    )
    model: str = Field(default="bundled", description="bundled, a folder, or a hub id of a sequence-classification checkpoint.")
    model_threads: int = Field(default=2, ge=1, le=64, description="Cores that one process gives to the model.")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="Where a torch checkpoint runs; the bundled model needs cpu only.")
    languages: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Languages the detector may answer, comma separated; empty is all it knows."
    )
    language_detector: Literal["py3langid", "langdetect"] = Field(default="py3langid", description="Which library names the language.")
    reannotate_days: int = Field(
        default=56,
        ge=0,
        le=36_500,
        description="How many days back a change of model or taxonomy replaces annotations by itself; 0: only koe reannotate does.",
    )
    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the API listens on.")
    auth: Literal["on", "off"] = Field(default="on", description="off is refused unless the API listens on loopback.")
    workers: int = Field(default=1, ge=0, le=64, description="Annotating worker processes that koe serve starts.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Private hosts that sources and channels may reach, comma separated, host or host:port."
    )
    public_url: str = Field(default="", description="Address that people reach this Koe by, for the links in alerts; empty sends none.")
    max_upload_mb: int = Field(default=256, ge=1, le=4096, description="Largest import that the API takes, in megabytes.")
    classify_queue: int = Field(default=2048, ge=1, description="Texts that may wait for the model before /v1/classify answers 429.")
    lease_seconds: int = Field(default=120, ge=5, description="How long a worker may hold claimed rows before another takes them.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severe event that is logged.")
    log_format: Literal["json", "console"] = Field(default="console", description="One JSON object a line, or lines for people.")

    @field_validator("languages", "allowed_hosts", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://koe.example.com")
        return value.rstrip("/")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'koe.sqlite3'}"

    def broker(self) -> str:
        """The broker URL in force; a unix socket below `home` unless one is configured."""
        return self.broker_url or f"redis+socket://{quote(str(self.broker_socket()))}"

    def broker_socket(self) -> Path:
        """Where the supervised Valkey listens: in `home`, or at a short path of this user where that is too long for a socket."""
        path = self.home.absolute() / "valkey.sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"koe-{os.getuid()}" / f"{name}.sock"
