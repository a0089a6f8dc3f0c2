"""dbt models as Luigi tasks: edges from dbt's manifest, one dbt call for all that can.

The first model task that runs builds every model of its scope whose partitions are
loaded, in one dbt call; each gets its own ledger row as it and its tests finish, so
the others find theirs done. A model that fails fails alone, with what hangs on it.
"""

from collections.abc import Iterator
from datetime import date

import luigi

from loaders.errors import DataError
from orchestrate.planning import run_state
from orchestrate.tasks.load import loads_of
from orchestrate.tasks.model_build import Scope, bring_up
from orchestrate.tasks.parameters import (
    DATA_DATE_FROM,
    ENV,
    NUM_RETRIES,
    RETRY_SLEEP,
    VERSION,
    warehouse_slots,
)
from orchestrate.tasks.targets import LedgerTarget


class DbtModel(luigi.Task):
    """One dbt model is built for the data date and its tests have passed."""

    data_date = luigi.DateParameter(description="the data date of the night")
    env = ENV
    version = VERSION
    model = luigi.Parameter(description="the model's or seed's name")
    data_date_from = DATA_DATE_FROM
    scope = luigi.Parameter(
        default="",
        significant=False,
        description="models that the run is after: built together where possible",
    )
    num_retries = NUM_RETRIES
    retry_sleep = RETRY_SLEEP

    @property
    def resources(self) -> dict[str, int]:
        """Dbt is not safe twice at once."""
        return {"dbt": 1, **warehouse_slots()}

    def requires(self) -> Iterator[luigi.Task]:
        """Come after the model's parents and its raw partitions."""
        state = self._night()
        node = state.graph.nodes[self.model]
        for parent in node.parents:
            yield self.clone(DbtModel, model=parent)
        for source in sorted(node.own_sources):
            yield from loads_of(self, source, state.days_to_load(source))

    def output(self) -> LedgerTarget:
        """Be done when the ledger has today's code and inputs."""
        return LedgerTarget(self)

    def run(self) -> None:
        """Build the model, and with it all of the scope that can be built."""
        problem = bring_up(self.model, self._scope())
        if problem:
            raise DataError(problem)

    def why(self) -> str:
        """Return why the model must be built, or ''."""
        return self._night().why_build(self.model)

    def _scope(self) -> Scope:
        return Scope(
            models=tuple(self.scope.split(",") if self.scope else [self.model]),
            data_date=self.data_date,
            data_date_from=self.data_date_from or self.data_date,
            env=self.env,
            version=self.version,
            num_retries=self.num_retries,
            retry_sleep=self.retry_sleep,
        )

    def _night(self) -> run_state.Night:
        first: date | None = self.data_date_from
        return run_state.of(self.data_date, first, env=self.env, version=self.version)
