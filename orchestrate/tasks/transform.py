"""dbt models as Luigi tasks, with the dependencies of dbt's manifest.

The first model task that runs builds every model of its scope whose partitions are
loaded, in one dbt invocation. Each model gets its own ledger rows, so the other tasks
find their model built. A failed model blocks only its descendants.
"""

from collections.abc import Iterator
from datetime import date

import luigi

from loaders.errors import DataError
from orchestrate.planning import causes, run_state
from orchestrate.planning.stale_models import build_stale_reason
from orchestrate.tasks.load import load_tasks
from orchestrate.tasks.model_build import BuildScope, build_model
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
from orchestrate.tasks.targets import LedgerTarget


class DbtModel(luigi.Task):
    """Build one dbt model for the data date and run its tests."""

    data_date = luigi.DateParameter(description="the data date of the run")
    env = ENV
    version = VERSION
    model = luigi.Parameter(description="name of the model or seed")
    data_date_from = DATA_DATE_FROM
    scope = SCOPE
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    task_family = SHOWN_FAMILY

    @property
    def resources(self) -> dict[str, int]:
        """Allow one dbt invocation at a time."""
        return {"dbt": 1, **warehouse_slots()}

    def requires(self) -> Iterator[luigi.Task]:
        """Require the models and raw partitions that the model and its tests read."""
        state = self._state()
        node = state.graph.nodes[self.model]
        for required in node.requirements:
            yield self.clone(DbtModel, model=required)
        for source in sorted(node.own_sources):
            yield from load_tasks(self, source, state.days_to_load(source))

    def output(self) -> LedgerTarget:
        """Return a target that exists once the model is built from current inputs."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Build the model together with all stale models of the scope."""
        error = build_model(self.model, self._build_scope())
        if error:
            raise DataError(error)

    def stale_reason(self) -> str:
        """Return why the model must be built, or ''."""
        return build_stale_reason(self._state(), self.model)

    def upstream_cause(self) -> str:
        """Return what makes the model stale, for the plan, or ''."""
        return causes.cause_of_model(self._state(), self.model)

    def _build_scope(self) -> BuildScope:
        return BuildScope(
            models=tuple(self.scope.split(",") if self.scope else [self.model]),
            data_date=self.data_date,
            data_date_from=self.data_date_from or self.data_date,
            env=self.env,
            version=self.version,
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )

    def _state(self) -> run_state.RunState:
        first: date | None = self.data_date_from
        return run_state.load(self.data_date, first, env=self.env, version=self.version)
