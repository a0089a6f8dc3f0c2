"""The dbt profile, read without dbt: which target is meant, and what it says.

From `profiles.yml` (in DBT_PROFILES_DIR, the project, or ~/.dbt, in dbt's order) with
its `env_var()` calls filled in. Importing dbt for this would cost seconds on a night
with nothing to do; its own classes still judge the Redshift part.
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
    """One output of the profile; `values` are its keys as dbt would see them."""

    name: str
    values: dict[str, Any]

    @property
    def engine(self) -> str:
        """The dbt adapter type that the target names."""
        return str(self.values["type"])

    @property
    def schema_prefix(self) -> str:
        """What generate_schema_name puts before `staging`, `marts` and the others."""
        if self.name in ("local", "prod"):
            return ""
        return f"{self.values['schema']}_"


def target_name() -> str:
    """Return the target's name without reading the rest of the profile."""
    return os.environ.get("DBT_TARGET") or "local"


@cache
def target() -> Target:
    """Return the target in force: DBT_TARGET, or what the profile has as default."""
    path = profiles_file()
    profile = _read(path).get(PROFILE)
    if profile is None:
        raise ConfigError(
            f"{path} has no profile {PROFILE!r}. Compare with profiles.yml.example."
        )
    name = os.environ.get("DBT_TARGET") or str(_rendered(profile["target"], path))
    if name not in profile["outputs"]:
        known = ", ".join(sorted(profile["outputs"]))
        raise ConfigError(
            f"Target {name!r} is not in {path} (it has: {known}). Set DBT_TARGET."
        )
    return Target(name=name, values=_rendered(profile["outputs"][name], path))


def profiles_file() -> Path:
    """Return the profiles.yml that dbt would read; `ConfigError` if there is none."""
    given = os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(given)] if given else [Path(), PROJECT, Path.home() / ".dbt"]
    for folder in folders:
        if (folder / "profiles.yml").exists():
            return (folder / "profiles.yml").resolve()
    looked = ", ".join(str(folder) for folder in folders)
    raise ConfigError(
        f"No profiles.yml (looked in {looked}). "
        "Copy it: cp profiles.yml.example profiles.yml"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None


def _rendered(value: Any, path: Path) -> Any:  # noqa: ANN401 - YAML holds anything
    """Fill `env_var()` in, through lists and mappings."""
    if isinstance(value, dict):
        return {key: _rendered(inner, path) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rendered(inner, path) for inner in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    jinja = _Environment(undefined=StrictUndefined)
    for name, convert in FILTERS.items():
        jinja.filters[name] = partial(_Typed, convert)
    try:
        return jinja.from_string(value).render(env_var=_env_var, target={})
    except (TemplateError, ValueError) as error:
        raise ConfigError(f"{path}: cannot read {value!r}: {error}") from None


@dataclass(frozen=True)
class _Typed:
    """A value that a filter says is no text."""

    convert: Callable[[str], Any]
    value: object


def _joined(parts: Iterable[object]) -> object:
    """As in dbt, text stays text unless a filter says otherwise: so may passwords."""
    found = list(parts)
    if len(found) != 1:
        return "".join(str(part) for part in found)
    only = found[0]
    return only.convert(str(only.value)) if isinstance(only, _Typed) else only


class _Environment(NativeEnvironment):
    concat = staticmethod(_joined)


class _Template(NativeTemplate):
    environment_class = _Environment


_Environment.template_class = _Template


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else float(text)


def _bool(text: str) -> bool:
    if text.strip() not in ("True", "False"):
        raise ValueError(f"{text!r} is neither True nor False")
    return text.strip() == "True"


def _native(text: str) -> Any:  # noqa: ANN401 - whatever the text spells
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
        raise ConfigError(f"{name} is not set, and the dbt profile needs it. Set it.")
    return value
