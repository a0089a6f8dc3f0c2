"""The selected target of the dbt profile, read without importing dbt.

Reads `profiles.yml` from DBT_PROFILES_DIR, the working directory, the project or
~/.dbt, and renders its `env_var()` calls. dbt is not imported because that takes
seconds, even for a run that has nothing to do. When a session with Redshift is opened,
dbt's own classes validate the target.
"""

import ast
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError
from jinja2.nativetypes import NativeEnvironment, NativeTemplate

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError

PROFILE = "nightshift"


@dataclass(frozen=True)
class Target:
    """One output of the profile; `values` are its keys and rendered values."""

    name: str
    values: dict[str, Any]

    @property
    def engine(self) -> str:
        """The dbt adapter type, for example `duckdb`."""
        return str(self.values["type"])

    @property
    def schema_prefix(self) -> str:
        """The prefix that generate_schema_name adds to `staging` and other schemas."""
        if self.name in ("local", "prod"):
            return ""
        return f"{self.values['schema']}_"


def target_name() -> str:
    """Return DBT_TARGET or the default `local`, without reading the profile."""
    return os.environ.get("DBT_TARGET") or "local"


@cache
def target() -> Target:
    """Return the target that DBT_TARGET names, or the profile's default target."""
    path = profiles_file()
    profile = _read(path).get(PROFILE)
    if profile is None:
        raise ConfigError(
            f"{path} has no profile {PROFILE!r}. Compare it with profiles.yml.example."
        )
    name = os.environ.get("DBT_TARGET") or str(_render(profile["target"], path))
    if name not in profile["outputs"]:
        names = ", ".join(sorted(profile["outputs"]))
        raise ConfigError(
            f"Target {name!r} is not in {path}, which has: {names}. Correct DBT_TARGET."
        )
    return Target(name=name, values=_render(profile["outputs"][name], path))


def profiles_file() -> Path:
    """Return the profiles.yml that dbt would read; `ConfigError` if there is none."""
    configured = os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(), PROJECT, Path.home() / ".dbt"]
    if configured:
        folders = [Path(configured)]
    for folder in folders:
        if (folder / "profiles.yml").exists():
            return (folder / "profiles.yml").resolve()
    searched = ", ".join(str(folder) for folder in folders)
    raise ConfigError(
        f"No profiles.yml found in {searched}. "
        "Create it: cp profiles.yml.example profiles.yml"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return content or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML. Correct it: {error}") from None


def _render(value: Any, path: Path) -> Any:  # noqa: ANN401 - any YAML value
    """Render `env_var()` calls in a value, recursively in lists and mappings."""
    if isinstance(value, dict):
        return {key: _render(inner, path) for key, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, path) for inner in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    jinja = _Environment(undefined=StrictUndefined)
    for name, convert in FILTERS.items():
        jinja.filters[name] = partial(_Converted, convert)
    try:
        return jinja.from_string(value).render(env_var=_env_var, target={})
    except (TemplateError, ValueError) as error:
        raise ConfigError(
            f"Cannot render {value!r} in {path}: {error}. Correct the profile."
        ) from None


@dataclass(frozen=True)
class _Converted:
    """A value that a filter such as `as_number` converts to another type."""

    convert: Callable[[str], Any]
    value: object


def _concatenate(values: Iterable[Any]) -> Any | None:  # noqa: ANN401 - as in jinja2
    """Join the rendered parts; only a filter turns text into another type.

    dbt does the same, so that a password such as `0123` stays text.
    """
    parts = list(values)
    if len(parts) != 1:
        return "".join(str(part) for part in parts)
    (part,) = parts
    return part.convert(str(part.value)) if isinstance(part, _Converted) else part


class _Environment(NativeEnvironment):
    concat = staticmethod(_concatenate)


class _Template(NativeTemplate):
    environment_class = _Environment


_Environment.template_class = _Template


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else float(text)


def _bool(text: str) -> bool:
    if text.strip() not in ("True", "False"):
        raise ValueError(f"{text!r} is neither True nor False")
    return text.strip() == "True"


def _native(text: str) -> Any:  # noqa: ANN401 - any Python literal
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text


FILTERS: dict[str, Callable[[str], Any]] = {
    "as_number": _number,
    "as_bool": _bool,
    "as_native": _native,
    "as_text": str,
}


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise ConfigError(f"{name} is not set. Set it; the dbt profile reads it.")
    return value
