"""A mail server that accepts every message and stores it as a file."""

import argparse
import json
import tempfile
from itertools import count
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.emulators.component import HOST, announce, free_port, wait_until_stopped

RECIPIENT = "trials@example.com"


class MessageStore:
    """Writes each message to `folder` as `0001.eml`, `0002.eml`, ..."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(len(list(folder.glob("*.eml"))) + 1)

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the message."""
        path = self._folder / f"{next(self._numbers):04}.eml"
        path.write_bytes(envelope.original_content or b"")
        return "250 stored"


def main(arguments: list[str]) -> int:
    """Serve until a signal arrives or the parent process ends."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators smtp",
        description="a mail server that stores every message",
    )
    parser.add_argument("--port", type=int, default=8025, help="0: a free port")
    parser.add_argument("--data", type=Path, help="store the messages in this folder")
    parser.add_argument("--json", action="store_true", help="announce as JSON")
    parser.add_argument("--export", action="store_true", help="announce for a shell")
    options = parser.parse_args(arguments)
    folder = options.data or Path(tempfile.mkdtemp(prefix="nightshift-mail-"))
    folder.mkdir(parents=True, exist_ok=True)
    port = options.port or free_port()
    controller = Controller(MessageStore(folder), hostname=HOST, port=port)
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
