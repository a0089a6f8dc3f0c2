"""Starting the stand-in: as a process of its own, or in a thread of a test's.

`started` gives a test the org itself, to look into and to spoil, besides its URLs.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.emulators import certificates
from tests.emulators.component import HOST, announce, wait_until_stopped
from tests.emulators.salesforce import faults, org
from tests.emulators.salesforce.application import Application
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.objects.schema_file import load
from tests.emulators.salesforce.org import Org, Settings
from tests.emulators.salesforce.server import serving
from tests.emulators.salesforce.worker import Worker

API_VERSION = "60.0"


@dataclass(frozen=True)
class Started:
    """A running stand-in: how to reach it, and the org behind it."""

    org: Org
    worker: Worker
    http_url: str
    https_url: str
    ca_file: Path

    def environment(self) -> dict[str, str]:
        """Return the variables with which the product finds it."""
        prefix = "NIGHTSHIFT_SALESFORCE__"
        return {
            f"{prefix}AUTH": "client_credentials",
            f"{prefix}INSTANCE_URL": self.https_url,
            f"{prefix}TOKEN_URL": f"{self.https_url}/services/oauth2/token",
            f"{prefix}CLIENT_ID": org.CLIENT_ID,
            f"{prefix}CLIENT_SECRET": org.CLIENT_SECRET,
            f"{prefix}API_VERSION": API_VERSION,
            f"{prefix}EXPECT_SANDBOX": "true",
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
        }


@contextmanager
def started(
    folder: Path,
    settings: Settings | None = None,
    *,
    http_port: int = 0,
    https_port: int = 0,
) -> Iterator[Started]:
    """Serve an org that keeps everything in `folder`; port 0 means a free one."""
    the_org = Org(folder, settings)
    worker = Worker(the_org)
    authority, context = certificates.ensure(folder, "Salesforce stand-in CA")
    application = Application(the_org, worker)
    with ExitStack() as stack:
        stack.callback(the_org.close)
        plain = stack.enter_context(serving(application, http_port))
        secure = stack.enter_context(serving(application, https_port, context))
        worker.start()
        stack.callback(worker.stop)
        yield Started(
            org=the_org,
            worker=worker,
            http_url=f"http://{HOST}:{plain}",
            https_url=f"https://{HOST}:{secure}",
            ca_file=authority,
        )


def main(arguments: list[str]) -> int:
    """Serve until told to stop or until the parent is gone."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
    except (KeyError, OSError, ValueError, yaml.YAMLError) as error:
        print(f"{error}. Mend the file and start again.", file=sys.stderr)
        return 3
    with ExitStack() as stack:
        folder = options.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-sf-"))
        )
        running = stack.enter_context(
            started(
                folder.resolve(),
                settings,
                http_port=options.http_port,
                https_port=options.https_port,
            )
        )
        announce(
            "salesforce",
            running.environment(),
            as_json=options.json,
            as_export=options.export,
            details=_details(running),
        )
        wait_until_stopped()
    return 0


def _details(running: Started) -> dict[str, str]:
    return {
        "http_url": running.http_url,
        "https_url": running.https_url,
        "page": f"{running.http_url}/",
        "ca_file": str(running.ca_file),
        "private_key_file": str(running.org.private_key_file),
        "username": org.USERNAME,
        "password": org.PASSWORD,
        "security_token": org.SECURITY_TOKEN,
        "request_log": str(running.org.folder / "requests.jsonl"),
    }


def _settings(options: argparse.Namespace) -> Settings:
    load(options.objects)  # a file that makes no objects is told before all else
    plan, left = _faults(options.faults) if options.faults else ([], {})
    return Settings(
        objects=options.objects,
        access_token=options.access_token,
        faults=plan,
        limits_left=left,
        state_seconds=options.state_seconds,
        shuffles_results=options.shuffle_results,
        charset=options.charset,
        public_key_file=options.public_key,
    )


def _faults(path: Path) -> tuple[list[Fault], dict[str, int]]:
    """Read a plan: faults, and what is left of limits, if the file tells both."""
    told = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(told, dict):
        told = {"faults": told}
    plan = [faults.make(entry) for entry in told.get("faults") or []]
    left = {name: int(count) for name, count in (told.get("limits") or {}).items()}
    return plan, left


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators salesforce", description="a Salesforce stand-in"
    )
    add = parser.add_argument
    add("--http-port", type=int, default=8080, help="0: a free one")
    add("--https-port", type=int, default=8443, help="0: a free one")
    add("--objects", type=Path, default=org.OBJECTS, help="YAML of the org's objects")
    add("--access-token", help="a token that is good besides the issued ones")
    add("--faults", type=Path, help="YAML of what goes wrong")
    add("--public-key", type=Path, help="PEM that JWT assertions are checked with")
    add("--state-seconds", type=float, default=0.0, help="how long a job state lasts")
    add("--shuffle-results", action="store_true", help="result rows in no order")
    add("--charset", help="charset to put on result files; none by default")
    add("--data", type=Path, help="keep records, jobs and the CA in this folder")
    add("--json", action="store_true", help="announce as JSON")
    add("--export", action="store_true", help="announce for a shell")
    return parser
