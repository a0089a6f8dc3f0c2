"""What runs and when: Luigi tasks, no SQL, no client library.

`luigi --module orchestrate Nightly --data-date D` finds its tasks here.
"""

import os
from pathlib import Path

import luigi.configuration

from loaders.settings import PROJECT

# Luigi reads luigi.cfg from the working directory; elsewhere the project's still holds.
if not Path("luigi.cfg").exists() and "LUIGI_CONFIG_PATH" not in os.environ:
    luigi.configuration.add_config_path(str(PROJECT / "luigi.cfg"))

from orchestrate import unattended
from orchestrate.export import (
    ArchiveDataset,
    SyncTrialMetricsToSalesforce,
)
from orchestrate.load import LoadRawTable, RawPartition
from orchestrate.nightly import (
    Backfill,
    BuildOrgDays,
    BuildOrgTrialMetrics,
    Nightly,
)
from orchestrate.report import MailReport
from orchestrate.transform import DbtModel

__all__ = [
    "ArchiveDataset",
    "Backfill",
    "BuildOrgDays",
    "BuildOrgTrialMetrics",
    "DbtModel",
    "LoadRawTable",
    "MailReport",
    "Nightly",
    "RawPartition",
    "SyncTrialMetricsToSalesforce",
    "unattended",
]
