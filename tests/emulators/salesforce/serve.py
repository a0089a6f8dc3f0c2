"""Start the emulator, as a separate process or in threads of a test.

`running_emulator` yields the org object as well as the URLs.
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
from tests.emulators.salesforce.http_server import serve_in_thread
from tests.emulators.salesforce.objects.schema_file import load_objects
from tests.emulators.salesforce.org import Org, Settings
from tests.emulators.salesforce.worker import Worker

API_VERSION = "60.0"


@dataclass(frozen=True)
class RunningEmulator:
    """A running emulator: its org, worker, URLs and CA certificate."""

    org: Org
    worker: Worker
    http_url: str
    https_url: str
    ca_file: Path

    def environment(self) -> dict[str, str]:
        """Return the environment variables that connect Nightshift to the emulator."""
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
def running_emulator(
    folder: Path,
    settings: Settings | None = None,
    *,
    http_port: int = 0,
    https_port: int = 0,
) -> Iterator[RunningEmulator]:
    """Serve an org that stores its data in `folder`; port 0 means a free port."""
    the_org = Org(folder, settings)
    worker = Worker(the_org)
    ca_file, context = certificates.ensure(folder, "Salesforce emulator CA")
    application = Application(the_org, worker)
    with ExitStack() as stack:
        stack.callback(the_org.close)
        http_port = stack.enter_context(serve_in_thread(application, http_port))
        https_port = stack.enter_context(
            serve_in_thread(application, https_port, context)
        )
        worker.start()
        stack.callback(worker.stop)
        yield RunningEmulator(
            org=the_org,
            worker=worker,
            http_url=f"http://{HOST}:{http_port}",
            https_url=f"https://{HOST}:{https_port}",
            ca_file=ca_file,
        )


def main(arguments: list[str]) -> int:
    """Serve until a signal arrives or the parent process ends; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
    except (KeyError, OSError, ValueError, yaml.YAMLError) as error:
        print(_configuration_error(error), file=sys.stderr)
        return 3
    with ExitStack() as stack:
        folder = options.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="nightshift-sf-"))
        )
        running = stack.enter_context(
            running_emulator(
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


def _configuration_error(error: Exception) -> str:
    cause = str(error).rstrip(".")
    return f"Cannot read the configuration. {cause}. Correct the file and start again."


def _details(running: RunningEmulator) -> dict[str, str]:
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
    load_objects(options.objects)  # reports an invalid file before the server starts
    plan, remaining = _read_faults(options.faults) if options.faults else ([], {})
    return Settings(
        objects=options.objects,
        access_token=options.access_token,
        faults=plan,
        limits_remaining=remaining,
        state_seconds=options.state_seconds,
        shuffle_results=options.shuffle_results,
        charset=options.charset,
        public_key_file=options.public_key,
    )


def _read_faults(path: Path) -> tuple[list[Fault], dict[str, int]]:
    """Read a fault plan: the faults, and the remaining allowance of limits."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    if not isinstance(content, dict):
        content = {"faults": content}
    plan = [faults.parse_fault(entry) for entry in content.get("faults") or []]
    limits = {name: int(count) for name, count in (content.get("limits") or {}).items()}
    return plan, limits


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators salesforce",
        description="Run the Salesforce emulator.",
    )
    add = parser.add_argument
    add("--http-port", type=int, default=8080, help="0 means a free port")
    add("--https-port", type=int, default=8443, help="0 means a free port")
    add("--objects", type=Path, default=org.OBJECTS, help="YAML of the org's objects")
    add("--access-token", help="accept this token besides the issued ones")
    add("--faults", type=Path, help="YAML with a fault plan")
    add("--public-key", type=Path, help="PEM that verifies JWT assertions")
    add("--state-seconds", type=float, default=0.0, help="duration of each job state")
    add("--shuffle-results", action="store_true", help="shuffle successful result rows")
    add("--charset", help="charset of result files; none by default")
    add("--data", type=Path, help="keep records, jobs and the CA in this folder")
    add("--json", action="store_true", help="print the environment as JSON")
    add("--export", action="store_true", help="print the environment for a shell")
    return parser
