"""Metrics: what each receiver gets, names in the docs and dashboards, failures."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loaders import metrics
from loaders.config import settings
from loaders.config.environment import PROJECT
from loaders.errors import ConfigError
from loaders.metrics import METRICS, Sample
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import receiving

SAMPLES = [
    Sample("nightshift_run_seconds", 12.5, ("run",)),
    Sample("nightshift_source_lines", 2_341.0, ("web_logs",)),
    Sample("nightshift_source_lines", 152.0, ("orgs",)),
    Sample("nightshift_salesforce_sent", 0.0, ('T"é\\n__c',)),
]
DATADOG = PROJECT / "deploy" / "datadog" / "nightshift.json"
GRAFANA = PROJECT / "deploy" / "grafana" / "nightshift.json"


@pytest.fixture(autouse=True)
def _forget_settings() -> Iterator[None]:
    yield
    settings.load.cache_clear()


def _set(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"NIGHTSHIFT_METRICS__{name}", str(value))
    settings.load.cache_clear()


def _publish() -> list[str]:
    return metrics.publish(SAMPLES, env="prod", version="v1")


def _parsed(text: str) -> dict[tuple[str, ...], float]:
    """Return the samples of Prometheus' text format by name and labels."""
    return {
        (sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


EXPECTED = {
    ("nightshift_run_seconds", "command=run", "env=prod", "version=v1"): 12.5,
    ("nightshift_source_lines", "env=prod", "source=web_logs", "version=v1"): 2341,
    ("nightshift_source_lines", "env=prod", "source=orgs", "version=v1"): 152,
    ("nightshift_salesforce_sent", "env=prod", 'object=T"é\\n__c', "version=v1"): 0,
}


def test_prometheus_file_is_replaced_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nightshift.prom"
    path.write_text("old")
    _set(monkeypatch, PROMETHEUS_FILE=path)
    assert _publish() == []
    assert _parsed(path.read_text("utf-8")) == EXPECTED
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_push_gateway_gets_the_same_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as gateway:
        _set(monkeypatch, PUSHGATEWAY=f"http://u:s3cret@{gateway.address}/prefix")
        assert _publish() == []
        (request,) = gateway.take()
    assert request.method == "PUT"
    assert request.path == "/prefix/metrics/job/nightshift/env/prod/version/v1"
    assert request.headers["Authorization"] == "Basic dTpzM2NyZXQ="
    assert _parsed(request.body.decode()) == EXPECTED


def test_dogstatsd_gets_gauges_with_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(5)
        _set(monkeypatch, STATSD=f"{HOST}:{receiver.getsockname()[1]}")
        assert _publish() == []
        packets = [receiver.recv(65_535).decode() for _ in SAMPLES]
    lines = [line for packet in packets for line in packet.splitlines()]
    assert lines[:3] == [
        "nightshift.run_seconds:12.5|g|#env:prod,version:v1,command:run",
        "nightshift.source_lines:2341|g|#env:prod,version:v1,source:web_logs",
        "nightshift.source_lines:152|g|#env:prod,version:v1,source:orgs",
    ]


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PROMETHEUS_FILE", "/no/such/folder/x.prom", "No such file"),
        ("PROMETHEUS_FILE", "/dev/null/x.prom", "Not a directory"),
        ("STATSD", "no-such-host.invalid:8125", "STATSD did not take"),
        ("PUSHGATEWAY", f"http://u:s3cret@{HOST}:{CLOSED_PORT}", "refused"),
    ],
)
def test_receiver_that_is_down_is_one_line(
    name: str, value: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, **{name: value})
    (problem,) = _publish()
    assert f"NIGHTSHIFT_METRICS__{name}" in problem and part in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATSD", "host:0"),
        ("STATSD", "host:70000"),
        ("STATSD", "http://host:8125"),
        ("STATSD", "a b"),
        ("PUSHGATEWAY", "host:9091"),
    ],
)
def test_malformed_receivers_are_errors(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, **{name: value})
    with pytest.raises(ConfigError, match=f"METRICS__{name} is malformed"):
        settings.load()


def test_docs_list_every_metric_with_its_labels() -> None:
    page = (PROJECT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(nightshift_\w+)` \| (.*?) \| (.+?) \|$", page, re.M)
    documented = {
        name: (tuple(re.findall(r"`(\w+)`", labels)), text)
        for name, labels, text in rows
    }
    assert documented == {
        metric.name: (metric.labels, metric.help) for metric in METRICS.values()
    }


@pytest.mark.parametrize(
    ("path", "pattern"),
    [(GRAFANA, r"\bnightshift_\w+"), (DATADOG, r"\bnightshift\.\w+")],
)
def test_dashboards_query_metrics_that_exist(path: Path, pattern: str) -> None:
    names = {m.name for m in METRICS.values()} | {
        m.statsd_name for m in METRICS.values()
    }
    queries = list(_queries(json.loads(path.read_text(encoding="utf-8"))))
    assert len(queries) > 8
    for query in queries:
        found = re.findall(pattern, query)
        assert found and set(found) <= names, query
    text = " ".join(queries)
    for subject in ("run", "source", "model", "salesforce", "mart"):
        assert re.search(rf"nightshift[._]{subject}_", text), subject


def _queries(node: object) -> Iterator[str]:
    """Yield the queries of a dashboard: `expr` of Grafana, `q` of Datadog."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("expr", "q") and isinstance(value, str):
                yield value
            else:
                yield from _queries(value)
    elif isinstance(node, list):
        for item in node:
            yield from _queries(item)
