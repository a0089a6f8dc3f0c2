"""What a person sees in a browser, and the hand behind the org."""

import requests

from tests.emulators.salesforce.tests.api import Api

SCRIPT = "<script>alert(1)</script>"


def _page(api: Api, path: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(api.running.ca_file)
        plain = session.get(f"{api.running.http_url}{path}", timeout=30)
        secure = session.get(f"{api.running.https_url}{path}", timeout=30)
    assert plain.status_code == secure.status_code == 200
    assert plain.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in plain.headers["Content-Security-Policy"]
    return plain.text


def test_the_overview_shows_objects_limits_jobs_and_requests(api: Api) -> None:
    job_id = api.load("ext_id__c,small__c\na,1\nb,x\n").job["id"]
    told = _page(api, "/")
    for text in (
        '<a href="/objects/Order__c">Order__c</a>',
        "DailyBulkApiBatches",
        job_id,
        "JobComplete",
        "/services/data/v60.0/jobs/ingest",
    ):
        assert text in told


def test_records_are_shown_escaped_and_found_by_text(api: Api) -> None:
    rows = f'ext_id__c,long_notes__c\na,"{SCRIPT} \N{ROCKET}"\nb,other\n'
    assert api.load(rows).errors == []
    told = _page(api, "/objects/Order__c")
    assert SCRIPT not in told
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \N{ROCKET}" in told
    assert "2 records" in told
    found = _page(api, f"/objects/order__c?q={SCRIPT.upper()}")
    assert "1 records with this text" in found
    assert SCRIPT not in found
    assert SCRIPT.upper() not in found
    assert "0 records" in _page(api, "/objects/Order__c?q=nobody&page=9")


def test_a_job_is_shown_with_its_rows(api: Api) -> None:
    job_id = api.load(f'ext_id__c,notes__c\na,"{SCRIPT}"\nb,fine\n').job["id"]
    told = _page(api, f"/jobs/{job_id}")
    assert "STRING_TOO_LONG" in told
    assert "fine" in told
    assert SCRIPT not in told
    assert job_id in _page(api, "/jobs")


def test_a_query_job_is_shown(api: Api) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Order__c"}
    job_id = api.post("/jobs/query", json=body).json()["id"]
    api.wait(job_id, "query")
    assert "SELECT Id FROM Order__c" in _page(api, f"/jobs/{job_id}")


def test_the_request_log_is_shown_escaped_and_without_secrets(api: Api) -> None:
    headers = {"User-Agent": SCRIPT}
    api.get("/query", params={"q": SCRIPT}, headers=headers)
    told = _page(api, "/requests")
    assert SCRIPT not in told
    assert "&lt;script&gt;" in told
    secret = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    log = (api.org.folder / "requests.jsonl").read_text(encoding="utf-8")
    assert secret not in told + log
    assert '"path": "/services/data/v60.0/query"' in log


def test_pages_that_are_not_there_are_404(api: Api) -> None:
    for path in ("/objects/Nothing__c", "/jobs/7505f000000000zAAA", "/nowhere"):
        url = f"{api.running.http_url}{path}"
        assert requests.get(url, timeout=30).status_code == 404


def test_the_admin_side_changes_the_org_while_it_runs(api: Api) -> None:
    admin = f"{api.running.http_url}/admin"
    api.load("ext_id__c\na\n")
    assert requests.get(admin, timeout=30).json()["objects"]["Order__c"] == 1
    records = requests.get(f"{admin}/records/Order__c", timeout=30).json()
    assert records[0]["ext_id__c"] == "a"
    requests.patch(f"{admin}/organization", json={"IsSandbox": False}, timeout=30)
    assert api.column("SELECT IsSandbox FROM Organization") == [False]
    told = {"DailyApiRequests": {"Max": 9, "Remaining": 5}}
    requests.post(f"{admin}/limits", json=told, timeout=30)
    assert api.get("/sobjects").headers["Sforce-Limit-Info"] == "api-usage=5/9"
    added = {"name": "new__c", "type": "text", "length": 5, "nillable": False}
    requests.post(f"{admin}/objects/Order__c/fields", json=added, timeout=30)
    fields = {
        f["name"]: f for f in api.get("/sobjects/Order__c/describe").json()["fields"]
    }
    assert (fields["new__c"]["length"], fields["new__c"]["nillable"]) == (5, False)
    requests.delete(f"{admin}/objects/Order__c/fields/new__c", timeout=30)
    requests.delete(f"{admin}/records/Order__c", timeout=30)
    requests.delete(f"{admin}/requests", timeout=30)
    assert requests.get(f"{admin}/requests", timeout=30).json() == []
    requests.delete(f"{admin}/sessions", timeout=30)
    assert api.get("/limits").status_code == 401
