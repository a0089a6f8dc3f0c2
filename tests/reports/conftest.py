"""The sample report with its charts, which take a second to draw."""

import pytest

from reports.morning.charts import draw_charts
from reports.morning.publishing import RenderedReport
from tests.reports import sample_report


@pytest.fixture(scope="session")
def rendered() -> RenderedReport:
    """Return the sample report with its charts."""
    report = sample_report.report()
    return RenderedReport(report, draw_charts(report), *[sample_report.WRITTEN_AT] * 2)
