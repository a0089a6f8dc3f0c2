"""The vars of dbt_project.yml, which are the business constants."""

from typing import Any

import yaml

from loaders.config.settings import PROJECT


def project_vars() -> dict[str, Any]:
    """Return the vars by name; those of the project override global ones."""
    text = (PROJECT / "dbt_project.yml").read_text(encoding="utf-8")
    declared: dict[str, Any] = yaml.safe_load(text).get("vars", {})
    project: dict[str, Any] = declared.pop("nightshift", {})
    return declared | project
