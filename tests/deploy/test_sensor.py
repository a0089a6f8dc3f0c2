"""The SQL of docs/deploy.md, on the ledger of finished runs."""

import re

from tests.nightly.project import SOURCE
from tests.shared_project import SharedProject


def test_sensor_finds_a_finished_date_only(shared_project: SharedProject) -> None:
    page = (SOURCE / "docs" / "deploy.md").read_text(encoding="utf-8")
    query = re.search(r'sql="""(.*?)"""', page, re.DOTALL)
    assert query is not None
    for date, is_found in ((shared_project.data_date, True), ("2031-01-01", False)):
        sql = query[1].replace("{{ ds }}", str(date))
        (row,) = shared_project.project.rows(sql)
        assert (next(iter(row.values())) > 0) is is_found
