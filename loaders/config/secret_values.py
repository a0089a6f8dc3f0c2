"""Settings whose value is stored elsewhere: in AWS, or in a file.

`NAME=secretsmanager:SECRET` and `NAME=ssm:PARAMETER` are read through boto3, with
`#KEY` at the end one key of a JSON object. `NAME_FILE=PATH` is the content of a file.
Each is read once per process; the value then replaces the reference in the process
environment, where dbt, OpenLineage and forked workers find it too.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path

from loaders.errors import ConfigError, NightshiftError

PREFIXES = ("NIGHTSHIFT_", "OPENLINEAGE_")
REFERENCE = re.compile(
    r"(?P<service>secretsmanager|ssm):(?P<name>[^#\s]*)(#(?P<key>.*))?"
)
# A list of URLs may contain references beside URLs.
URL_LISTS = re.compile(r"__URLS$")
LIST_ITEM = re.compile(r'[^\s",\[\]{}]+')
# OpenLineage has no list of its variables.
OTHER_SECRETS = re.compile(r"^OPENLINEAGE_\w*(KEY|TOKEN|SECRET|PASSWORD)$")
FILE_SUFFIX = "_FILE"

_failures: dict[tuple[str, str], NightshiftError] = {}
_values: dict[str, str] = {}
# What each variable contains since it was resolved: a value may look like a reference.
_resolved: dict[str, str] = {}


def resolve(known: Collection[str]) -> dict[str, NightshiftError]:
    """Replace all references in the environment; return the error of each that fails.

    `known` are the settings' names in upper case. `X_FILE` is a reference if it is not
    itself one of them, but `X` is. An error names the setting and the secret or file,
    never the value.
    """
    failures = {}
    for variable, text in list(os.environ.items()):
        name = variable.upper()
        if not text or not name.startswith(PREFIXES):
            continue
        if _resolved.get(name) == text:
            continue
        target = _target_of_file(name, known)
        if target is None and not is_reference(name, text):
            continue
        if error := _failures.get((name, text)):
            failures[target or name] = error
            continue
        try:
            if target is None:
                os.environ[variable] = _read_references(name, text)
                _resolved[name] = os.environ[variable]
            else:
                os.environ[target] = _read_file(name, target, text)
                _resolved[target] = os.environ[target]
                del os.environ[variable]
        except NightshiftError as error:
            failures[target or name] = _failures[name, text] = error
    return failures


def may_refer(variable: tuple[str, str]) -> bool:
    """Return whether a variable and its value may be a reference; cheap."""
    name, value = variable[0].upper(), variable[1]
    return bool(value) and (
        name.startswith(PREFIXES)
        and (name.endswith(FILE_SUFFIX) or is_reference(name, value))
    )


def is_reference(name: str, text: str) -> bool:
    """Return whether a setting's value names a secret instead of containing it."""
    text = text.strip()
    if URL_LISTS.search(name):
        return any(REFERENCE.fullmatch(item) for item in LIST_ITEM.findall(text))
    return REFERENCE.fullmatch(text) is not None


def is_file_reference(name: str, known: Collection[str]) -> bool:
    """Return whether a variable names the file of a known setting."""
    return _target_of_file(name, known) is not None


def _target_of_file(name: str, known: Collection[str]) -> str | None:
    target = name.removesuffix(FILE_SUFFIX)
    if target == name or name in known:
        return None
    return target if target in known or OTHER_SECRETS.match(target) else None


def _read_references(name: str, text: str) -> str:
    text = text.strip()
    whole = REFERENCE.fullmatch(text)
    if whole:
        return _read(name, whole)
    return LIST_ITEM.sub(
        lambda item: (
            _read(name, reference)
            if (reference := REFERENCE.fullmatch(item[0]))
            else item[0]
        ),
        text,
    )


def _read(name: str, reference: re.Match[str]) -> str:
    service, secret, key = reference["service"], reference["name"], reference["key"]
    if not secret or key == "":
        raise ConfigError(
            f"{name} does not name a secret after '{service}:'. Set it to "
            f"{service}:NAME or {service}:NAME#KEY."
        )
    if reference[0] not in _values:
        # Imports boto3, which takes longer than all else that the settings need.
        from loaders import aws_secrets

        try:
            value = aws_secrets.read(service, secret, key=key or "")
        except NightshiftError as error:
            raise type(error)(f"{name}: {error}") from error
        noun = aws_secrets.STORES[service].noun
        _values[reference[0]] = _usable(value, f"{name}: {noun} {secret!r}")
    return _values[reference[0]]


def _read_file(name: str, target: str, text: str) -> str:
    if any(other.upper() == target and value for other, value in os.environ.items()):
        raise ConfigError(f"{target} and {name} are both set. Remove one of them.")
    path = Path(text.strip())
    try:
        value = path.read_bytes().decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(
            f"{name} ({path}) cannot be read: {error.strerror}. Correct the path or "
            "the file's permissions."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"{name} ({path}) is not UTF-8 text. Correct the file."
        ) from None
    return _usable(value, f"{name} ({path})")


def _usable(value: str, subject: str) -> str:
    if not value.strip():
        raise ConfigError(f"{subject} is empty. Store the value there.")
    if "\0" in value:
        raise ConfigError(f"{subject} contains a NUL character. Correct it.")
    return value
