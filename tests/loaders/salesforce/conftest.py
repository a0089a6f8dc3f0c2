"""A new warehouse and a new Salesforce org for each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from loaders.config.settings import Salesforce as Settings
from tests.emulators import certificates
from tests.emulators.salesforce.org import CLIENT_ID, CLIENT_SECRET
from tests.emulators.salesforce.org import Settings as EmulatorSettings
from tests.emulators.salesforce.serve import running_emulator
from tests.loaders.salesforce.accounts import Accounts, account
from tests.loaders.salesforce.fixtures import (
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
)

pytest.register_assert_rewrite("tests.loaders.salesforce.random_scenario")


@pytest.fixture
def mart(duckdb_warehouse: None, empty_tables: Path) -> Iterator[Mart]:
    """Yield the mart of an empty warehouse that has its ledger tables."""
    shutil.copy(empty_tables, os.environ["NIGHTSHIFT_DUCKDB_PATH"])
    mart = Mart()
    with mart.kept_open():
        yield mart


@pytest.fixture(scope="session")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificates that all orgs of the session share."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.ensure(folder, "Salesforce emulator of the tests")
    return folder


@pytest.fixture
def salesforce(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    certificate_folder: Path,
) -> Iterator[SalesforceOrg]:
    """Start a Salesforce emulator with an empty object.

    Its job lists have pages of three, and its results are in random order.
    """
    emulator_settings = EmulatorSettings(jobs_per_page=3, shuffle_results=True)
    folder = shutil.copytree(
        certificate_folder, tmp_path_factory.mktemp("orgs") / "org"
    )
    with running_emulator(folder, emulator_settings) as running:
        running.org.schema.change_field(
            MAPPING.object,
            "billing_plan__c",
            error_pattern=REJECTED_PLAN,
            error_message="no",
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.ca_file))
        settings = Settings(
            instance_url=running.https_url,
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            expect_sandbox=True,
            sync=FAST,
        )
        salesforce = SalesforceOrg(running, settings, tmp_path / "spool")
        running.org.store.on_write = salesforce.record_write
        yield salesforce


@pytest.fixture
def accounts(mart: Mart, salesforce: SalesforceOrg) -> Accounts:
    """Return accounts 1 to 4 in Salesforce, and a mart of 1, 2 and an org without."""
    salesforce.org.store.on_write = None  # it expects the other object
    found = Accounts(salesforce)
    found.create("1", "2", "3", "4")
    found.fill(account("1"), account("2", hosts=0), account("none"))
    return found
