"""UNLOAD: refused for now."""

from tests.stack.redshift.dialect.plan import Plan
from tests.stack.redshift.errors import RedshiftError
from tests.stack.redshift.load.job import Job


def run(plan: Plan, job: Job) -> int:
    """Refuse it."""
    raise RedshiftError("UNLOAD is not in this stand-in", "0A000")
