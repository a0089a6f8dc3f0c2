"""`python -m tests.emulators redshift`: start the emulator, print its environment."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import certifi
import yaml

from tests.emulators import certificates
from tests.emulators.component import HOST, announce, wait_until_stopped
from tests.emulators.redshift import bootstrap, cluster, postgres
from tests.emulators.redshift.admin import AdminSocket
from tests.emulators.redshift.bootstrap import Account
from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.faults import FaultError, Faults
from tests.emulators.redshift.history import History
from tests.emulators.redshift.protocol.listener import Listener

PORT = 5439
IAM_ROLE = "arn:aws:iam::123456789012:role/nightshift-copy"


def main(arguments: list[str]) -> int:
    """Serve until a stop signal arrives or the parent process ends."""
    options = _parser().parse_args(arguments)
    try:
        faults = _read_faults(options.faults)
        if options.latency:
            statement_ms, session_ms = options.latency
            latency = {"statement_ms": statement_ms, "session_ms": session_ms}
            faults.add({"fault": "latency", **latency})
    except (FaultError, OSError, yaml.YAMLError) as error:
        print(f"Cannot read the faults file {options.faults}: {error}")
        return 3
    with ExitStack() as stack:
        data = stack.enter_context(_data_folder(options.data))
        running = stack.enter_context(_start_cluster(options, data, faults))
        listener = Listener(running, options.port)
        stack.callback(listener.close)
        if options.admin_socket:
            stack.callback(AdminSocket(running, options.admin_socket).close)
        announce(
            "redshift",
            _client_environment(running, listener.port, data),
            as_json=options.json,
            as_export=options.export,
            details={"ca": str(running.authority)},
        )
        wait_until_stopped()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators redshift",
        description="Start an Amazon Redshift emulator.",
    )
    add = parser.add_argument
    add(
        "--port",
        type=int,
        default=PORT,
        help=f"port to listen on, 0 for any free port (default {PORT})",
    )
    add("--database", default="dev")
    add("--user", default="awsuser")
    add("--password", default="Awsuser1")
    add(
        "--isolation",
        choices=("snapshot", "serializable"),
        default="snapshot",
        help="isolation level of the database (default: snapshot)",
    )
    add("--data", type=Path, help="keep the database in this folder")
    add(
        "--s3",
        default=os.environ.get("AWS_ENDPOINT_URL_S3"),
        help="S3 endpoint of COPY and UNLOAD (default: AWS_ENDPOINT_URL_S3)",
    )
    add(
        "--iam-role",
        action="append",
        default=[],
        help="role attached to the cluster, repeatable; the first is the default role"
        f" ({IAM_ROLE})",
    )
    add("--no-tls", action="store_true", help="reject requests for TLS")
    add(
        "--any-iam-password",
        action="store_true",
        help="accept any temporary password of an IAM user",
    )
    add("--faults", type=Path, help="YAML list of faults, see faults.py")
    add(
        "--latency",
        nargs=2,
        type=float,
        metavar=("STATEMENT_MS", "SESSION_MS"),
        help="delay every statement and every start-up of a session",
    )
    add("--admin-socket", type=Path, help="accept faults on this Unix socket")
    add("--json", action="store_true", help="print the environment as JSON")
    add("--export", action="store_true", help="print the environment for a shell")
    return parser


def _read_faults(path: Path | None) -> Faults:
    faults = Faults()
    for definition in (yaml.safe_load(path.read_text()) or []) if path else []:
        faults.add(definition)
    return faults


@contextmanager
def _data_folder(data: Path | None) -> Iterator[Path]:
    """Yield the given folder, or a temporary one that is deleted afterwards."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    temporary = Path(tempfile.mkdtemp(prefix="redshift-"))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _start_cluster(
    options: argparse.Namespace, data: Path, faults: Faults
) -> Iterator[Cluster]:
    """Start PostgreSQL on the folder; yield the state that all sessions share."""
    account = Account(
        options.database, options.user, options.password, options.isolation
    )
    authority, tls = certificates.ensure(data, "Redshift emulator CA")
    server, is_new = postgres.start(data / "postgres")
    try:
        if is_new:
            bootstrap.install_redshift_objects(server)
        bootstrap.ensure_account(server, account)
        names, type_oids = cluster.load_catalog(server, account.database)
        history = History(server, account.database)
        lookups = server.connect(account.database)
        try:
            yield Cluster(
                server=server,
                account=account,
                tls=None if options.no_tls else tls,
                authority=authority,
                history=history,
                faults=faults,
                type_oids=type_oids,
                lookups=lookups,
                s3_endpoint=options.s3,
                accepts_any_iam_password=options.any_iam_password,
                iam_roles=tuple(options.iam_role or [IAM_ROLE]),
                view_names=names,
            )
        finally:
            lookups.close()
            history.close()
    finally:
        server.stop(keep_data=options.data is not None)


def _client_environment(running: Cluster, port: int, data: Path) -> dict[str, str]:
    """Return the environment variables that the profile's target `dev` reads."""
    bundle = data / "trusted.pem"
    bundle.write_text(Path(certifi.where()).read_text() + running.authority.read_text())
    return {
        "DBT_TARGET": "dev",
        "NIGHTSHIFT_REDSHIFT_HOST": HOST,
        "NIGHTSHIFT_REDSHIFT_PORT": str(port),
        "NIGHTSHIFT_REDSHIFT_USER": running.account.user,
        "NIGHTSHIFT_REDSHIFT_PASSWORD": running.account.password,
        "NIGHTSHIFT_REDSHIFT_DATABASE": running.account.database,
        "NIGHTSHIFT_REDSHIFT_SSLMODE": "verify-full" if running.tls else "disable",
        "NIGHTSHIFT_COPY_IAM_ROLE": running.iam_roles[0],
        "SSL_CERT_FILE": str(bundle),
    }
