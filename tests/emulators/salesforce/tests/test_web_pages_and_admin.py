"""The web pages and the admin API."""

import requests

from tests.emulators.salesforce.tests.api import Api

SCRIPT = "<script>alert(1)</script>"


def _fetch_page(api: Api, path: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(api.emulator.ca_file)
        plain = session.get(f"{api.emulator.http_url}{path}", timeout=30)
        secure = session.get(f"{api.emulator.https_url}{path}", timeout=30)
    assert plain.status_code == secure.status_code == 200
    assert plain.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in plain.headers["Content-Security-Policy"]
    return plain.text


def test_overview_shows_objects_limits_jobs_and_requests(api: Api) -> None:
    job_id = api.load("ext_id__c,small__c\na,1\nb,x\n").job["id"]
    html = _fetch_page(api, "/")
    for text in (
        '<a href="/objects/Order__c">Order__c</a>',
        "DailyBulkApiBatches",
        job_id,
        "JobComplete",
        "/services/data/v60.0/jobs/ingest",
    ):
        assert text in html


def test_records_are_escaped_and_can_be_searched(api: Api) -> None:
    rows = f'ext_id__c,long_notes__c\na,"{SCRIPT} \N{ROCKET}"\nb,other\n'
    assert api.load(rows).errors == []
    html = _fetch_page(api, "/objects/Order__c")
    assert SCRIPT not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \N{ROCKET}" in html
    assert "2 records" in html
    matches = _fetch_page(api, f"/objects/order__c?q={SCRIPT.upper()}")
    assert "1 records with this text" in matches
    assert SCRIPT not in matches
    assert SCRIPT.upper() not in matches
    assert "0 records" in _fetch_page(api, "/objects/Order__c?q=nobody&page=9")


def test_record_page_opens_by_either_form_of_the_id(api: Api) -> None:
    api.load(f'ext_id__c,long_notes__c\na,"{SCRIPT}"\nb,other\n')
    (record_id,) = api.query_column("SELECT Id FROM Order__c WHERE ext_id__c = 'a'")
    for path in (record_id, record_id[:15], record_id.lower(), f"{record_id}/"):
        html = _fetch_page(api, f"/{path}")
        assert record_id in html and "ext_id__c" in html
        assert "&lt;script&gt;" in html and SCRIPT not in html
        assert "other" not in html
    html = _fetch_page(api, "/objects/Order__c")
    assert f'href="/{record_id}"' in html
    assert '<th class="" title="long_notes__c">Long Notes</th>' in html
    page = f"/lightning/r/Order__c/{record_id}/view"
    assert _fetch_page(api, page) == _fetch_page(api, f"/{record_id}")


def test_collections_are_shown_with_the_result_of_each_record(api: Api) -> None:
    order = {"attributes": {"type": "Order__c"}}
    records = [order | {"EXT_ID__c": SCRIPT[:18], "notes__c": "x"}]
    records += [order | {"ext_id__c": "b", "small__c": "many"}]
    path = "/composite/sobjects/Order__c/ext_id__c"
    upserted = api.patch(path, json={"records": records}).json()
    record_id = upserted[0]["id"]
    api.post("/composite/sobjects", json={"records": [order | {"ext_id__c": "c"}]})
    api.delete(f"/composite/sobjects?ids={record_id},x")
    html = _fetch_page(api, "/jobs")
    assert html.count('href="/collections/') == 3
    assert '<a href="/collections/1">' in _fetch_page(api, "/")
    html = _fetch_page(api, "/collections/1")
    for text in ("2 records, 1 failed", "created", f'href="/{record_id}"', "many"):
        assert text in html
    assert SCRIPT[:18] not in html
    assert "&lt;script&gt;" in html
    assert "MALFORMED_ID" in _fetch_page(api, "/collections/3")


def test_job_page_shows_result_rows(api: Api) -> None:
    job_id = api.load(f'ext_id__c,notes__c\na,"{SCRIPT}"\nb,fine\n').job["id"]
    html = _fetch_page(api, f"/jobs/{job_id}")
    assert "STRING_TOO_LONG" in html
    assert "fine" in html
    assert SCRIPT not in html
    assert job_id in _fetch_page(api, "/jobs")


def test_job_page_shows_a_query_job(api: Api) -> None:
    body = {"operation": "query", "query": "SELECT Id FROM Order__c"}
    job_id = api.post("/jobs/query", json=body).json()["id"]
    api.wait_for_job(job_id, "query")
    assert "SELECT Id FROM Order__c" in _fetch_page(api, f"/jobs/{job_id}")


def test_request_log_is_escaped_and_has_no_secrets(api: Api) -> None:
    headers = {"User-Agent": SCRIPT}
    api.get("/query", params={"q": SCRIPT}, headers=headers)
    html = _fetch_page(api, "/requests")
    assert SCRIPT not in html
    assert "&lt;script&gt;" in html
    secret = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    log = (api.org.folder / "requests.jsonl").read_text(encoding="utf-8")
    assert secret not in html + log
    assert '"path": "/services/data/v60.0/query"' in log


def test_missing_pages_are_404(api: Api) -> None:
    unknown_record = "/a005f000000000zAAA"
    for path in (
        unknown_record,
        "/objects/Nothing__c",
        "/jobs/7505f000000000zAAA",
        "/nowhere",
        "/collections/9",
        f"/lightning/r/Order__c{unknown_record}/view",
    ):
        url = f"{api.emulator.http_url}{path}"
        assert requests.get(url, timeout=30).status_code == 404


def test_admin_api_changes_the_running_org(api: Api) -> None:
    admin = f"{api.emulator.http_url}/admin"
    api.load("ext_id__c\na\n")
    assert requests.get(admin, timeout=30).json()["objects"]["Order__c"] == 1
    records = requests.get(f"{admin}/records/Order__c", timeout=30).json()
    assert records[0]["ext_id__c"] == "a"
    requests.patch(f"{admin}/organization", json={"IsSandbox": False}, timeout=30)
    assert api.query_column("SELECT IsSandbox FROM Organization") == [False]
    limits = {"DailyApiRequests": {"Max": 9, "Remaining": 5}}
    requests.post(f"{admin}/limits", json=limits, timeout=30)
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
