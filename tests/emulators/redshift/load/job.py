"""What a COPY or an UNLOAD works with."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.emulators.redshift.catalog import SessionCatalog
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.notes import Started
from tests.emulators.redshift.protocol.backend import Backend
from tests.emulators.redshift.protocol.client import Client


@dataclass(frozen=True)
class Job:
    """One COPY or UNLOAD of a session.

    Call `check` now and then: it raises when the statement is cancelled or the client
    is gone.
    """

    cluster: Cluster
    client: Client
    backend: Backend
    catalog: SessionCatalog
    user: str
    started: Started
    check: Callable[[], None]
