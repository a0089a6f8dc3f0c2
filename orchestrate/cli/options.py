"""The options that several commands share."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from loaders.errors import ConfigError
from orchestrate.runs.execution import require_past
from orchestrate.tasks.parameters import result_name

MIN_ID, MAX_ID = -(2**63), 2**63 - 1


def _env(value: str) -> str:
    return result_name("env", value)


def _version(value: str) -> str:
    return result_name("version", value)


def require_id(value: int | None) -> int | None:
    """Return the id of an argument, which is a whole number of 64 bits."""
    if value is not None and not MIN_ID <= value <= MAX_ID:
        raise typer.BadParameter(
            f"{value} is not an id. Ids are whole numbers of at most 64 bits."
        )
    return value


Day = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="Data date: a day that has ended (UTC). Default: yesterday.",
    ),
]
Env = Annotated[
    str,
    typer.Option(
        callback=_env,
        help="Name that separates results: first folder of the archive.",
    ),
]
Version = Annotated[
    str,
    typer.Option(
        callback=_version,
        help="Version of the results: second folder of the archive.",
    ),
]
Workers = Annotated[
    int, typer.Option(min=1, help="Parallel tasks on Redshift. DuckDB uses one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DEFAULT_WORKERS = 2


def parse_data_date(day: datetime | None) -> date:
    """Return the data date of an option: yesterday (UTC) if it is not given."""
    data_date = day.date() if day else datetime.now(UTC).date() - timedelta(days=1)
    require_past(data_date)
    return data_date


def require_text(arguments: Sequence[str]) -> None:
    """Raise `ConfigError` for an argument that is not valid UTF-8.

    Python keeps its bytes as lone surrogates, which no other system accepts.
    """
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise ConfigError(
                f"The argument {argument!r} is not valid UTF-8. Correct it."
            )
