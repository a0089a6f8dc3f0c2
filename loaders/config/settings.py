"""Settings that are neither the warehouse's (dbt profile) nor S3's (boto3).

They come from environment variables `NIGHTSHIFT_*` (nested with `__`) or a `.env`
file in the working directory, and are read once a process. They change when the
environment does; nothing here is ever written.
"""

import os
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.sources import DotEnvSettingsSource

from loaders.errors import ConfigError

PREFIX = "NIGHTSHIFT_"
PROJECT = Path(__file__).resolve().parents[2]


def _s3_url(value: str) -> str:
    """Accept `s3://bucket` or `s3://bucket/prefix`, without a trailing slash."""
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must look like s3://bucket/prefix")
    return value.rstrip("/")


S3Url = Annotated[str, AfterValidator(_s3_url)]


class Salesforce(BaseModel):
    """How to reach Salesforce, and what must be true of the org found there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    auth: Literal["client_credentials", "jwt", "access_token", "password"] = (
        "client_credentials"
    )
    instance_url: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None
    private_key_file: Path | None = None
    access_token: SecretStr | None = None
    api_version: str = Field(default="60.0", pattern=r"^\d{2}\.0$")
    expect_sandbox: bool | None = None

    def needed(self) -> list[tuple[str, object]]:
        """Return the (setting, value) pairs that the way of logging in needs."""
        names = {
            "client_credentials": ("client_id", "client_secret"),
            "jwt": ("client_id", "username", "private_key_file"),
            "access_token": ("instance_url", "access_token"),
            "password": ("username", "password"),
        }[self.auth]
        wanted = [(name, getattr(self, name)) for name in names]
        if self.auth in ("client_credentials", "jwt") and not self.instance_url:
            wanted.append(("token_url", self.token_url))
        return [(f"SALESFORCE__{name.upper()}", value) for name, value in wanted]


class Smtp(BaseModel):
    """The mail server that takes the reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = False
    sender: str | None = None


class Report(BaseModel):
    """Who gets the morning mail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: list[str] = Field(default_factory=list)


class OnCall(BaseModel):
    """Who is told that a night failed, and that it is well again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: list[str] = Field(default_factory=list)


class Settings(BaseSettings):
    """All of `NIGHTSHIFT_*`; unknown or malformed names are an error."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",  # other names are judged by _refuse_unknown_names
        frozen=True,
    )

    raw_url: S3Url | None = None
    archive_url: S3Url | None = None
    copy_iam_role: str | None = None
    salesforce: Salesforce = Salesforce()
    smtp: Smtp = Smtp()
    report: Report = Report()
    on_call: OnCall = OnCall()

    def require_complete(self) -> None:
        """Raise `ConfigError` naming all that a whole night needs and is not set."""
        missing = [
            f"NIGHTSHIFT_{name}"
            for name, value in (
                ("RAW_URL", self.raw_url),
                ("ARCHIVE_URL", self.archive_url),
                *self.salesforce.needed(),
            )
            if not value
        ]
        if missing:
            raise ConfigError(
                f"Not set, but a night needs it: {', '.join(missing)}. Set them in "
                f"the environment or in .env; `nightshift doctor` checks them all."
            )

    def required_raw_url(self) -> str:
        """Return `raw_url`, or say how to set it."""
        return _required(self.raw_url, "NIGHTSHIFT_RAW_URL", "s3://bucket/raw")

    def required_archive_url(self) -> str:
        """Return `archive_url`, or say how to set it."""
        return _required(
            self.archive_url, "NIGHTSHIFT_ARCHIVE_URL", "s3://bucket/archive"
        )


@cache
def load() -> Settings:
    """Read the settings once; `ConfigError` names every unknown or malformed one."""
    _refuse_unknown_names()
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def _required(value: str | None, name: str, example: str) -> str:
    if value is None:
        raise ConfigError(f"{name} is not set. Set it, for example {name}={example}.")
    return value


def _explain(error: ValidationError) -> str:
    """Name each malformed variable without its value, which may be a secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + "__".join(str(part).upper() for part in problem["loc"])
        lines.append(f"{name}: {problem['msg']}.")
    return "Malformed settings. Mend and run again:\n  " + "\n  ".join(lines)


def _refuse_unknown_names() -> None:
    given = {name.upper() for name in os.environ} | {
        name.upper() for name in _dotenv_names()
    }
    ours = {name for name in given if name.startswith(PREFIX)}
    unknown = sorted(ours - _known_names())
    if unknown:
        known = ", ".join(sorted(_known_names()))
        raise ConfigError(
            f"Unknown settings: {', '.join(unknown)}. "
            f"Correct or remove them; known are {known}."
        )


def _known_names() -> set[str]:
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        model: Any = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            nested = (f"{name}__{inner}" for inner in model.model_fields)
            names.update(f"{PREFIX}{inner}".upper() for inner in nested)
            names.add(f"{PREFIX}{name}".upper())
        else:
            names.add(f"{PREFIX}{name}".upper())
    return names | profile_names()


def profile_names() -> set[str]:
    """Return the names that the dbt profile reads: the warehouse's, not ours."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in (PROJECT / "profiles.yml.example", PROJECT / "profiles.yml")
        if path.exists()
    ]
    folder = os.environ.get("DBT_PROFILES_DIR")
    if folder and (Path(folder) / "profiles.yml").exists():
        texts.append((Path(folder) / "profiles.yml").read_text(encoding="utf-8"))
    pattern = rf"env_var\(\s*['\"]({PREFIX}\w+)['\"]"
    return {name for text in texts for name in re.findall(pattern, text)}


def _dotenv_names() -> list[str]:
    source = DotEnvSettingsSource(Settings, env_file=Path(".env"))
    return list(source._load_env_vars())
