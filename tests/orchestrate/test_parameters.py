"""Names, ids and texts on both command lines are checked; errors name them."""

from datetime import date

import luigi.cmdline_parser
import pytest
import typer
from typer.testing import CliRunner

from loaders.config import dbt_profile
from loaders.errors import ConfigError
from orchestrate.cli.main import app
from orchestrate.cli.options import require_id, require_text
from orchestrate.nightly import BuildOrgDays, Nightly
from orchestrate.tasks.load import RawPartition
from orchestrate.tasks.parameters import DEFAULT_ENV, result_name

DAY = date(2026, 11, 24)
NAMES = ("a", "v1", "prod-2", "anna.branch_7", "7", "x" * 64)
NO_NAMES = (
    "",
    ".",
    "..",
    ".a",
    "_a",
    "-a",
    "a/b",
    "../a",
    "a b",
    "a\n",
    "a\x1b",
    "x" * 65,
    "é",
    "a=b",
    "a;b",
    "%61",
    "٣",
)


@pytest.mark.parametrize("option", ["env", "version"])
@pytest.mark.parametrize("name", NAMES)
def test_names_are_accepted(option: str, name: str) -> None:
    assert result_name(option, name) == name
    assert getattr(Nightly(data_date=DAY, **{option: name}), option) == name


@pytest.mark.parametrize("option", ["env", "version"])
@pytest.mark.parametrize("name", NO_NAMES)
def test_other_values_are_rejected_with_the_option(option: str, name: str) -> None:
    for task in (Nightly, BuildOrgDays):
        with pytest.raises(ConfigError, match=f"--{option} .* is not a valid name"):
            task(data_date=DAY, **{option: name})
    result = CliRunner().invoke(app, ["status", f"--{option}", name])
    assert isinstance(result.exception, ConfigError)
    assert f"--{option}" in str(result.exception)
    if not name:
        return  # Luigi takes an empty value for a missing one
    line = ["Backfill", "--data-date-from", str(DAY), "--data-date", str(DAY)]
    with (
        luigi.cmdline_parser.CmdlineParser.global_instance(
            [*line, f"--{option}={name}"]
        ) as parser,
        pytest.raises(ConfigError, match=f"--{option}"),
    ):
        parser.get_task_obj()


def test_default_env_is_the_dbt_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_TARGET", "prod")
    assert Nightly(data_date=DAY).env == result_name("env", DEFAULT_ENV) == "prod"
    monkeypatch.delenv("DBT_TARGET")
    assert Nightly(data_date=DAY).env == dbt_profile.target_name()


def test_unknown_raw_source_is_named_when_a_task_is_created() -> None:
    assert RawPartition(data_date=DAY, source="orgs").source == "orgs"
    with pytest.raises(ConfigError, match="'org' is not a raw source"):
        RawPartition(data_date=DAY, source="org")


@pytest.mark.parametrize("value", [-(2**63), -1, 0, 2**63 - 1, None])
def test_ids_of_64_bits_are_accepted(value: int | None) -> None:
    assert require_id(value) == value


@pytest.mark.parametrize("value", [-(2**63) - 1, 2**63, 10**30])
@pytest.mark.parametrize(
    "command", [("explain-org", "--"), ("erase", "--org"), ("erase", "--user")]
)
def test_numbers_of_more_than_64_bits_are_no_ids(
    command: tuple[str, ...], value: int
) -> None:
    with pytest.raises(typer.BadParameter, match=f"{value} is not an id"):
        require_id(value)
    result = CliRunner().invoke(app, [*command, str(value)])
    assert result.exit_code == 2
    assert f"{value} is not an id" in " ".join(result.output.split())


def test_argument_that_is_not_utf_8_is_named() -> None:
    require_text(["salesforce", "history", "ü [/b]"])
    with pytest.raises(ConfigError, match=r"'a\\udcff' is not valid UTF-8"):
        require_text(["salesforce", "history", "a\udcff"])
