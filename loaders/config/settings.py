"""The `NIGHTSHIFT_*` settings, read from the environment.

Nested settings are separated by `__`. `environment` adds the variables of `.env`.
Settings are read once per process. The warehouse is configured in the dbt
profile, and S3 through boto3's own variables.
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

from loaders.config import environment
from loaders.config.environment import PROJECT as PROJECT
from loaders.errors import ConfigError

PREFIX = "NIGHTSHIFT_"


def _s3_url(value: str) -> str:
    """Validate `s3://bucket` or `s3://bucket/prefix`; remove a trailing slash."""
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("must look like s3://bucket/prefix")
    return value.rstrip("/")


S3Url = Annotated[str, AfterValidator(_s3_url)]


class Salesforce(BaseModel):
    """How to log in to Salesforce, and whether the Salesforce org is a sandbox."""

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

    def login_settings(self) -> list[tuple[str, object]]:
        """Return (name without prefix, value) of each setting that `auth` needs."""
        names = {
            "client_credentials": ("client_id", "client_secret"),
            "jwt": ("client_id", "username", "private_key_file"),
            "access_token": ("instance_url", "access_token"),
            "password": ("username", "password"),
        }[self.auth]
        required = [(name, getattr(self, name)) for name in names]
        if self.auth in ("client_credentials", "jwt") and not self.instance_url:
            required.append(("token_url", self.token_url))
        return [(f"SALESFORCE__{name.upper()}", value) for name, value in required]


class Smtp(BaseModel):
    """The mail server that sends reports and alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    starttls: bool = False
    sender: str | None = None


class Report(BaseModel):
    """Who receives the morning report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: list[str] = Field(default_factory=list)


class OnCall(BaseModel):
    """Who receives alerts about failed runs and recovery alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: list[str] = Field(default_factory=list)


class Settings(BaseSettings):
    """All `NIGHTSHIFT_*` settings; unknown or malformed ones are an error."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="ignore",  # _reject_unknown_variables covers unknown names
        frozen=True,
    )

    raw_url: S3Url | None = None
    archive_url: S3Url | None = None
    copy_iam_role: str | None = None
    max_unpacked_gib: float = Field(default=64, gt=0, allow_inf_nan=False)
    locate_rejects_max_gib: float = Field(default=64, gt=0, allow_inf_nan=False)
    salesforce: Salesforce = Salesforce()
    smtp: Smtp = Smtp()
    report: Report = Report()
    on_call: OnCall = OnCall()

    def require_complete(self) -> None:
        """Raise `ConfigError` naming each missing setting that a full run needs."""
        missing = [
            f"NIGHTSHIFT_{name}"
            for name, value in (
                ("RAW_URL", self.raw_url),
                ("ARCHIVE_URL", self.archive_url),
                *self.salesforce.login_settings(),
            )
            if not value
        ]
        if missing:
            raise ConfigError(
                f"A full run needs these settings, which are not set: "
                f"{', '.join(missing)}. Set them in the environment or in .env, then "
                f"check them with `nightshift doctor`."
            )

    def required_raw_url(self) -> str:
        """Return `raw_url`; `ConfigError` if it is not set."""
        return _required(self.raw_url, "NIGHTSHIFT_RAW_URL", "s3://bucket/raw")

    def required_archive_url(self) -> str:
        """Return `archive_url`; `ConfigError` if it is not set."""
        return _required(
            self.archive_url, "NIGHTSHIFT_ARCHIVE_URL", "s3://bucket/archive"
        )


@cache
def load() -> Settings:
    """Return the settings; `ConfigError` names each unknown or malformed one."""
    environment.require_readable()
    _reject_unknown_variables()
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError(_describe(error)) from None


def _required(value: str | None, name: str, example: str) -> str:
    if value is None:
        raise ConfigError(f"{name} is not set. Set it, for example {name}={example}.")
    environment.require_services()
    return value


def _describe(error: ValidationError) -> str:
    """Name each malformed setting without its value, which may be a secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + "__".join(str(part).upper() for part in problem["loc"])
        lines.append(f"{name}: {problem['msg']}.")
    return "Malformed settings. Correct them:\n  " + "\n  ".join(lines)


def _reject_unknown_variables() -> None:
    names = {name.upper() for name in os.environ}
    known = known_variables()
    unknown = sorted(
        name for name in names if name.startswith(PREFIX) and name not in known
    )
    if unknown:
        raise ConfigError(
            f"Unknown settings: {', '.join(unknown)}. Correct or remove them. "
            f"The known settings are {', '.join(sorted(known))}."
        )


def known_variables() -> set[str]:
    """Return the names of all `NIGHTSHIFT_*` variables, with the dbt profile's."""
    names: set[str] = set()
    for name, field in Settings.model_fields.items():
        model: Any = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            nested = (f"{name}__{inner}" for inner in model.model_fields)
            names.update(f"{PREFIX}{inner}".upper() for inner in nested)
            names.add(f"{PREFIX}{name}".upper())
        else:
            names.add(f"{PREFIX}{name}".upper())
    return names | profile_variables()


def profile_variables() -> set[str]:
    """Return the names of the `NIGHTSHIFT_*` variables that the dbt profile reads."""
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
