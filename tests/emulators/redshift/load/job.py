"""The context of a COPY or UNLOAD."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.emulators.redshift.catalog import SessionCatalog
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.protocol.backend import Backend
from tests.emulators.redshift.protocol.client import Client
from tests.emulators.redshift.session_state import StartedStatement


@dataclass(frozen=True)
class Job:
    """One COPY or UNLOAD of a session.

    `check_interrupted` must be called regularly: it raises if the statement was
    cancelled or the client disconnected.
    """

    cluster: Cluster
    client: Client
    backend: Backend
    catalog: SessionCatalog
    user: str
    started: StartedStatement
    check_interrupted: Callable[[], None]
