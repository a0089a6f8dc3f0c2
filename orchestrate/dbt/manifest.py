"""The project's dbt manifest, cached under `var/dbt` and parsed again when stale.

It is stale when a project file, the profile or the dbt version has changed. dbt is
imported only then.
"""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loaders.config import dbt_profile, settings
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError
from orchestrate.dbt.artifacts import MANIFEST, TARGET_FOLDER

PROJECT_FILES = ("dbt_project.yml",)
PROJECT_FOLDERS = ("models", "macros", "seeds", "tests/dbt")


def read() -> dict[str, Any]:
    """Return the manifest of the project's current files."""
    digest = _project_digest()
    digest_file = TARGET_FOLDER / "project.sha256"
    is_current = (
        MANIFEST.exists()
        and digest_file.exists()
        and digest_file.read_text("utf-8") == digest
    )
    if not is_current:
        # Importing dbt takes seconds, so it is imported only to parse.
        from orchestrate.dbt import runner

        runner.parse()
        digest_file.write_text(digest, encoding="utf-8")
    return last_parsed()


def last_parsed() -> dict[str, Any]:
    """Return the manifest that `read` has used last, without a look at the files."""
    contents: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return contents


def _project_digest() -> str:
    digest = hashlib.sha256()
    paths = [PROJECT / name for name in PROJECT_FILES] + [dbt_profile.profiles_file()]
    for folder in PROJECT_FOLDERS:
        paths += sorted(
            path for path in (PROJECT / folder).rglob("*") if path.is_file()
        )
    for path in paths:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256(_content(path)).digest())
    for value in (version("dbt-core"), dbt_profile.target_name(), str(PROJECT)):
        digest.update(f"{value}\0".encode())
    for name in sorted(settings.profile_variables()):
        if "PASSWORD" not in name:
            digest.update(f"{name}={os.environ.get(name)}\0".encode())
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    """Return the bytes of a file that dbt reads as UTF-8 text."""
    try:
        content = path.read_bytes()
        content.decode()
        return content
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not valid UTF-8 (byte {error.start + 1}). Save it as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Correct its permissions, or "
            "restore the file."
        ) from None
