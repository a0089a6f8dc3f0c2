"""The distribution of test files over the workers of pytest-xdist."""

from xdist.scheduler import LoadFileScheduling

# Files that use the same expensive fixture of a session run in one worker, because each
# worker would prepare its own.
GROUPS = {
    "backfills on both warehouses": (
        "tests/redshift/test_looker.py",
        "tests/redshift/test_models.py",
        "tests/redshift/test_nightly_run.py",
        "tests/redshift/test_report.py",
    ),
    "finished run on Redshift": (
        "tests/redshift/test_bad_input.py",
        "tests/redshift/test_crash_recovery.py",
        "tests/redshift/test_rerun.py",
        "tests/redshift/test_run_sessions.py",
    ),
}
GROUP_OF_FILE = {file: name for name, files in GROUPS.items() for file in files}


class GroupedFiles(LoadFileScheduling):
    """Keeps the tests of a file, and the files of a group, in one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return GROUP_OF_FILE.get(file, file)
