"""One run at a time: the runs of several dates write the same tables.

A run is planned from what earlier ones have finished, so it waits for them before. A
sync by hand waits too, because it would take the chunks of a running one for
interrupted. The lock is a lease in the warehouse. On Redshift, a thread renews it. A
DuckDB file has one process at a time, so there the end of each task renews it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import luigi
import structlog

from loaders import interruption, warehouse
from loaders.errors import NightshiftError, TransientError
from loaders.ledger import run_lease
from loaders.ledger.run_lease import Holder, Lease
from orchestrate.planning import archives, run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs import recording

# A run of the same dates has little left to do after the other one.
SAME_DATES_SECONDS = 600.0
# Longer than a usual run, shorter than the time until business hours.
OTHER_DATES_SECONDS = 3600.0
POLL_SECONDS = 2.0
RENEW_SECONDS = 60.0

log = structlog.get_logger()


class Renewal:
    """Renews the lease of this process until `stop`; ends a process that lost it."""

    def __init__(self) -> None:
        self._renewed_at = time.monotonic()
        self._is_stopped = threading.Event()
        if not warehouse.is_single_writer():
            threading.Thread(target=self._run, name="lease", daemon=True).start()

    def renew_if_due(self) -> None:
        """Renew the lease if that is `RENEW_SECONDS` ago."""
        if time.monotonic() - self._renewed_at >= RENEW_SECONDS:
            self._renew()

    def stop(self) -> None:
        """Do not renew the lease any more."""
        self._is_stopped.set()

    def _run(self) -> None:
        while not self._is_stopped.wait(RENEW_SECONDS):
            self._renew()

    def _renew(self) -> None:
        self._renewed_at = time.monotonic()
        try:
            lease = warehouse.run_with_retries(
                lambda connection: run_lease.renew(connection, RUN_ID)
            )
        except NightshiftError as error:
            # The lease may last longer than the interruption.
            log.warning("lease not renewed", error=str(error))
            return
        except interruption.Interrupted:
            return
        is_lost = lease is None or lease.run_id != RUN_ID
        if is_lost and not self._is_stopped.is_set():
            other = f" to {lease.description}" if lease and lease.run_id else ""
            interruption.stop_process(
                f"This run has lost its lock on {warehouse.location()}{other}, because "
                "it could not renew it in time. It stops, so that two runs do not "
                "replace each other's results."
            )


_renewal: Renewal | None = None


def acquire(root: luigi.Task, *, command: str) -> bool:
    """Wait for other runs; return whether `root` may run, else record its failure."""
    first = root.data_date_from or root.data_date
    try:
        _take(Holder(RUN_ID, command, first, root.data_date))
    except NightshiftError as error:
        recording.add_failure(root, error)
        return False
    # The runs that it waited for change what is to be done.
    run_state.clear_cache(is_new_run=True)
    archives.clear_cache()
    return True


def release() -> None:
    """Let other runs start. Without it, they wait until the lease has expired."""
    global _renewal
    if _renewal is None:
        return
    _renewal.stop()
    _renewal = None
    with interruption.deferred():
        try:
            warehouse.run_with_retries(partial(run_lease.release, run_id=RUN_ID))
        except NightshiftError as error:
            log.warning("lease not released", error=str(error))


@contextmanager
def held(command: str) -> Iterator[None]:
    """Wait for a run to end, and let none start within the block.

    Raises `TransientError` after `SAME_DATES_SECONDS`.
    """
    _take(Holder(RUN_ID, command))
    try:
        yield
    finally:
        release()


def _take(holder: Holder) -> None:
    """Take the lease; wait for its holder, and raise `TransientError` if that lasts."""
    global _renewal
    start = time.monotonic()
    other: Lease | None = None
    warehouse.create_missing_tables(RUN_ID)
    while lease := warehouse.run_with_retries(partial(run_lease.take, holder=holder)):
        seconds = _patience(holder, lease)
        if other is None or lease.run_id != other.run_id:
            other = lease
            warehouse.announce(
                f"Waiting for another run: {lease.description}. Gives up after "
                f"{seconds / 60:.0f} minutes."
            )
        if time.monotonic() - start > seconds:
            raise TransientError(
                f"Another run on {warehouse.location()} has not ended after "
                f"{seconds / 60:.0f} minutes: {lease.description}. Its last heartbeat "
                f"was {_age(lease)} ago. Run again when it has ended; `nightshift "
                "status` shows it."
            )
        warehouse.close_kept()  # The other run may need a DuckDB file.
        time.sleep(POLL_SECONDS)
    _renewal = Renewal()
    if other is not None:
        waited = time.monotonic() - start
        warehouse.announce(f"Waited {waited:.0f} seconds for {other.description}.")
        log.info("waited for a run", run=other.description, seconds=round(waited))


def _patience(holder: Holder, lease: Lease) -> float:
    """Return the seconds to wait for the holder of `lease`."""
    is_same = holder.data_date is None or holder.overlaps(lease)
    return SAME_DATES_SECONDS if is_same else OTHER_DATES_SECONDS


def _age(lease: Lease) -> str:
    seconds = (lease.read_at - (lease.heartbeat_at or lease.read_at)).total_seconds()
    return f"{max(0, round(seconds))} seconds"


@luigi.Task.event_handler(luigi.Event.SUCCESS)
def _renew_after_task(_: luigi.Task) -> None:
    if _renewal is not None and warehouse.is_single_writer():
        _renewal.renew_if_due()
