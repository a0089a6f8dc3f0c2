"""Test client of the emulator: REST requests, and ingest jobs from CSV to results."""

import csv
import io
import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.emulators.salesforce.bulk.jobs import END_STATES
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.serve import RunningEmulator

VERSION = "v60.0"
JOB_TIMEOUT_SECONDS = 60
REQUEST_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class JobResult:
    """The info of an ended ingest job, and the text of its three result files."""

    job: dict[str, Any]
    successful: str
    failed: str
    unprocessed: str

    @property
    def errors(self) -> list[str]:
        """The errors of the rejected rows, in the file's order."""
        return [row["sf__Error"] for row in csv.DictReader(io.StringIO(self.failed))]

    @property
    def accepted(self) -> list[dict[str, str]]:
        """The accepted rows."""
        return list(csv.DictReader(io.StringIO(self.successful)))


class Api:
    """A client of a running emulator; paths are below `/services/data/v60.0`."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self.session = requests.Session()
        # Otherwise a CA bundle in the environment would override this one.
        self.session.trust_env = False
        self.session.verify = str(emulator.ca_file)
        token = emulator.org.open_session("test")
        self.session.headers["Authorization"] = f"Bearer {token}"

    @property
    def org(self) -> Org:
        """The org of the emulator."""
        return self.emulator.org

    def call(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send a request over TLS."""
        url = f"{self.emulator.https_url}/services/data/{VERSION}{path}"
        options.setdefault("timeout", REQUEST_TIMEOUT_SECONDS)
        return self.session.request(method, url, **options)

    def get(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """GET."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """POST."""
        return self.call("POST", path, **options)

    def patch(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """PATCH."""
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """DELETE."""
        return self.call("DELETE", path, **options)

    def query(self, soql: str, **options: str) -> dict[str, Any]:
        """Run SOQL and return the JSON of the response, also of an error."""
        return self.get("/query", params={"q": soql, **options}).json()

    def query_column(self, soql: str) -> list[Any]:
        """Return the first field of each record that a query returns."""
        records = self.query(soql)["records"]
        return [list(record.values())[1] for record in records]

    def new_job(self, **properties: str) -> str:
        """Create an ingest job, by default an upsert of orders, and return its id."""
        body = {"object": "Order__c", "operation": "upsert"}
        if properties.get("operation", "upsert") == "upsert":
            body["externalIdFieldName"] = "ext_id__c"
        response = self.post("/jobs/ingest", json={**body, **properties})
        assert response.status_code == 200, response.text
        return response.json()["id"]

    def upload(
        self, job_id: str, body: str | bytes, **headers: str
    ) -> requests.Response:
        """Upload the CSV of a job."""
        data = body.encode() if isinstance(body, str) else body
        path = f"/jobs/ingest/{job_id}/batches"
        return self.call(
            "PUT", path, data=data, headers={"Content-Type": "text/csv", **headers}
        )

    def set_job_state(self, job_id: str, state: str) -> requests.Response:
        """Close a job or abort it."""
        return self.patch(f"/jobs/ingest/{job_id}", json={"state": state})

    def wait_for_job(self, job_id: str, kind: str = "ingest") -> dict[str, Any]:
        """Poll a job until it has ended, and return its info."""
        deadline = time.monotonic() + JOB_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            job = self.get(f"/jobs/{kind}/{job_id}").json()
            if job["state"] in END_STATES:
                return job
            time.sleep(0.01)
        raise AssertionError(f"Job {job_id} did not end.")

    def fetch_results(self, job: dict[str, Any]) -> JobResult:
        """Fetch the result files of an ended job."""
        texts = [
            self.get(f"/jobs/ingest/{job['id']}/{name}").content.decode()
            for name in ("successfulResults", "failedResults", "unprocessedrecords")
        ]
        return JobResult(job, *texts)

    def load(self, body: str | bytes, **properties: str) -> JobResult:
        """Create a job, upload the CSV, wait for the end and return the results."""
        job_id = self.new_job(**properties)
        assert self.upload(job_id, body).status_code == 201
        assert self.set_job_state(job_id, "UploadComplete").status_code == 200
        return self.fetch_results(self.wait_for_job(job_id))
