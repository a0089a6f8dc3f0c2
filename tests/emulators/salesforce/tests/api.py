"""A plain client of the stand-in: requests, and a load from CSV to its results."""

import csv
import io
import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.emulators.salesforce.bulk.jobs import ENDED
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.serve import Started

VERSION = "v60.0"
PATIENCE_SECONDS = 60
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What became of a load: the job, and its three files with their headers."""

    job: dict[str, Any]
    successful: str
    failed: str
    unprocessed: str

    @property
    def errors(self) -> list[str]:
        """The texts of refused rows, in the file's order."""
        return [row["sf__Error"] for row in csv.DictReader(io.StringIO(self.failed))]

    @property
    def accepted(self) -> list[dict[str, str]]:
        """The accepted rows."""
        return list(csv.DictReader(io.StringIO(self.successful)))


class Api:
    """The REST API of a running stand-in; paths are below `/services/data/v60.0`."""

    def __init__(self, running: Started) -> None:
        self.running = running
        self.session = requests.Session()
        # A bundle named in the environment would go before this one.
        self.session.trust_env = False
        self.session.verify = str(running.ca_file)
        token = running.org.open_session("test")
        self.session.headers["Authorization"] = f"Bearer {token}"

    @property
    def org(self) -> Org:
        """The org behind it."""
        return self.running.org

    def call(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send a request over TLS."""
        url = f"{self.running.https_url}/services/data/{VERSION}{path}"
        options.setdefault("timeout", TIMEOUT_SECONDS)
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
        """Run SOQL and return the reply's JSON, good or bad."""
        return self.get("/query", params={"q": soql, **options}).json()

    def column(self, soql: str) -> list[Any]:
        """Return the first field of each record of a query."""
        records = self.query(soql)["records"]
        return [list(record.values())[1] for record in records]

    def new_job(self, **told: str) -> str:
        """Open an ingest job, by default an upsert of orders, and return its id."""
        body = {"object": "Order__c", "operation": "upsert"}
        if told.get("operation", "upsert") == "upsert":
            body["externalIdFieldName"] = "ext_id__c"
        reply = self.post("/jobs/ingest", json={**body, **told})
        assert reply.status_code == 200, reply.text
        return reply.json()["id"]

    def upload(
        self, job_id: str, body: str | bytes, **headers: str
    ) -> requests.Response:
        """PUT a job's content."""
        data = body.encode() if isinstance(body, str) else body
        path = f"/jobs/ingest/{job_id}/batches"
        return self.call(
            "PUT", path, data=data, headers={"Content-Type": "text/csv", **headers}
        )

    def move(self, job_id: str, state: str) -> requests.Response:
        """Close a job or abort it."""
        return self.patch(f"/jobs/ingest/{job_id}", json={"state": state})

    def wait(self, job_id: str, kind: str = "ingest") -> dict[str, Any]:
        """Ask for a job until it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            job = self.get(f"/jobs/{kind}/{job_id}").json()
            if job["state"] in ENDED:
                return job
            time.sleep(0.01)
        raise AssertionError(f"job {job_id} does not end")

    def results(self, job: dict[str, Any]) -> Outcome:
        """Fetch the files of an ended job."""
        texts = [
            self.get(f"/jobs/ingest/{job['id']}/{name}").content.decode()
            for name in ("successfulResults", "failedResults", "unprocessedrecords")
        ]
        return Outcome(job, *texts)

    def load(self, body: str | bytes, **told: str) -> Outcome:
        """Run a job from its making to its results."""
        job_id = self.new_job(**told)
        assert self.upload(job_id, body).status_code == 201
        assert self.move(job_id, "UploadComplete").status_code == 200
        return self.results(self.wait(job_id))
