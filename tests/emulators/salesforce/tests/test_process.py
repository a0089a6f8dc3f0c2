"""The stand-in as a process: what it announces, takes from its options, and keeps."""

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
FREE = ["--http-port", "0", "--https-port", "0", "--json"]


@contextmanager
def _running(*options: str) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [*COMMAND, *FREE, *options], cwd=PROJECT, stdout=subprocess.PIPE, text=True
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


def _session(told: dict[str, Any], token: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = told["environment"]["REQUESTS_CA_BUNDLE"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def test_it_announces_how_the_product_reaches_it() -> None:
    with _running() as told:
        environment = told["environment"]
        assert told["component"] == "salesforce"
        assert environment["NIGHTSHIFT_SALESFORCE__AUTH"] == "client_credentials"
        url = environment["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
        with _session(told, "") as session:
            reply = session.post(
                environment["NIGHTSHIFT_SALESFORCE__TOKEN_URL"],
                data={"grant_type": "client_credentials"},
                auth=(
                    environment["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
                    environment["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
                ),
                timeout=30,
            )
        token = reply.json()["access_token"]
        with _session(told, token) as session:
            described = session.get(
                f"{url}/services/data/v60.0/sobjects/Trial_Metrics__c/describe",
                timeout=30,
            ).json()
        assert sum(field["custom"] for field in described["fields"]) == 22
        page = requests.get(told["page"], timeout=30)
        assert "Trial_Metrics__c" in page.text


def test_records_jobs_and_certificate_outlive_it(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path / "kept"), "--access-token", "T"]
    body = {"org_name__c": "Acme"}
    address = "/services/data/v60.0"
    job = {"object": "Trial_Metrics__c", "operation": "insert"}
    with _running(*data) as told, _session(told, "T") as session:
        url = told["https_url"] + address
        made = session.patch(
            f"{url}/sobjects/Trial_Metrics__c/org_id__c/7", json=body, timeout=30
        ).json()
        job_id = session.post(f"{url}/jobs/ingest", json=job, timeout=30).json()["id"]
        authority = Path(told["ca_file"]).read_bytes()
    with _running(*data) as told, _session(told, "T") as session:
        url = told["https_url"] + address
        kept = session.get(
            f"{url}/sobjects/Trial_Metrics__c/{made['id']}", timeout=30
        ).json()
        assert (kept["org_name__c"], kept["org_id__c"]) == ("Acme", "7")
        assert (
            session.get(f"{url}/jobs/ingest/{job_id}", timeout=30).json()["state"]
            == "Open"
        )
        again = session.patch(
            f"{url}/sobjects/Trial_Metrics__c/org_id__c/8", json=body, timeout=30
        ).json()
        assert again["id"] != made["id"]
        assert Path(told["ca_file"]).read_bytes() == authority


def test_objects_token_and_faults_come_from_the_options(tmp_path: Path) -> None:
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
    with _running(*options) as told:
        first = requests.get(
            f"{told['http_url']}/services/data/v60.0/limits",
            headers={"Authorization": "Bearer T!x"},
            timeout=30,
        )
        assert first.status_code == 403
        second = requests.get(first.url, headers=first.request.headers, timeout=30)
        assert second.json()["DailyBulkApiBatches"] == {"Max": 15000, "Remaining": 3}
        assert _get(told["http_url"], "T!x").status_code == 200
        assert _get(told["http_url"], "other").status_code == 401


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        ("--faults", "- {kind: magic}\n", "kind is one of answer"),
        ("--objects", "- 5\n", "a list of objects with names is wanted"),
        ("--objects", "X__c: {fields: {a__c: magic}}\n", "a__c: there is no type"),
        ("--objects", "{", "Mend the file"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(
    tmp_path: Path, *, option: str, text: str, told: str
) -> None:
    path = tmp_path / "file.yml"
    path.write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [*COMMAND, *FREE, option, str(path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_stack_starts_it_and_it_stops_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.emulators import up\n"
        "with up.running('salesforce', data=Path(sys.argv[1])) as stack:\n"
        "    print(stack.details['salesforce_http_url'], flush=True)\n"
        "    os._exit(0)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    _wait_until_gone(told.stdout.strip())


def _wait_until_gone(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.1)
    raise AssertionError("it is still there")
