"""A week of runs with random faults: each ends as it must, and nothing stays wrong.

`FAULT_ROUNDS` is the number of faults; `make soak` sets more.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.rates import clean_rates
from tests.emulators.sample.world import World
from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import TIMEOUT_SECONDS, Project
from tests.nightly.random_faults import (
    DONE,
    FAILED,
    FAULTS,
    INTERRUPTED,
    KILLED,
    TERMINATED,
    Week,
    mail_server_is_down,
)
from tests.nightly.s3_objects import upload_partitions

WEEK = World(orgs=25, days=7, until=date(2026, 11, 24), seed=5, rates=clean_rates())
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "60"))
SEED = int(os.environ.get("FAULT_SEED", "1"))
SIGNALS = {
    signal.SIGKILL: KILLED,
    signal.SIGINT: INTERRUPTED,
    signal.SIGTERM: TERMINATED,
}


@pytest.mark.slow
@pytest.mark.timeout(ROUNDS * 60)
def test_week_with_random_faults_ends_right(
    project: Project, raw_world: Callable[[World], Path], tmp_path: Path
) -> None:
    random = Random(SEED)
    raw = tmp_path / "raw"
    for position, day in enumerate(WEEK.dates):
        _deliver(project, raw_world(WEEK), raw, day)
        week = Week(project, WEEK, raw, day, random)
        rounds = ROUNDS * (position + 1) // len(WEEK.dates)
        for _ in range(ROUNDS * position // len(WEEK.dates), rounds):
            _run_with_fault(week)
        code, output = _run(week)
        assert code == DONE, output
        _judge(week)


def _deliver(project: Project, world: Path, raw: Path, day: date) -> None:
    """Upload the day's partitions, and copy them for the reference implementation."""
    for partition in world.glob(f"*/dt={day}"):
        shutil.copytree(partition, raw / partition.relative_to(world))
    upload_partitions(project, world, dates=[day])


def _run_with_fault(week: Week) -> None:
    """Run the day with a random fault, or a random signal, or both."""
    sent = week.random.choice([None, None, None, *SIGNALS])
    with ExitStack() as active:
        codes: tuple[int, ...] = (DONE,)
        fault = week.random.choice(FAULTS) if sent is None else None
        if fault is not None:
            codes = active.enter_context(fault(week))
        if sent is not None:
            codes = (DONE, SIGNALS[sent])
        code, output = _run(week, sent)
    name = fault.__name__ if fault else sent
    assert code in codes, f"{name} on {week.day}: exit {code}\n{output}"
    assert "Traceback" not in output, f"{name} on {week.day}\n{output}"
    if code == DONE:
        _judge(week, may_mail_wait=fault is mail_server_is_down)
    elif code == FAILED:
        assert f"--date {week.day}" in output, output  # how to resume


def _run(week: Week, sent: signal.Signals | None = None) -> tuple[int, str]:
    command = ("run", "--date", week.day)
    if sent is None:
        result = week.project.nightshift(*command, **week.environment)
        return result.code, result.out + result.err
    with week.project.start(*command, **week.environment) as process:
        try:
            process.wait(week.random.uniform(0.5, 6))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, sent)
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        # Once its work is done, Python's own handlers may have ended already.
        code = process.returncode
        return (128 - code if code < 0 else code), output


def _judge(week: Week, *, may_mail_wait: bool = False) -> None:
    days = [day for day in WEEK.dates if day <= week.day]
    assert_marts_match_reference(
        week.project, week.raw, data_date=week.day, data_dates=days
    )
    salesforce_records.assert_records_match_mart(week.project)
    # A mail that cannot be delivered waits for the next run and does not fail this one.
    waiting_mail = [("MailReport", "report")] if may_mail_wait else []
    assert week.project.plan(week.day) in ([], waiting_mail)
