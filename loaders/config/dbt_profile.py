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
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import TemplateError
from jinja2.nativetypes import NativeEnvironment, NativeTemplate

from loaders.config import settings
from loaders.config.environment import PROJECT
from loaders.config.yaml_files import read_mapping, require_mapping
from loaders.errors import ConfigError

PROFILE = "nightshift"
# generate_schema_name gives the schemas of the other targets a prefix.
UNPREFIXED_TARGETS = ("local", "prod")


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
        if self.name in UNPREFIXED_TARGETS:
            return ""
        return f"{self.values['schema']}_"


def target_name() -> str:
    """Return DBT_TARGET, or else the profile's default target, as dbt does."""
    return os.environ.get("DBT_TARGET") or _default_target(*_profile())


@cache
def target() -> Target:
    """Return the target that DBT_TARGET names, or the profile's default target.

    Raises `ConfigError` with the file and the key that is missing or malformed.
    """
    profile, path = _profile()
    name = os.environ.get("DBT_TARGET") or _default_target(profile, path)
    return named_target(name, remedy="Correct DBT_TARGET or the profile.")


def named_target(name: str, *, remedy: str) -> Target:
    """Return one target of the profile; its other targets need no variables.

    Raises `ConfigError` like `target`, with `remedy` if there is no such target.
    """
    profile, path = _profile()
    outputs = _outputs(profile, path)
    if name not in outputs:
        names = ", ".join(sorted(outputs)) or "none"
        raise ConfigError(
            f"Target {name!r} is not in {path}, which has: {names}. {remedy}"
        )
    place = f"outputs.{name} in {path}"
    values = _render(require_mapping(outputs[name], place), place)
    for key in ("type",) if name in UNPREFIXED_TARGETS else ("type", "schema"):
        if not values.get(key):
            raise ConfigError(
                f"{place} has no {key!r}. Compare it with profiles.yml.example."
            )
    return Target(name=name, values=values)


def target_engines() -> dict[str, str]:
    """Return the adapter type of each target of the profile, by name."""
    profile, path = _profile()
    return {
        name: str(values.get("type")) if isinstance(values, dict) else ""
        for name, values in _outputs(profile, path).items()
    }


def profiles_file() -> Path:
    """Return the profiles.yml that dbt would read; `ConfigError` if there is none."""
    configured = os.environ.get("DBT_PROFILES_DIR")
    folders = [Path(), PROJECT, Path("~/.dbt")]
    with suppress(RuntimeError):  # the user has no home directory
        folders[-1] = folders[-1].expanduser()
    if configured:
        folders = [Path(configured)]
    for folder in folders:
        path = folder / "profiles.yml"
        # os.path, because pathlib raises an error for a folder that is closed to us.
        if os.path.lexists(path):
            return path.absolute()
    searched = ", ".join(str(folder) for folder in folders)
    remedy = "Create it: cp profiles.yml.example profiles.yml"
    if configured:
        remedy = "Correct DBT_PROFILES_DIR, or create the file there"
    raise ConfigError(f"No profiles.yml found in {searched}. {remedy}.")


def _profile() -> tuple[dict[str, Any], Path]:
    path = profiles_file()
    profile = read_mapping(path).get(PROFILE)
    if profile is None:
        raise ConfigError(
            f"{path} has no profile {PROFILE!r}. Compare it with profiles.yml.example."
        )
    return require_mapping(profile, f"{PROFILE} in {path}"), path


def _outputs(profile: dict[str, Any], path: Path) -> dict[str, Any]:
    return require_mapping(profile.get("outputs"), f"outputs of {PROFILE} in {path}")


def _default_target(profile: dict[str, Any], path: Path) -> str:
    """Return the profile's `target`; dbt uses `default` if it has none."""
    return str(_render(profile.get("target") or "default", f"target in {path}"))


def _render(value: Any, place: str) -> Any:  # noqa: ANN401 - any YAML value
    """Render `env_var()` calls in a value, recursively in lists and mappings."""
    if isinstance(value, dict):
        return {
            key: _render(inner, f"{key} of {place}") for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_render(inner, place) for inner in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    jinja = _Environment(undefined=StrictUndefined)
    for name, convert in FILTERS.items():
        jinja.filters[name] = partial(_Converted, convert)
    try:
        return jinja.from_string(value).render(env_var=_env_var, target={})
    except ConfigError as error:
        raise ConfigError(f"{place} cannot be rendered: {error}") from None
    except TemplateError as error:
        cause = f"{error}".rstrip(".")
    except Exception as error:  # an expression may raise anything
        # Its text may contain the value of a variable, which may be a secret.
        names = ", ".join(re.findall(r"env_var\(\s*['\"](\w+)['\"]", value))
        cause = f"{type(error).__name__}, check {names or 'the expression'}"
    raise ConfigError(f"{place} cannot be rendered: {cause}. Correct it.")


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
    if isinstance(part, Undefined):
        str(part)  # raises the error that names it
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
    settings.require_secrets(name.upper())
    value = os.environ.get(name, default)
    if value is None:
        raise ConfigError(f"{name} is not set. Set it.")
    return value
