"""The loaders read the dbt profile as dbt does, and only the selected target."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context

from loaders.config import dbt_profile
from loaders.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
REDSHIFT_ENVIRONMENT = {
    "NIGHTSHIFT_REDSHIFT_HOST": "wg.123456789012.eu-west-1.redshift-serverless.aws",
    "NIGHTSHIFT_REDSHIFT_USER": "nightshift",
    "NIGHTSHIFT_REDSHIFT_PASSWORD": "12345678",
    "NIGHTSHIFT_REDSHIFT_PORT": "5440",
    "NIGHTSHIFT_REDSHIFT_SERVERLESS": "True",
    "NIGHTSHIFT_REDSHIFT_RA3": "false",
    "NIGHTSHIFT_REDSHIFT_TIMEOUT": "7200",
}


@pytest.fixture
def use_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Return a function that sets variables for a copy of profiles.yml.example."""
    shutil.copy(PROJECT / "profiles.yml.example", tmp_path / "profiles.yml")
    for name in list(os.environ):
        if name.startswith(("NIGHTSHIFT_", "DBT_")):
            monkeypatch.delenv(name)

    def set_environment(**environment: str) -> None:
        monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        dbt_profile.target.cache_clear()

    yield set_environment
    dbt_profile.target.cache_clear()


@pytest.mark.parametrize("target", ["local", "dev", "prod"])
@pytest.mark.parametrize("more", [{}, REDSHIFT_ENVIRONMENT])
def test_targets_have_the_same_values_as_in_dbt(
    use_profile: Callable[..., None], target: str, more: dict[str, str]
) -> None:
    use_profile(DBT_TARGET=target, NIGHTSHIFT_REDSHIFT_HOST="cluster.example.com")
    use_profile(**more)
    text = dbt_profile.profiles_file().read_text(encoding="utf-8")
    output = yaml.safe_load(text)["nightshift"]["outputs"][target]
    set_invocation_context(dict(os.environ))
    assert dbt_profile.target().values == ProfileRenderer({}).render_data(output)


def test_password_of_digits_stays_a_string(use_profile: Callable[..., None]) -> None:
    use_profile(DBT_TARGET="prod", **REDSHIFT_ENVIRONMENT)
    values = dbt_profile.target().values
    assert values["password"] == "12345678"
    assert values["port"] == 5440
    assert values["is_serverless"] is True
    assert values["ra3_node"] is False
    assert values["connect_timeout"] == 7200


def test_local_target_needs_no_redshift_variables(
    use_profile: Callable[..., None],
) -> None:
    use_profile()
    assert dbt_profile.target().engine == "duckdb"


def test_missing_host_is_a_config_error(use_profile: Callable[..., None]) -> None:
    use_profile(DBT_TARGET="prod")
    with pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_HOST is not set"):
        dbt_profile.target()


def test_certificates_are_verified_unless_sslmode_is_set(
    use_profile: Callable[..., None],
) -> None:
    use_profile(DBT_TARGET="prod", **REDSHIFT_ENVIRONMENT)
    assert dbt_profile.target().values["sslmode"] == "verify-full"
    use_profile(NIGHTSHIFT_REDSHIFT_SSLMODE="require")
    assert dbt_profile.target().values["sslmode"] == "require"
