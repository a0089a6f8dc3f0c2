"""The files with environment variables: `.env`, and the one that `make demo` writes.

Both command lines apply them before they read any setting, so that boto3, dbt and
OpenLineage see their variables too. Tests call neither, so a developer's files do not
influence them.
"""

import io
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from loaders.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
DOTENV = Path(".env")  # of the working directory
DEMO_FILE = PROJECT / "var" / "demo" / "nightshift.env"
# If one of these is set, somebody has configured something other than the demo.
CONFIGURED_PREFIXES = ("NIGHTSHIFT_", "DBT_TARGET", "DBT_PROFILES_DIR")
# The demo has its own credentials; a profile would have precedence over them.
NOT_IN_THE_DEMO = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")
# luigi-central.cfg reads it.
SCHEDULER_URL = "LUIGI_SCHEDULER_URL"
DEFAULT_SCHEDULER_URL = "http://localhost:8082"
# The emulators run in one process, so these stand for all of them.
DEMO_SERVICES = ("AWS_ENDPOINT_URL_S3", "NIGHTSHIFT_SALESFORCE__INSTANCE_URL")

_original: dict[str, str] | None = None
_applied: Path | None = None
_problem: ConfigError | None = None


def apply() -> None:
    """Put the variables of `.env` into the process environment.

    A variable that is set already keeps its value. Without `.env` and without any
    `NIGHTSHIFT_*` variable or dbt target, the demo's file is used if it exists. A file
    that cannot be read is reported by `require_readable`, so that commands that need
    no settings work, and `doctor` can show its other checks.
    """
    global _applied, _problem, _original
    _applied, _problem = None, None
    _original = dict(os.environ)
    try:
        if os.path.lexists(DOTENV):
            _set(read(DOTENV))
            _applied = DOTENV.absolute()
        elif not _is_configured() and DEMO_FILE.exists():
            variables = read(DEMO_FILE)
            for name in (*variables, *NOT_IN_THE_DEMO):
                os.environ.pop(name, None)
            _set(variables)
            _applied = DEMO_FILE
    except ConfigError as error:
        _problem = error
    # boto3 reads the second name only; AWS itself and the other SDKs use the first.
    if region := os.environ.get("AWS_REGION"):
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    os.environ.setdefault(SCHEDULER_URL, DEFAULT_SCHEDULER_URL)


def apply_again() -> None:
    """Apply the files again, after one has been written by this process."""
    if _original is not None:
        os.environ.clear()
        os.environ.update(_original)
    apply()


def require_readable() -> None:
    """Raise `ConfigError` if `apply` could not read a file."""
    if _problem is not None:
        raise _problem


def applied_file() -> Path | None:
    """Return the file whose variables are in use, or None."""
    return _applied


def is_demo() -> bool:
    """Return whether the settings in use are those that `make demo` wrote."""
    return _applied == DEMO_FILE


def require_services() -> None:
    """Raise `ConfigError` if the demo's emulators are needed, but do not run.

    Call it before S3, Salesforce or Redshift is used. Other settings are not checked.
    """
    if not is_demo():
        return
    for name in DEMO_SERVICES:
        url = urlsplit(os.environ.get(name, ""))
        try:
            socket.create_connection((url.hostname or "", url.port or 0)).close()
        except OSError:
            raise ConfigError(
                "The demo's emulators are not running. Start them again: make emulators"
            ) from None


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file of `NAME=value` lines.

    Raises `ConfigError` with the line that is malformed, never with its value, which
    may be a secret.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Correct its permissions, or "
            "remove it."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not valid UTF-8 (byte {error.start + 1}). Save it as UTF-8."
        ) from None
    names: set[str] = set()
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue  # a comment or blank lines
        place = f"{path}, line {_line_number(binding)}"
        if binding.value is None or "\0" in binding.value:
            raise ConfigError(f"{place} is not NAME=value. Correct it.")
        if binding.key in names:
            raise ConfigError(f"{place} sets {binding.key} again. Remove one of them.")
        names.add(str(binding.key))
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value or "" for name, value in values.items()}


def write(path: Path, variables: Mapping[str, str], *, header: str) -> None:
    """Write a file of `NAME=value` lines that only its owner can read.

    It is replaced as a whole. Raises `ConfigError` if it cannot be written, or for a
    value that such a file cannot hold.
    """
    lines = "".join(f"{name}={_quoted(name, variables[name])}\n" for name in variables)
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(header + lines, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}. Check the permissions of "
            "its folder."
        ) from None


def _quoted(name: str, value: str) -> str:
    """Quote a value so that `read` returns it; so do shells, unless it has ' and $."""
    if "${" in value or "\0" in value:
        # python-dotenv replaces ${NAME} in every kind of quotes.
        raise ConfigError(
            f"The value of {name} contains '${{' or NUL, which a .env file cannot "
            f"hold. Store it in a file and set {name}_FILE to its path."
        )
    if re.fullmatch(r"[\w@%+=:,./-]+", value, re.ASCII):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _line_number(binding: Binding) -> int:
    """Return the line of a binding, which may begin with blank lines."""
    text = binding.original.string
    blanks = text[: len(text) - len(text.lstrip())]
    return binding.original.line + blanks.count("\n")


def _set(variables: Mapping[str, str]) -> None:
    present = {name.upper() for name in os.environ}
    for name, value in variables.items():
        if name.upper() not in present:
            os.environ[name] = value


def _is_configured() -> bool:
    return any(name.upper().startswith(CONFIGURED_PREFIXES) for name in os.environ)
