"""The dbt project file: its vars, which are the business constants."""

from typing import Any

import yaml

from loaders.config.settings import PROJECT


def project_vars() -> dict[str, Any]:
    """Return the vars of dbt_project.yml, flat."""
    text = (PROJECT / "dbt_project.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(text).get("vars", {})
    own = given.get("nightshift", {})
    return {**{k: v for k, v in given.items() if k != "nightshift"}, **own}
