"""The `NIGHTSHIFT_*` settings, read from the environment.

Nested settings are separated by `__`. `environment` adds the variables of `.env`.
Settings are read once per process. The warehouse is configured in the dbt
profile, and S3 through boto3's own variables.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from loaders.config import environment, secret_values
from loaders.config.alert_urls import Alerts
from loaders.config.endpoints import Metrics
from loaders.config.environment import PROJECT as PROJECT
from loaders.config.retention import Retention
from loaders.config.salesforce_policy import SyncPolicy
from loaders.config.setting_names import TABLE, not_a_setting
from loaders.config.setting_types import Addresses, PrivateKey, S3Url, StartTls, WebUrl
from loaders.errors import ConfigError, NightshiftError

PREFIX = "NIGHTSHIFT_"
LOG_FORMATS = ("json", "human")


class Salesforce(BaseModel):
    """How to log in to Salesforce, whether it is a sandbox, and how a sync behaves."""

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
    private_key_file: PrivateKey | None = None
    access_token: SecretStr | None = None
    api_version: str = Field(default="60.0", pattern=r"^\d{2}\.0$")
    expect_sandbox: bool | None = None
    sync: SyncPolicy = SyncPolicy()

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
    """The mail server that sends reports and alerts.

    `starttls` is `auto` (TLS wherever the server offers it, and no password without
    it), `always` or `never`. Port 465 always uses TLS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = None
    port: int = Field(default=587, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    starttls: StartTls = "auto"
    sender: str | None = None


class Report(BaseModel):
    """Who receives the morning report, and the Looker instance that it links to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: Addresses = Field(default_factory=list)
    looker_url: WebUrl | None = None


class OnCall(BaseModel):
    """Who receives alerts about failed runs and recovery alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: Addresses = Field(default_factory=list)


class Settings(BaseModel):
    """All `NIGHTSHIFT_*` settings; unknown or malformed ones are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw_url: S3Url | None = None
    archive_url: S3Url | None = None
    copy_iam_role: str | None = None
    max_unpacked_gib: float = Field(default=64, gt=0, allow_inf_nan=False)
    locate_rejects_max_gib: float = Field(default=64, gt=0, allow_inf_nan=False)
    log_format: Literal["json", "human"] | None = None
    salesforce: Salesforce = Salesforce()
    smtp: Smtp = Smtp()
    report: Report = Report()
    on_call: OnCall = OnCall()
    alerts: Alerts = Alerts()
    metrics: Metrics = Metrics()
    retention: Retention = Retention()

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
    require_secrets()
    settings, problems = load_valid()
    unknown = _unknown_variables()
    messages = [f"{name} is malformed: {problems[name]}." for name in sorted(problems)]
    known = known_variables()
    messages += [not_a_setting(name, known) for name in unknown]
    messages += [TABLE] if unknown else []
    if messages:
        raise ConfigError("Correct these settings.\n  " + "\n  ".join(messages))
    return settings


def load_valid() -> tuple[Settings, dict[str, str]]:
    """Return the settings without the malformed ones, and what is wrong with those.

    `doctor` uses it, because a malformed setting affects some of its checks only. The
    problems never contain a value, which may be a secret. An empty variable counts as
    not set.
    """
    problems = {name: str(error) for name, error in secret_failures().items()}
    present = {name.upper(): value for name, value in os.environ.items() if value}
    values = {
        name: present[name]
        for name in _fields(Settings)
        if name in present and name not in problems
    }
    while found := problems_of(values):
        problems |= found
        values = {name: text for name, text in values.items() if name not in found}
    return Settings.model_validate(_nested(values)), problems


def problems_of(values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each malformed value; no value is in the texts."""
    try:
        Settings.model_validate(_nested(values))
    except ValidationError as error:
        return _problems(error)
    return {}


def secret_failures() -> dict[str, NightshiftError]:
    """Read the settings that are stored elsewhere; return the error of each failure."""
    if not any(map(secret_values.may_refer, os.environ.items())):
        return {}
    return secret_values.resolve(known_variables())


def require_secrets(*names: str) -> None:
    """Raise the errors of these settings that are stored elsewhere; default: all."""
    failures = secret_failures()
    errors = [failures[name] for name in sorted(names or failures) if name in failures]
    if errors:
        family = next((type(e) for e in errors if isinstance(e, ConfigError)), None)
        raise (family or type(errors[0]))("\n  ".join(str(error) for error in errors))


def _fields(model: Any, prefix: str = PREFIX) -> dict[str, tuple[str, ...]]:  # noqa: ANN401 - a model or dataclass of pydantic
    """Return the field names of each variable: `("smtp", "port")` of SMTP__PORT."""
    fields: dict[str, tuple[str, ...]] = {}
    for name, field in model.__pydantic_fields__.items():
        variable = f"{prefix}{name.upper()}"
        if hasattr(field.annotation, "__pydantic_fields__"):
            nested = _fields(field.annotation, f"{variable}__")
            fields |= {inner: (name, *path) for inner, path in nested.items()}
        else:
            fields[variable] = (name,)
    return fields


def _nested(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the values by field names, as the nested models need them."""
    paths = _fields(Settings)
    document: dict[str, Any] = {}
    for variable, value in values.items():
        *models, field = paths[variable]
        place = document
        for model in models:
            place = place.setdefault(model, {})
        place[field] = value
    return document


def _problems(error: ValidationError) -> dict[str, str]:
    """Return what is wrong with each malformed variable."""
    problems = {}
    for problem in error.errors(include_input=False, include_url=False):
        location = tuple(str(part) for part in problem["loc"])
        variable = next(
            name
            for name, path in _fields(Settings).items()
            if location[: len(path)] == path
        )
        problems[variable] = problem["msg"].removeprefix("Value error, ")
    return problems


def _required(value: str | None, name: str, example: str) -> str:
    if value is None:
        raise ConfigError(f"{name} is not set. Set it, for example {name}={example}.")
    environment.require_services()
    return value


def _unknown_variables() -> list[str]:
    known = known_variables()
    names = {name.upper() for name in os.environ}
    return sorted(
        name
        for name in names
        if name.startswith(PREFIX)
        and name not in known
        and not secret_values.is_file_reference(name, known)
    )


def known_variables() -> set[str]:
    """Return the names of all `NIGHTSHIFT_*` variables, with the dbt profile's."""
    return {*_fields(Settings), *profile_variables()}


def profile_variables() -> set[str]:
    """Return the names of the `NIGHTSHIFT_*` variables that the dbt profile reads.

    A profile that cannot be read has none here; `dbt_profile` reports it.
    """
    folders = [PROJECT, Path(os.environ.get("DBT_PROFILES_DIR") or PROJECT)]
    files = [PROJECT / "profiles.yml.example"]
    files += [folder / "profiles.yml" for folder in folders]
    names: set[str] = set()
    for path in files:
        with suppress(OSError):
            text = path.read_bytes().decode(errors="replace")
            names.update(re.findall(rf"env_var\(\s*['\"]({PREFIX}\w+)['\"]", text))
    return names
