"""The task that writes datasets of the warehouse to the S3 archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import luigi
import structlog

from loaders import interruption, ledger, warehouse
from loaders.archive import Dataset, replace_partitions
from loaders.errors import NightshiftError
from orchestrate import progress, steps
from orchestrate.planning import archives, causes, run_state
from orchestrate.planning.archives import DATASETS
from orchestrate.planning.run_state import RunState
from orchestrate.planning.stale_models import build_stale_reason
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    SCOPE,
    SHOWN_FAMILY,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.retries import retry
from orchestrate.tasks.targets import LedgerTarget
from orchestrate.tasks.transform import DbtModel

log = structlog.get_logger()


class ArchiveDataset(luigi.Task):
    """Write each day of a dataset that the run may have changed to the S3 archive."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    dataset = luigi.ChoiceParameter(choices=sorted(DATASETS))
    data_date_from = DATA_DATE_FROM
    scope = SCOPE
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    task_family = SHOWN_FAMILY

    @property
    def resources(self) -> dict[str, int]:
        """Allow one archive task at a time: the first one writes for the others."""
        return {"archive": 1, **warehouse_slots()}

    def requires(self) -> luigi.Task:
        """Require the model that the dataset is exported from."""
        return self.clone(DbtModel, model=DATASETS[self.dataset].relation)

    def output(self) -> LedgerTarget:
        """Return a target that exists once ledger and S3 have every day."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Write the days that are missing or outdated, then those of other datasets.

        An error of another dataset is left to its own task.
        """
        run = (self.data_date, self.data_date_from)
        key = {"env": self.env, "version": self.version}
        archives.clear_cache()
        if not self._stale_reason(run_state.current(*run, **key)):
            return  # An earlier task of the run has written them.
        state = run_state.reload_ledgers(*run, **key)
        retry(
            lambda: _archive(DATASETS[self.dataset], state),
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )
        with _left_to_its_own_task():
            for dataset in self._other_datasets(state):
                _archive(dataset, state)
            run_state.reload_ledgers(*run, **key)

    def stale_reason(self) -> str:
        """Return the first day that must be written and why, or ''."""
        return self._stale_reason(
            run_state.load(
                self.data_date, self.data_date_from, env=self.env, version=self.version
            )
        )

    def _stale_reason(self, state: RunState) -> str:
        dataset = DATASETS[self.dataset]
        for day in archives.affected_days(state):
            if reason := archives.stale_reason(state, dataset, day):
                return f"{day}: {reason}"
        return ""

    def _other_datasets(self, state: RunState) -> list[Dataset]:
        """Return the other datasets of the run whose models are built."""
        models = self.scope.split(",")
        return [
            dataset
            for dataset in DATASETS.values()
            if dataset.name != self.dataset
            and dataset.relation in models
            and not build_stale_reason(state, dataset.relation)
        ]

    def upstream_cause(self) -> str:
        """Return what makes the dataset's model stale, for the plan, or ''."""
        state = run_state.load(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )
        return causes.cause_of_model(state, DATASETS[self.dataset].relation)


@contextmanager
def _left_to_its_own_task() -> Iterator[None]:
    try:
        yield
    except NightshiftError as error:
        log.warning("left to the dataset's own task", error=str(error))


def _archive(dataset: Dataset, state: RunState) -> None:
    """Write the stale days of a dataset, and record them."""
    archives.clear_cache()
    days = [
        day
        for day in archives.affected_days(state)
        if archives.stale_reason(state, dataset, day)
    ]
    if not days:
        return
    with steps.step("ArchiveDataset", dataset.name, days) as step:
        written = _write(dataset, days, state)
        step.complete(
            rows=sum(result.rows for result in written),
            bytes=sum(result.bytes for result in written),
            files=sum(result.files for result in written),
        )


def _write(
    dataset: Dataset, days: list[date], state: RunState
) -> list[ledger.ArchiveResult]:
    """Write these days, and record those that were written also after an error."""
    written: list[ledger.ArchiveResult] = []
    watch = progress.Stopwatch()
    try:
        with warehouse.session() as connection:
            for result in replace_partitions(
                connection, dataset, days=days, root=archives.root_url(state)
            ):
                written.append(result)
                progress.print_line(
                    f"ArchiveDataset {dataset.name}",
                    day=result.dt,
                    rows=result.rows,
                    seconds=watch.seconds,
                )
                watch = progress.Stopwatch()
    except BaseException:
        try:
            _record(written, dataset, state)
        except NightshiftError as error:
            # The archive's own error is more important than this one.
            log.error("written archives not recorded", error=str(error))
        raise
    _record(written, dataset, state)
    return written


def _record(
    written: list[ledger.ArchiveResult], dataset: Dataset, state: RunState
) -> None:
    """Write the completion records of a dataset's days together."""
    if not written:
        return
    fingerprints = {
        result.dt: archives.fingerprint(state, dataset, result.dt) for result in written
    }
    with interruption.deferred():
        warehouse.run_with_retries(
            lambda connection: ledger.record_archives(
                connection,
                written,
                fingerprints=fingerprints,
                env=state.env,
                version=state.version,
                run_id=RUN_ID,
            )
        )
