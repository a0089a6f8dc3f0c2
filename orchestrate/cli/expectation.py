"""`nightshift status --expect-by`: whether yesterday is done when it should be.

For a monitor of one's own, which alarms people when the command fails.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from loaders import ledger, warehouse
from loaders.errors import ConfigError
from loaders.ledger.run_outcomes import (
    DONE,
    REJECTED,
    RUNNING,
    RunOutcome,
    read_run_outcomes,
)

COMPLETE = (DONE, REJECTED)


@dataclass(frozen=True)
class Expectation:
    """Whether a data date is done, and whether it should be.

    `by` is the time of day (UTC, `HH:MM`) on the day after the data date. `outcome` is
    that of the latest run, '' if there is none.
    """

    data_date: date
    by: str
    is_done: bool
    is_late: bool
    outcome: str

    @property
    def message(self) -> str:
        """One sentence for people."""
        if self.is_done:
            return f"{self.data_date} is done."
        state = {
            "": "no run has started",
            RUNNING: "a run is running",
        }.get(self.outcome, f"the latest run is {self.outcome}")
        if not self.is_late:
            return f"{self.data_date} is expected by {self.by} UTC ({state})."
        return (
            f"{self.data_date} is not done, but was expected by {self.by} UTC: {state}."
        )


def parse_time(text: str) -> time:
    """Parse a time of day such as `06:00`; `ConfigError` for anything else."""
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ConfigError(
            f"--expect-by {text!r} is not a time of day in UTC. Write it as HH:MM, for "
            "example 06:00."
        )
    return time.fromisoformat(text)


def check(by: time, *, env: str, version: str, now: datetime) -> Expectation:
    """Return whether the date before `now` (UTC) is done, and whether it is late.

    A date is done if the latest run that includes it and has ended was complete, also
    with rejected records.
    """
    data_date = now.date() - timedelta(days=1)
    runs = _runs(data_date, env=env, version=version)
    ended = [run for run in runs if run.outcome != RUNNING]
    is_done = bool(ended) and ended[0].outcome in COMPLETE
    return Expectation(
        data_date=data_date,
        by=f"{by:%H:%M}",
        is_done=is_done,
        is_late=not is_done and now.time() >= by,
        outcome=runs[0].outcome if runs else "",
    )


def check_now(by: time, *, env: str, version: str) -> Expectation:
    """Return whether yesterday (UTC) is done, and whether it is late."""
    return check(by, env=env, version=version, now=datetime.now(UTC))


def _runs(data_date: date, *, env: str, version: str) -> list[RunOutcome]:
    """Return the runs that include the date, the latest first."""
    if not warehouse.exists():
        return []
    with warehouse.session() as connection:
        if not ledger.table_exists(connection):
            return []
        return read_run_outcomes(
            connection, data_date, data_date, env=env, version=version
        )
