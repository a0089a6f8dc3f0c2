"""The metrics of a run: their names, and the systems that receive them.

DogStatsD, a file for Prometheus' textfile collector, and a push gateway. The only
importer of their libraries, which it imports when there is something to send. All
metrics are gauges: they describe the latest run and the data date that it processed.
"""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import structlog

from loaders.config import endpoints, settings
from loaders.config.redaction import redact
from loaders.deadlines import call_within
from loaders.errors import NightshiftError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

PREFIX = "nightshift_"
JOB = "nightshift"
TIMEOUT_SECONDS = 10.0
# Whoever collects the file runs as another user; it contains no secrets.
FILE_MODE = 0o644
# Every metric has these labels.
COMMON_LABELS = ("env", "version")

log = structlog.get_logger()


@dataclass(frozen=True)
class Metric:
    """A gauge: its name for Prometheus, its labels beside the common ones, its help."""

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def statsd_name(self) -> str:
        """The name for DogStatsD: `nightshift.run_seconds`."""
        return self.name.replace("_", ".", 1)


@dataclass(frozen=True)
class Sample:
    """The value of a metric for the values of its labels, in their order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


RUN = ("command",)
SOURCE = ("source",)
MODEL = ("model",)
OBJECT = ("object",)
MART = ("mart",)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("nightshift_run_seconds", "Duration of the run.", RUN),
        Metric("nightshift_run_success", "1 if the exit code is 0, else 0.", RUN),
        Metric("nightshift_run_exit_code", "Exit code of the run.", RUN),
        Metric("nightshift_run_tasks_done", "Tasks that succeeded.", RUN),
        Metric("nightshift_run_tasks_failed", "Tasks that failed.", RUN),
        Metric("nightshift_run_finished_timestamp_seconds", "End of the run.", RUN),
        Metric(
            "nightshift_run_data_date_timestamp_seconds",
            "Midnight (UTC) at the start of the data date.",
            RUN,
        ),
        Metric("nightshift_source_lines", "Lines read.", SOURCE),
        Metric("nightshift_source_rows", "Records loaded.", SOURCE),
        Metric("nightshift_source_rejects", "Records rejected.", SOURCE),
        Metric("nightshift_source_bytes", "Size of the objects on S3.", SOURCE),
        Metric("nightshift_source_seconds", "Duration of the load.", SOURCE),
        Metric("nightshift_model_rows", "Rows written; views have none.", MODEL),
        Metric("nightshift_model_seconds", "Duration, with its tests.", MODEL),
        Metric("nightshift_model_tests", "Tests run with the model.", MODEL),
        Metric("nightshift_model_tests_warned", "Tests that warned.", MODEL),
        Metric("nightshift_model_failed", "1 if the build or a test failed.", MODEL),
        Metric("nightshift_salesforce_sent", "Rows sent.", OBJECT),
        Metric("nightshift_salesforce_accepted", "Rows accepted.", OBJECT),
        Metric("nightshift_salesforce_rejected", "Rows rejected.", OBJECT),
        Metric(
            "nightshift_salesforce_known_rejects",
            "Rejected rows that were reported before and have not changed.",
            OBJECT,
        ),
        Metric("nightshift_salesforce_unchanged", "Rows not sent: no change.", OBJECT),
        Metric("nightshift_salesforce_api_calls", "Requests of the sync.", OBJECT),
        Metric(
            "nightshift_mart_data_date_timestamp_seconds",
            "Midnight (UTC) at the start of the newest data date that is built.",
            MART,
        ),
        Metric(
            "nightshift_mart_age_seconds",
            "Time since the end of the newest data date, at the end of the run.",
            MART,
        ),
    )
}


def is_configured() -> bool:
    """Return whether a receiver of metrics is configured."""
    config = settings.load_valid()[0].metrics
    return bool(config.statsd or config.prometheus_file or config.pushgateway)


def publish(samples: Sequence[Sample], *, env: str, version: str) -> list[str]:
    """Send the samples to each receiver; return what went wrong, one text each.

    Never raises: a collector that is down is not a reason for a run to fail.
    """
    config = settings.load_valid()[0].metrics
    receivers: dict[str, Callable[..., None]] = {
        "STATSD": _send_statsd,
        "PROMETHEUS_FILE": _write,
        "PUSHGATEWAY": _push,
    }
    problems = []
    for name, send in receivers.items():
        if not getattr(config, name.lower()):
            continue
        setting = f"NIGHTSHIFT_METRICS__{name}"
        work = partial(send, config, samples, (env, version))
        try:
            call_within(TIMEOUT_SECONDS, work, subject=setting)
            log.info("metrics", receiver=setting, samples=len(samples))
        except NightshiftError as error:
            problems.append(str(error))
        except Exception as error:  # of the network, the disk or a library
            cause = getattr(error, "strerror", None)
            text = cause or f"{type(error).__name__}: {error}"
            problems.append(redact(f"{setting} did not take the metrics ({text})."))
    for problem in problems:
        log.warning("metrics", problem=problem)
    return problems


def _send_statsd(
    config: endpoints.Metrics, samples: Sequence[Sample], common: tuple[str, str]
) -> None:
    from datadog.dogstatsd.base import DogStatsd

    assert config.statsd is not None
    host, port = config.statsd
    # The library only logs that a host is unknown.
    socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    client = DogStatsd(
        host=host, port=port, disable_telemetry=True, origin_detection_enabled=False
    )
    for sample in samples:
        metric = METRICS[sample.name]
        labels = zip(
            (*COMMON_LABELS, *metric.labels), (*common, *sample.labels), strict=True
        )
        tags = [f"{name}:{value}" for name, value in labels]
        client.gauge(metric.statsd_name, _shortest(sample.value), tags=tags)
    client.close_socket()


def _shortest(value: float) -> float:
    """Return a whole number as one, so that it is sent without `.0`."""
    return int(value) if value == int(value) else value


def _write(
    config: endpoints.Metrics, samples: Sequence[Sample], common: tuple[str, str]
) -> None:
    """Replace the file at once: the collector never reads half of it."""
    from prometheus_client import generate_latest

    assert config.prometheus_file is not None
    path = Path(config.prometheus_file)
    part = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex}")
    try:
        part.write_bytes(generate_latest(_registry(samples, common)))
        part.chmod(FILE_MODE)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _push(
    config: endpoints.Metrics, samples: Sequence[Sample], common: tuple[str, str]
) -> None:
    from prometheus_client.exposition import (
        basic_auth_handler,
        default_handler,
        push_to_gateway,
    )

    assert config.pushgateway is not None
    parts = urlsplit(config.pushgateway.get_secret_value())
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = (unquote(part) for part in login.partition(":"))

    authenticated = partial(basic_auth_handler, username=user, password=password)
    push_to_gateway(
        urlunsplit((parts.scheme, host, parts.path, "", "")),
        job=JOB,
        registry=_registry(samples, common),
        grouping_key=dict(zip(COMMON_LABELS, common, strict=True)),
        timeout=TIMEOUT_SECONDS,
        handler=authenticated if login else default_handler,
    )


def _registry(
    samples: Sequence[Sample], common: tuple[str, str]
) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for sample in samples:
        metric = METRICS[sample.name]
        if sample.name not in gauges:
            gauges[sample.name] = Gauge(
                metric.name,
                metric.help,
                (*COMMON_LABELS, *metric.labels),
                registry=registry,
            )
        gauges[sample.name].labels(*common, *sample.labels).set(sample.value)
    return registry
