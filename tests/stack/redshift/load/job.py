"""What a COPY or an UNLOAD works with."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.stack.redshift.backend import Backend
from tests.stack.redshift.catalog import SessionCatalog
from tests.stack.redshift.client import Client
from tests.stack.redshift.cluster import Cluster
from tests.stack.redshift.notes import Started


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
