"""`python -m tests.emulators redshift`: start the stand-in and say how to reach it."""

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
    """Serve until told to stop or until the parent is gone."""
    options = _parser().parse_args(arguments)
    try:
        faults = _faults(options.faults)
    except (FaultError, OSError, yaml.YAMLError) as error:
        print(f"{options.faults}: {error}")
        return 3
    with ExitStack() as stack:
        data = stack.enter_context(_folder(options.data))
        shared = stack.enter_context(_running(options, data, faults))
        listener = Listener(shared, options.port)
        stack.callback(listener.close)
        if options.admin_socket:
            stack.callback(AdminSocket(shared, options.admin_socket).close)
        announce(
            "redshift",
            _environment(shared, listener.port, data),
            as_json=options.json,
            as_export=options.export,
            details={"ca": str(shared.authority)},
        )
        wait_until_stopped()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators redshift",
        description="an Amazon Redshift stand-in",
    )
    add = parser.add_argument
    add("--port", type=int, default=PORT, help=f"0: a free one (default {PORT})")
    add("--database", default="dev")
    add("--user", default="awsuser")
    add("--password", default="Awsuser1")
    add("--data", type=Path, help="keep the database in this folder")
    add(
        "--s3",
        default=os.environ.get("AWS_ENDPOINT_URL_S3"),
        help="the S3 endpoint of COPY and UNLOAD (default: AWS_ENDPOINT_URL_S3)",
    )
    add(
        "--iam-role",
        action="append",
        default=[],
        help=f"a role that the cluster has; the first is its default ({IAM_ROLE})",
    )
    add("--no-tls", action="store_true", help="answer requests for TLS with no")
    add("--any-iam-password", action="store_true", help="take temporary passwords")
    add("--faults", type=Path, help="a YAML list of faults, see faults.py")
    add("--admin-socket", type=Path, help="take faults on this Unix socket")
    add("--json", action="store_true", help="announce as JSON")
    add("--export", action="store_true", help="announce for a shell")
    return parser


def _faults(path: Path | None) -> Faults:
    faults = Faults()
    for described in (yaml.safe_load(path.read_text()) or []) if path else []:
        faults.add(described)
    return faults


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """Yield the folder given, or one for this run only."""
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="redshift-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _running(
    options: argparse.Namespace, data: Path, faults: Faults
) -> Iterator[Cluster]:
    """Start PostgreSQL on the folder and yield what the sessions share."""
    account = Account(options.database, options.user, options.password)
    authority, tls = certificates.ensure(data, "Redshift stand-in CA")
    server, is_new = postgres.start(data / "postgres")
    try:
        if is_new:
            bootstrap.prepare(server)
        bootstrap.ensure_account(server, account)
        names, super_oid = cluster.known_views(server, account.database)
        history = History(server, account.database)
        try:
            yield Cluster(
                server=server,
                account=account,
                tls=None if options.no_tls else tls,
                authority=authority,
                history=history,
                faults=faults,
                super_oid=super_oid,
                s3_endpoint=options.s3,
                accepts_any_iam_password=options.any_iam_password,
                iam_roles=tuple(options.iam_role or [IAM_ROLE]),
                view_names=names,
            )
        finally:
            history.close()
    finally:
        server.stop(is_kept=options.data is not None)


def _environment(shared: Cluster, port: int, data: Path) -> dict[str, str]:
    """Return what connects dbt and the loaders through the profile's target `dev`."""
    bundle = data / "trusted.pem"
    bundle.write_text(Path(certifi.where()).read_text() + shared.authority.read_text())
    return {
        "DBT_TARGET": "dev",
        "NIGHTSHIFT_REDSHIFT_HOST": HOST,
        "NIGHTSHIFT_REDSHIFT_PORT": str(port),
        "NIGHTSHIFT_REDSHIFT_USER": shared.account.user,
        "NIGHTSHIFT_REDSHIFT_PASSWORD": shared.account.password,
        "NIGHTSHIFT_REDSHIFT_DATABASE": shared.account.database,
        "NIGHTSHIFT_REDSHIFT_SSLMODE": "verify-full" if shared.tls else "disable",
        "NIGHTSHIFT_COPY_IAM_ROLE": shared.iam_roles[0],
        "SSL_CERT_FILE": str(bundle),
    }
