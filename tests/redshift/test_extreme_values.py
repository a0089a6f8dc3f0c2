"""Records at the edge of what is valid go through a whole run on Redshift."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.nightly.extreme_world import write_extreme_world
from tests.nightly.project import copy_to
from tests.nightly.template import redshift_emulators, unique_prefixes
from tests.nightly.test_extreme_values import (
    assert_extreme_values_are_exact,
    run_dates_of_two_versions,
)
from tests.redshift.project import RedshiftProject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_extreme_values_go_through_every_step_on_redshift(
    shared_emulators: dict[str, str], tmp_path: Path
) -> None:
    raw = write_extreme_world(tmp_path / "raw")
    environment = {**shared_emulators, **unique_prefixes(shared_emulators)}
    s3_url = shared_emulators["AWS_ENDPOINT_URL_S3"]
    # Not in pytest's folders, which the user that PostgreSQL runs as cannot enter.
    with TemporaryDirectory(prefix="nightshift-") as name:
        workspace = Path(name)
        workspace.chmod(0o755)
        copy_to(workspace / "project", environment)
        emulators = redshift_emulators(RedshiftProject, s3_url)
        with emulators.running(workspace, environment) as project:
            run_dates_of_two_versions(project, raw)
            assert_extreme_values_are_exact(project, raw)
