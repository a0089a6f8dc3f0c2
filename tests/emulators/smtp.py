"""A mail server that takes every mail and keeps it as a file."""

import argparse
import json
import tempfile
from itertools import count
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.emulators.component import HOST, announce, free_port, wait_until_stopped

RECIPIENT = "trials@example.com"


class Keeper:
    """Writes each mail to `folder` as `0001.eml`, `0002.eml`, ..."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(len(list(folder.glob("*.eml"))) + 1)

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take the mail."""
        path = self._folder / f"{next(self._numbers):04}.eml"
        path.write_bytes(envelope.original_content or b"")
        return "250 kept"


def main(arguments: list[str]) -> int:
    """Serve until told to stop or until the parent is gone."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators smtp",
        description="a mail server that keeps mail",
    )
    parser.add_argument("--port", type=int, default=8025, help="0: a free one")
    parser.add_argument("--data", type=Path, help="keep the mails in this folder")
    parser.add_argument("--json", action="store_true", help="announce as JSON")
    parser.add_argument("--export", action="store_true", help="announce for a shell")
    options = parser.parse_args(arguments)
    folder = options.data or Path(tempfile.mkdtemp(prefix="nightshift-mail-"))
    folder.mkdir(parents=True, exist_ok=True)
    port = options.port or free_port()
    controller = Controller(Keeper(folder), hostname=HOST, port=port)
    controller.start()
    environment = {
        "NIGHTSHIFT_SMTP__HOST": HOST,
        "NIGHTSHIFT_SMTP__PORT": str(port),
        "NIGHTSHIFT_SMTP__SENDER": "nightshift@example.com",
        "NIGHTSHIFT_REPORT__RECIPIENTS": json.dumps([RECIPIENT]),
    }
    announce(
        "smtp",
        environment,
        as_json=options.json,
        as_export=options.export,
        details={"mail_folder": str(folder)},
    )
    wait_until_stopped()
    controller.stop()
    return 0
