"""OpenLineage: its settings, and the delivery of events to a real HTTP receiver."""

import logging
import os
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from loaders.config import redaction
from loaders.errors import ConfigError
from loaders.lineage import client, facts, sender
from loaders.lineage.sender import MAX_FAILED_EVENTS, Sender, is_configured
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver, receiving
from tests.orchestrate.lineage_events import take

API_KEY = "key-of-the-lineage-service"
PASSWORD = "sesame-open-1"
DAY = date(2026, 11, 24)
RUN = facts.Run("11111111-1111-4111-8111-111111111111", DAY, DAY, ("Luigi", "3.8.1"))
JOB = facts.Job("nightshift-local", "LoadRawTable.orgs", "TASK", "NIGHTSHIFT")
CONFIG_FILE = "transport:\n  type: http\n  url: {url}\n  auth:\n"
CONFIG_FILE += f"    type: api_key\n    apiKey: {API_KEY}\n"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without settings of OpenLineage and without waits between attempts."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sender, "WAITS", (0.0, 0.0))
    yield
    redaction._added.clear()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver of events."""
    with receiving() as started:
        yield started


def _event(number: int) -> list[facts.Event]:
    error = f"login as etl:{PASSWORD} failed: attempt {number}"
    time = datetime(2026, 11, 25, 1, number)
    return [facts.Event(facts.FAIL, time, RUN, JOB, error=error)]


def _send(count: int, *, seconds: float = 5.0) -> str:
    started = Sender(_event)
    for number in range(count):
        started.put(number)
    return started.close(seconds)


@pytest.mark.parametrize(
    ("variables", "place", "expected"),
    [
        ({}, "", False),
        ({"OPENLINEAGE_URL": ""}, "", False),
        ({"OPENLINEAGE_URL": "{url}"}, "", True),
        ({"OPENLINEAGE_URL": "{url}", "OPENLINEAGE_DISABLED": "true"}, "", False),
        ({"OPENLINEAGE_URL": "{url}", "OPENLINEAGE_DISABLED": " True"}, "", False),
        ({"OPENLINEAGE_URL": "{url}", "OPENLINEAGE_DISABLED": "no"}, "", True),
        ({"OPENLINEAGE_API_KEY": API_KEY}, "", False),
        ({"OPENLINEAGE_CONFIG": "given.yml"}, "given.yml", True),
        ({}, "openlineage.yml", True),
        ({"OPENLINEAGE_DISABLED": "true"}, "openlineage.yml", False),
        ({}, "home/.openlineage/openlineage.yml", True),
        (
            {
                "OPENLINEAGE__TRANSPORT__TYPE": "http",
                "OPENLINEAGE__TRANSPORT__URL": "{url}",
            },
            "",
            True,
        ),
    ],
)
def test_settings_are_those_of_the_client(
    variables: dict[str, str],
    place: str,
    expected: bool,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"http://{receiver.address}"
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(url=url))
    if place:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(CONFIG_FILE.format(url=url))
    assert is_configured() == expected
    if expected:
        assert _send(1) == ""
        (request,) = receiver.take()
        key = f"Bearer {API_KEY}" if place else None
        assert request.headers.get("Authorization") == key


@pytest.mark.parametrize(
    ("variables", "content", "named"),
    [
        ({"OPENLINEAGE_URL": "not a url"}, None, "OPENLINEAGE_URL"),
        ({"OPENLINEAGE_URL": f"{PASSWORD}@host"}, None, "OPENLINEAGE_URL"),
        ({"OPENLINEAGE_CONFIG": "missing.yml"}, None, "OPENLINEAGE_CONFIG"),
        ({}, "transport: {type: http}", "OPENLINEAGE_CONFIG"),
        ({}, "transport: {type: pigeon}", "OPENLINEAGE_CONFIG"),
        ({}, "tags: {job: {a: b}}", "OPENLINEAGE_CONFIG"),
        ({}, "transport: [", "OPENLINEAGE_CONFIG"),
    ],
)
def test_unusable_settings_are_an_error_that_names_them(
    variables: dict[str, str],
    content: str | None,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if content:
        Path("openlineage.yml").write_text(content)
    assert is_configured()
    with pytest.raises(ConfigError, match=named):
        client.connect()


def test_events_arrive_in_order_and_without_secrets(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.address}")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", API_KEY)
    monkeypatch.setenv("DBT_ENV_SECRET_PASSWORD", PASSWORD)
    receiver.statuses += [503, 200, 500, 429, 200]
    assert _send(3) == ""
    assert {each.headers["Authorization"] for each in receiver.requests} == {
        f"Bearer {API_KEY}"
    }
    events = take(receiver)
    # Those that were not taken were sent again.
    assert [event.eventTime[14:16] for event in events] == [
        *("00", "00", "01", "01", "01", "02")
    ]
    assert {event.run.facets["errorMessage"].message[:24] for event in events} == {
        "login as etl:*** failed:"
    }


@pytest.mark.parametrize(
    ("statuses", "requests", "problem"),
    [
        ([500] * 99, 3 * MAX_FAILED_EVENTS, "it answered 500"),
        ([401] * 99, MAX_FAILED_EVENTS, "it answered 401"),
        ([404, 404], MAX_FAILED_EVENTS, "it answered 404"),
        ([422], 9, ""),
    ],
)
def test_receiver_that_takes_nothing_is_left_alone(
    statuses: list[int],
    requests: int,
    problem: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.address}")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", API_KEY)
    receiver.statuses += statuses
    with caplog.at_level(logging.DEBUG):
        message = _send(9)
    assert len(receiver.requests) == requests
    lost = 9 if problem else 1
    assert message == (
        f"OpenLineage did not take {lost} of 9 events ({problem or 'it answered 422'})."
    )
    assert API_KEY not in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_receiver_that_is_down_costs_one_line(
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = f"http://{host}:{CLOSED_PORT}"
    monkeypatch.setenv("OPENLINEAGE_URL", url.replace("//", f"//etl:{PASSWORD}@"))
    message = _send(50)
    assert message.startswith("OpenLineage did not take 50 of 50 events (")
    assert PASSWORD not in message and API_KEY not in message
    printed = "".join(capsys.readouterr())
    assert printed.count("event not sent") == 1
    assert PASSWORD not in printed


def test_slow_receiver_does_not_delay_the_end(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.address}")
    receiver.delay_seconds = 1.0
    start = time.monotonic()
    message = _send(20, seconds=0.3)
    assert time.monotonic() - start < 1.0
    assert message == (
        "OpenLineage did not take 20 of 20 events (no answer within 0.3 seconds)."
    )


def test_transport_to_a_file_is_the_client_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    path = tmp_path / "events.json"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(path))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    assert is_configured()
    assert _send(2) == ""
    assert len(path.read_text().splitlines()) == 2


def test_event_that_cannot_be_made_does_not_stop_the_others(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.address}")

    def convert(number: int) -> list[facts.Event]:
        if number == 0:
            raise KeyError("no such model")
        return _event(number)

    started = Sender(convert)
    for number in range(3):
        started.put(number)
    assert "did not take 1 of 3 events (KeyError" in started.close(5)
    assert len(take(receiver)) == 2


def test_secrets_of_the_configuration_file_are_masked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"http://{HOST}:{CLOSED_PORT}"
    Path("openlineage.yml").write_text(CONFIG_FILE.format(url=url))
    client.connect()
    assert redaction.redact(f"sent with {API_KEY}") == "sent with ***"


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        (
            f"https://etl:{PASSWORD}@git.example.com/a.git",
            "https://git.example.com/a.git",
        ),
        (f"https://{PASSWORD}@git.example.com/a.git", "https://git.example.com/a.git"),
        ("git@git.example.com:a.git", "git@git.example.com:a.git"),
        ("https://git.example.com/a.git", "https://git.example.com/a.git"),
    ],
)
def test_address_of_the_repository_has_no_login(
    remote: str, expected: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".git").mkdir()
    Path(".git/config").write_text(f'[remote "origin"]\n\turl = {remote}\n')
    monkeypatch.setenv("OPENLINEAGE__FACETS__SOURCE_CODE_LOCATION__DISABLED", "false")
    Path(".git/HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://{receiver.address}")
    assert _send(1) == ""
    (event,) = take(receiver)
    assert event.job.facets["sourceCodeLocation"].url == expected
