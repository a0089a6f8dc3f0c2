"""The loaders read the profile as dbt does, and only the target that is meant."""

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
GIVEN = {
    "NIGHTSHIFT_REDSHIFT_HOST": "wg.123456789012.eu-west-1.redshift-serverless.aws",
    "NIGHTSHIFT_REDSHIFT_USER": "nightshift",
    "NIGHTSHIFT_REDSHIFT_PASSWORD": "12345678",
    "NIGHTSHIFT_REDSHIFT_PORT": "5440",
    "NIGHTSHIFT_REDSHIFT_SERVERLESS": "True",
    "NIGHTSHIFT_REDSHIFT_RA3": "false",
    "NIGHTSHIFT_REDSHIFT_TIMEOUT": "7200",
}


@pytest.fixture
def given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Give a function that sets the environment of a copy of the example."""
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
@pytest.mark.parametrize("more", [{}, GIVEN])
def test_every_target_reads_as_in_dbt(
    given: Callable[..., None], target: str, more: dict[str, str]
) -> None:
    given(DBT_TARGET=target, NIGHTSHIFT_REDSHIFT_HOST="cluster.example.com")
    given(**more)
    text = dbt_profile.profiles_file().read_text(encoding="utf-8")
    output = yaml.safe_load(text)["nightshift"]["outputs"][target]
    set_invocation_context(dict(os.environ))
    assert dbt_profile.target().values == ProfileRenderer({}).render_data(output)


def test_a_password_of_digits_stays_text(given: Callable[..., None]) -> None:
    given(DBT_TARGET="prod", **GIVEN)
    values = dbt_profile.target().values
    assert values["password"] == "12345678"
    assert values["port"] == 5440
    assert values["is_serverless"] is True
    assert values["ra3_node"] is False
    assert values["connect_timeout"] == 7200


def test_the_local_target_needs_none_of_the_clusters_variables(
    given: Callable[..., None],
) -> None:
    given()
    assert dbt_profile.target().engine == "duckdb"


def test_a_missing_host_is_named(given: Callable[..., None]) -> None:
    given(DBT_TARGET="prod")
    with pytest.raises(ConfigError, match="NIGHTSHIFT_REDSHIFT_HOST is not set"):
        dbt_profile.target()


def test_certificates_are_checked_unless_somebody_says_otherwise(
    given: Callable[..., None],
) -> None:
    given(DBT_TARGET="prod", **GIVEN)
    assert dbt_profile.target().values["sslmode"] == "verify-full"
    given(NIGHTSHIFT_REDSHIFT_SSLMODE="require")
    assert dbt_profile.target().values["sslmode"] == "require"
