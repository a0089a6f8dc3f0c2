"""A warehouse and an org of its own for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from loaders import warehouse
from loaders.config.settings import Salesforce as Settings
from tests.emulators import certificates
from tests.emulators.salesforce.org import CLIENT_ID, CLIENT_SECRET
from tests.emulators.salesforce.org import Settings as Stand
from tests.emulators.salesforce.serve import started
from tests.loaders.salesforce.world import BAD_PLAN, MAPPING, Connected, Mart

pytest.register_assert_rewrite("tests.loaders.salesforce.random_scenario")


@pytest.fixture
def mart(embedded_warehouse: None) -> Iterator[Mart]:
    """Give an empty warehouse with its ledgers, and the mart to fill."""
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
    given = Mart()
    with given.held():
        yield given


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with certificates, which all orgs of the session share."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.ensure(folder, "Salesforce of the tests")
    return folder


@pytest.fixture
def connected(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    certified: Path,
) -> Iterator[Connected]:
    """Start an org with an empty object, and say how to reach it.

    Its job lists have pages of three, and its results come in no order.
    """
    how = Stand(page_jobs=3, shuffles_results=True)
    folder = shutil.copytree(certified, tmp_path_factory.mktemp("orgs") / "org")
    with started(folder, how) as running:
        running.org.schema.change_field(
            MAPPING.object, "billing_plan__c", refuse=BAD_PLAN, refuse_message="no"
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.ca_file))
        settings = Settings(
            instance_url=running.https_url,
            client_id=CLIENT_ID,
            client_secret=SecretStr(CLIENT_SECRET),
            expect_sandbox=True,
        )
        given = Connected(running, settings, tmp_path / "spool")
        running.org.store.watcher = given.note
        yield given
