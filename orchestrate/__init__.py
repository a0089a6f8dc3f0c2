"""Luigi tasks that run the pipeline, and the `nightshift` command.

`luigi --module orchestrate Nightly --data-date D` finds its tasks here. This package
contains no SQL and uses no client library of a warehouse or service.
"""

import os
import sys
from pathlib import Path

from loaders import interruption

interruption.exit_quietly_during_imports()

import luigi.configuration

from loaders.config.environment import PROJECT
from orchestrate import startup

# The luigi command line imports this package to find its tasks, and has no other hook
# before they read their settings.
if "luigi.cmdline" in sys.modules:
    startup.prepare_luigi_process()

# Luigi reads luigi.cfg from the working directory. Use the project's elsewhere.
if not Path("luigi.cfg").exists() and "LUIGI_CONFIG_PATH" not in os.environ:
    luigi.configuration.add_config_path(str(PROJECT / "luigi.cfg"))

from orchestrate.date_ranges import RangeDaily, RangeDailyBase
from orchestrate.nightly import (
    Backfill,
    BuildOrgDays,
    BuildOrgTrialMetrics,
    Nightly,
)
from orchestrate.runs import luigi_events
from orchestrate.tasks.archive import ArchiveDataset
from orchestrate.tasks.export import (
    SyncAccountsToSalesforce,
    SyncTrialMetricsToSalesforce,
)
from orchestrate.tasks.load import LoadRawTable, RawPartition
from orchestrate.tasks.report import MailReport
from orchestrate.tasks.transform import DbtModel

__all__ = [
    "ArchiveDataset",
    "Backfill",
    "BuildOrgDays",
    "BuildOrgTrialMetrics",
    "DbtModel",
    "LoadRawTable",
    "MailReport",
    "Nightly",
    "RangeDaily",
    "RangeDailyBase",
    "RawPartition",
    "SyncAccountsToSalesforce",
    "SyncTrialMetricsToSalesforce",
    "luigi_events",
]
