"""Luigi's own range tasks: they process what is missing of a range in one pass.

    luigi --module orchestrate RangeDaily --of Nightly --start D1 --stop D2

A pass over several dates has the results of one run per date, and loads and builds once
what these would repeat. Luigi's own classes would run the dates at the same time.
"""

from datetime import datetime

import luigi
from luigi.task_register import Register
from luigi.tools import range as luigi_range

from orchestrate.nightly import Nightly

PACKAGE = "orchestrate."


class TaskName(luigi.TaskParameter):
    """The name of a task, with or without the package that has it."""

    def parse(self, x: str) -> type[luigi.Task]:
        """Return the task class of a name."""
        task: type[luigi.Task] = Register.get_task_cls(x.removeprefix(PACKAGE))
        return task


OF = TaskName(default=Nightly, description="task to complete for each date")


class RangeDaily(luigi_range.RangeDaily):
    """Process the incomplete dates from `start` until the day before `stop`."""

    of = OF

    def moving_stop(self, now: datetime) -> datetime:
        """Return the first date that has not ended."""
        return _first_open_date(super().moving_stop(now))

    def requires(self) -> list[luigi.Task]:
        """Require one run of all incomplete dates."""
        return _as_one_pass(super().requires())


class RangeDailyBase(luigi_range.RangeDailyBase):
    """Do the same, and check each date by itself."""

    of = OF

    def missing_datetimes(self, finite_datetimes: list[datetime]) -> list[datetime]:
        """Return the dates that are not complete."""
        tasks = {
            day: self._instantiate_task_cls(day.date()) for day in finite_datetimes
        }
        return [day for day, task in tasks.items() if not _has_ended(task)]

    def moving_stop(self, now: datetime) -> datetime:
        """Return the first date that has not ended."""
        return _first_open_date(super().moving_stop(now))

    def requires(self) -> list[luigi.Task]:
        """Require one run of all incomplete dates."""
        return _as_one_pass(super().requires())


def _has_ended(task: luigi.Task) -> bool:
    return bool(task.has_ended() if isinstance(task, Nightly) else task.complete())


def _first_open_date(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _as_one_pass(tasks: list[luigi.Task]) -> list[luigi.Task]:
    """Return one run of all dates of several runs; other tasks as they are."""
    runs = [task for task in tasks if isinstance(task, Nightly)]
    if not runs or len(runs) < len(tasks):
        return tasks
    dates = [run.data_date for run in runs]
    return [runs[0].clone(data_date_from=min(dates), data_date=max(dates))]
