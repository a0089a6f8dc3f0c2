"""Reads YAML files that people edit: the dbt profile, the project and its models."""

import re
from pathlib import Path
from typing import Any

import yaml

from loaders.errors import ConfigError

# The parser in C is ten times as fast, but a PyYAML built without libyaml lacks it.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file; an empty file has none.

    Raises `ConfigError` with the file and line. The message never contains the file's
    text, in which there may be a password.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = yaml.load(text, Loader=Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist. Restore it.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Correct its permissions, or "
            "restore the file."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not valid UTF-8 (byte {error.start + 1}). Save it as UTF-8."
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{path}{line} is not valid YAML: {_problem(error)}. Correct it."
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A control character; a date such as 2026-02-30; thousands of brackets.
        raise ConfigError(
            f"{path} is not valid YAML ({type(error).__name__}). Correct it."
        ) from None
    return require_mapping({} if content is None else content, f"{path}")


def require_mapping(value: object, subject: str) -> dict[str, Any]:
    """Return a mapping from names to values; `ConfigError` if it is something else."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        kind = "a mapping whose keys are not all text"
        if not isinstance(value, dict):
            kind = "empty" if value is None else f"a {type(value).__name__}"
        raise ConfigError(
            f"{subject} must contain `name: value` lines, but it is {kind}. Correct it."
        )
    return value


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong, without the words that YAML quotes from the file."""
    problem = error.problem or error.context or "it cannot be parsed"
    return re.sub(r"'([^']*)'", _shortened, problem)


def _shortened(quoted: re.Match[str]) -> str:
    """Return a quoted sign such as `']'` or `'<scalar>'`; hide longer text."""
    text = quoted[1]
    return f"'{text}'" if len(text) <= 2 or text.startswith("<") else "'...'"
