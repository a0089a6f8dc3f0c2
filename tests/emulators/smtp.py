"""A mail server that stores every message as a file and rejects by rule.

Each message becomes `0001.eml`, `0002.eml`, ... in the server's folder. Its first lines
are `X-MailFrom` and `X-RcptTo`, the addresses of the SMTP envelope. `rules.json` in the
folder is a list of rules, read again for each command.
"""

import argparse
import json
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.emulators.component import HOST, announce, free_port, wait_until_stopped

RECIPIENT = "trials@example.com"
DISCONNECT = "disconnect"
STORE_AND_DISCONNECT = "store and disconnect"


@dataclass(frozen=True)
class Rule:
    """The reply to a command (`MAIL`, `RCPT` or `DATA`) instead of 250.

    `address` is a pattern for the sender (`MAIL`), the recipient (`RCPT`) or any
    recipient (`DATA`). With `times`, only the first commands of each address get the
    reply, as a server that greylists does. The reply may also be `DISCONNECT`, or
    `STORE_AND_DISCONNECT` for `DATA`: the message is accepted without confirmation.
    """

    command: str
    reply: str
    address: str = "*"
    times: int = 0


class MailServer:
    """The handler of a mail server; `folder` has its rules and its messages."""

    def __init__(self, folder: Path, *, login: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self.commands: list[tuple[str, str]] = []
        self.logins: list[bool] = []
        self.login = login
        self._matches: Counter[tuple[Rule, str]] = Counter()

    def set_rules(self, *rules: Rule) -> None:
        """Replace the rules."""
        set_rules(self.folder, *rules)

    def envelopes(self) -> list[str]:
        """Return the recipients of each stored message, oldest first."""
        return [
            path.read_text(encoding="utf-8").splitlines()[1].removeprefix("X-RcptTo: ")
            for path in sorted(self.folder.glob("*.eml"))
        ]

    async def handle_MAIL(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept the sender, unless a rule rejects it."""
        reply = self._reply(server, "MAIL", [address])
        if not reply:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply or "250 OK"

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Accept the recipient, unless a rule rejects it."""
        reply = self._reply(server, "RCPT", [address])
        if not reply:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the message, unless a rule rejects it."""
        reply = self._reply(server, "DATA", envelope.rcpt_tos)
        if reply in ("", STORE_AND_DISCONNECT):
            self._store(envelope)
        return reply or "250 stored"

    def authenticate(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        mechanism: str,
        data: LoginPassword,
    ) -> AuthResult:
        """Accept the login of the server; remember whether it came encrypted."""
        self.logins.append(session.ssl is not None)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == self.login, handled=False)

    def _reply(self, server: SMTP, command: str, addresses: Sequence[str]) -> str:
        """Return the reply of the first rule that applies, or ''."""
        self.commands += [(command, address) for address in addresses]
        for rule in _read_rules(self.folder):
            for address in addresses:
                if rule.command != command or not fnmatchcase(address, rule.address):
                    continue
                self._matches[rule, address] += 1
                if rule.times and self._matches[rule, address] > rule.times:
                    continue
                if rule.reply in (DISCONNECT, STORE_AND_DISCONNECT):
                    server.transport.close()
                return rule.reply
        return ""

    def _store(self, envelope: Envelope) -> None:
        number = len(list(self.folder.glob("*.eml"))) + 1
        head = [f"X-MailFrom: {envelope.mail_from}"]
        head.append(f"X-RcptTo: {', '.join(envelope.rcpt_tos)}")
        content = "".join(f"{line}\r\n" for line in head).encode()
        content += envelope.original_content or b""
        (self.folder / f"{number:04}.eml").write_bytes(content)


def set_rules(folder: Path, *rules: Rule) -> None:
    """Replace the rules of the mail server with this folder."""
    text = json.dumps([asdict(rule) for rule in rules])
    (folder / "rules.json").write_text(text, encoding="utf-8")


def _read_rules(folder: Path) -> list[Rule]:
    path = folder / "rules.json"
    rules = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [Rule(**rule) for rule in rules]


@contextmanager
def serving(
    handler: MailServer,
    *,
    starttls: ssl.SSLContext | None = None,
    implicit_tls: ssl.SSLContext | None = None,
    smtputf8: bool = True,
) -> Iterator[int]:
    """Run a mail server in this process; yield its port.

    It offers AUTH if the handler has a login, with and without TLS.
    """
    login: dict[str, object] = (
        {"authenticator": handler.authenticate, "auth_require_tls": False}
        if handler.login
        else {}
    )
    controller = Controller(
        handler,
        hostname=HOST,
        port=free_port(),
        ssl_context=implicit_tls,
        enable_SMTPUTF8=smtputf8,
        tls_context=starttls,
        **login,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


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
    controller = Controller(MailServer(folder), hostname=HOST, port=port)
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
