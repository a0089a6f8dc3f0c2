"""The emulator as a process: announcement, options and persistent data."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from loaders.config.settings import PROJECT
from tests.emulators.salesforce.tests.conftest import OBJECTS

COMMAND = [sys.executable, "-m", "tests.emulators", "salesforce"]
FREE_PORTS = ["--http-port", "0", "--https-port", "0", "--json"]


@contextmanager
def _start_emulator(*options: str) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [*COMMAND, *FREE_PORTS, *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def _get(url: str, token: str, **parameters: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(
        f"{url}/services/data/v60.0", params=parameters, headers=headers, timeout=30
    )


def _session(announced: dict[str, Any], token: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = announced["environment"]["REQUESTS_CA_BUNDLE"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def test_announced_environment_gives_access() -> None:
    with _start_emulator() as announced:
        environment = announced["environment"]
        assert announced["component"] == "salesforce"
        assert environment["NIGHTSHIFT_SALESFORCE__AUTH"] == "client_credentials"
        url = environment["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
        with _session(announced, "") as session:
            response = session.post(
                environment["NIGHTSHIFT_SALESFORCE__TOKEN_URL"],
                data={"grant_type": "client_credentials"},
                auth=(
                    environment["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
                    environment["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
                ),
                timeout=30,
            )
        token = response.json()["access_token"]
        with _session(announced, token) as session:
            described = session.get(
                f"{url}/services/data/v60.0/sobjects/Trial_Metrics__c/describe",
                timeout=30,
            ).json()
        assert sum(field["custom"] for field in described["fields"]) == 23
        page = requests.get(announced["page"], timeout=30)
        assert "Trial_Metrics__c" in page.text


def test_records_jobs_and_certificate_survive_a_restart(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "kept"), "--access-token", "T"]
    body = {"org_name__c": "Acme"}
    api_path = "/services/data/v60.0"
    job = {"object": "Trial_Metrics__c", "operation": "insert"}
    with _start_emulator(*data) as announced, _session(announced, "T") as session:
        url = announced["https_url"] + api_path
        created = session.patch(
            f"{url}/sobjects/Trial_Metrics__c/org_id__c/7", json=body, timeout=30
        ).json()
        job_id = session.post(f"{url}/jobs/ingest", json=job, timeout=30).json()["id"]
        ca_certificate = Path(announced["ca_file"]).read_bytes()
    with _start_emulator(*data) as announced, _session(announced, "T") as session:
        url = announced["https_url"] + api_path
        read = session.get(
            f"{url}/sobjects/Trial_Metrics__c/{created['id']}", timeout=30
        ).json()
        assert (read["org_name__c"], read["org_id__c"]) == ("Acme", "7")
        assert (
            session.get(f"{url}/jobs/ingest/{job_id}", timeout=30).json()["state"]
            == "Open"
        )
        second = session.patch(
            f"{url}/sobjects/Trial_Metrics__c/org_id__c/8", json=body, timeout=30
        ).json()
        assert second["id"] != created["id"]
        assert Path(announced["ca_file"]).read_bytes() == ca_certificate


def test_objects_token_and_faults_are_read_from_options(tmp_path: Path) -> None:
    plan = tmp_path / "faults.yml"
    plan.write_text(
        "faults:\n  - {kind: over_limit, times: 1}\nlimits: {DailyBulkApiBatches: 3}\n",
        encoding="utf-8",
    )
    options = [
        "--objects",
        str(OBJECTS),
        "--access-token",
        "T!x",
        "--faults",
        str(plan),
    ]
    with _start_emulator(*options) as announced:
        first = requests.get(
            f"{announced['http_url']}/services/data/v60.0/limits",
            headers={"Authorization": "Bearer T!x"},
            timeout=30,
        )
        assert first.status_code == 403
        second = requests.get(first.url, headers=first.request.headers, timeout=30)
        assert second.json()["DailyBulkApiBatches"] == {"Max": 15000, "Remaining": 3}
        assert _get(announced["http_url"], "T!x").status_code == 200
        assert _get(announced["http_url"], "other").status_code == 401


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--faults", "- {kind: magic}\n", "kind must be one of answer"),
        ("--objects", "- 5\n", "expected a list of mappings with names"),
        ("--objects", "X__c: {fields: {a__c: magic}}\n", "a__c: unknown field type"),
        ("--objects", "{", "Correct the file and start again."),
    ],
)
def test_invalid_file_is_reported(
    tmp_path: Path, *, option: str, text: str, message: str
) -> None:
    path = tmp_path / "file.yml"
    path.write_text(text, encoding="utf-8")
    completed = subprocess.run(
        [*COMMAND, *FREE_PORTS, option, str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 3
    assert message in completed.stderr
    assert "Traceback" not in completed.stderr


def test_emulator_stops_with_its_parent_process(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.emulators import up\n"
        "with up.running('salesforce', data=Path(sys.argv[1])) as stack:\n"
        "    print(stack.details['salesforce_http_url'], flush=True)\n"
        "    os._exit(0)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    _wait_until_gone(parent.stdout.strip())


def _wait_until_gone(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.1)
    raise AssertionError(f"{url} still responds.")
