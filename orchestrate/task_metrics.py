"""Luigi's own metrics collector, a setting of Luigi, without the power to fail a run.

Luigi calls it within its scheduler, where an error of it, for example a reply that is
not from Datadog, would end the run.
"""

from collections.abc import Callable
from typing import Any

import structlog
from luigi.metrics import MetricsCollector, MetricsCollectors

from loaders import machine

log = structlog.get_logger()


class GuardedCollector(MetricsCollector):
    """Passes what happens to a task to a collector, and logs the errors of that."""

    def __init__(self, collector: MetricsCollector) -> None:
        self._collector = collector

    def handle_task_started(self, task: object) -> None:
        """Pass on that a task has started."""
        self._call(self._collector.handle_task_started, task)

    def handle_task_failed(self, task: object) -> None:
        """Pass on that a task has failed."""
        self._call(self._collector.handle_task_failed, task)

    def handle_task_disabled(self, task: object, config: object) -> None:
        """Pass on that a task was disabled."""
        self._call(self._collector.handle_task_disabled, task, config)

    def handle_task_done(self, task: object) -> None:
        """Pass on that a task is done."""
        self._call(self._collector.handle_task_done, task)

    def handle_task_statistics(self, task: object, statistics: object) -> None:
        """Pass on the statistics of a task."""
        self._call(self._collector.handle_task_statistics, task, statistics)

    def _call(self, method: Callable[..., Any], *arguments: object) -> None:
        try:
            method(*arguments)
        except Exception as error:  # of a collector of any kind
            log.warning("task not measured", error=str(machine.classify(error)))


def guard() -> None:
    """Guard the collector of each scheduler of this process from now on."""
    choose = MetricsCollectors.get

    def get(which: MetricsCollectors, custom_import: str | None = None) -> object:
        return GuardedCollector(choose(which, custom_import))

    MetricsCollectors.get = staticmethod(get)
