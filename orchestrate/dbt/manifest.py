"""dbt's manifest of the project, kept under `var/dbt` and parsed again when stale.

It is stale when a project file, the profile or dbt itself has changed; dbt is not
imported otherwise.
"""

import hashlib
import json
import os
from importlib.metadata import version
from typing import Any

from loaders.config import dbt_profile, settings
from loaders.config.settings import PROJECT
from orchestrate.dbt.artifacts import MANIFEST, TARGET_FOLDER

PROJECT_FILES = ("dbt_project.yml",)


PROJECT_FOLDERS = ("models", "macros", "seeds", "tests/dbt")


def read() -> dict[str, Any]:
    """Return dbt's manifest of the project as its files are now."""
    digest = _project_digest()
    kept = TARGET_FOLDER / "project.sha256"
    if not (kept.exists() and MANIFEST.exists() and kept.read_text("utf-8") == digest):
        # dbt takes seconds to import: only when there is something to parse.
        from orchestrate.dbt import runner

        runner.parse()
        kept.write_text(digest, encoding="utf-8")
    return json.loads(MANIFEST.read_text(encoding="utf-8"))


def _project_digest() -> str:
    digest = hashlib.sha256()
    paths = [PROJECT / name for name in PROJECT_FILES] + [dbt_profile.profiles_file()]
    for folder in PROJECT_FOLDERS:
        paths += sorted(
            path for path in (PROJECT / folder).rglob("*") if path.is_file()
        )
    for path in paths:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for fact in (version("dbt-core"), dbt_profile.target_name(), str(PROJECT)):
        digest.update(f"{fact}\0".encode())
    for name in sorted(settings.profile_names()):
        if "PASSWORD" not in name:
            digest.update(f"{name}={os.environ.get(name)}\0".encode())
    return digest.hexdigest()
