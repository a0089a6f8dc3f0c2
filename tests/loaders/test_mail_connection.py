"""The session with a mail server: TLS, login, faults, and the errors they become."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from loaders import mail
from loaders.config.recipients import Recipients
from loaders.config.settings import Smtp, load_valid
from loaders.errors import ConfigError, TransientError
from loaders.ledger.mails import ACCEPTED, OPEN, Delivery
from loaders.mime import Message
from tests.emulators import certificates
from tests.emulators.component import HOST
from tests.emulators.smtp import MailServer, serving

MESSAGE = Message("Subject", "Text.\n", "<p>Text.</p>", "report.1")
TO = Recipients("NIGHTSHIFT_REPORT__RECIPIENTS", ["a@example.com", "b@example.com"])
USER, PASSWORD = "nightshift", "tr0ub4dor&3"
SMTP = Smtp(host="mail.example.com", sender="n@example.com")
CLEAR, TLS, NOTHING = "in clear text", "encrypted", "nothing"


def _smtp(port: int, **values: object) -> Smtp:
    return Smtp(host=HOST, port=port, sender="n@example.com", **values)


def _login(**values: object) -> dict[str, object]:
    return {"username": USER, "password": SecretStr(PASSWORD), **values}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("auto", "auto"), ("always", "always"), ("never", "never")),
        *(("true", "always"), ("True", "always"), ("1", "always"), ("yes", "always")),
        *(("false", "auto"), ("0", "auto"), ("off", "auto"), ("NEVER", "never")),
        *((" Always ", "always"), ("", "auto"), ("sometimes", None), ("2", None)),
    ],
)
def test_starttls_setting(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: str | None
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__STARTTLS", text)
    valid, problems = load_valid()
    assert list(problems) == ([] if expected else ["NIGHTSHIFT_SMTP__STARTTLS"])
    assert valid.smtp.starttls == (expected or "auto")


def test_starttls_is_auto_by_default() -> None:
    assert Smtp().starttls == "auto"
    assert Smtp(starttls=True).starttls == "always"
    assert Smtp(starttls=False).starttls == "auto"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority, and the context of a server that it signed."""
    return certificates.ensure(tmp_path_factory.mktemp("tls"), "Mail test authority")


@pytest.mark.parametrize(
    ("setting", "offered", "trusted", "has_login", "expected"),
    [
        ("auto", True, True, True, TLS),
        ("auto", True, True, False, NOTHING),
        ("auto", True, False, True, "certificate"),
        ("auto", True, False, False, "certificate"),
        ("auto", False, True, True, "password was not sent"),
        ("auto", False, True, False, NOTHING),
        ("always", True, True, True, TLS),
        ("always", True, False, True, "certificate"),
        ("always", False, True, True, "STARTTLS=always"),
        ("always", False, True, False, "STARTTLS=always"),
        ("never", True, True, True, CLEAR),
        ("never", True, False, True, CLEAR),
        ("never", False, True, True, CLEAR),
        ("never", False, True, False, NOTHING),
    ],
)
def test_password_goes_out_encrypted_unless_configured_otherwise(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tls: tuple[Path, ssl.SSLContext],
    setting: str,
    offered: bool,
    trusted: bool,
    has_login: bool,
    expected: str,
) -> None:
    authority, context = tls
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    server = MailServer(tmp_path, login=(USER, PASSWORD))
    login = _login() if has_login else {}
    with serving(server, starttls=context if offered else None) as port:
        smtp = _smtp(port, starttls=setting, **login)
        if expected in (CLEAR, TLS, NOTHING):
            deliveries = mail.send(MESSAGE, smtp, TO)
            assert {item.status for item in deliveries.values()} == {ACCEPTED}
        else:
            with pytest.raises(ConfigError, match=expected) as error:
                mail.send(MESSAGE, smtp, TO)
            assert f"{HOST}:{port}" in str(error.value)
            assert "NIGHTSHIFT_SMTP__" in str(error.value)
    assert server.logins == {CLEAR: [False], TLS: [True]}.get(expected, [])


def test_port_465_is_implicit_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: tuple[Path, ssl.SSLContext]
) -> None:
    authority, context = tls
    server = MailServer(tmp_path, login=(USER, PASSWORD))
    with serving(server, implicit_tls=context) as port:
        monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", port)
        smtp = _smtp(port, **_login(starttls="never"))
        with pytest.raises(ConfigError, match="certificate"):
            mail.send(MESSAGE, smtp, TO)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert mail.send(MESSAGE, smtp, TO)["a@example.com"] == Delivery(ACCEPTED)
        assert f":{port}, TLS, login as {USER}" in mail.check(smtp, [TO])
    with serving(MailServer(tmp_path)) as port:
        monkeypatch.setattr(mail, "IMPLICIT_TLS_PORT", port)
        with pytest.raises(ConfigError, match="NIGHTSHIFT_SMTP__PORT"):
            mail.send(MESSAGE, _smtp(port), TO)


def test_certificate_of_another_host_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: tuple[Path, ssl.SSLContext]
) -> None:
    authority, context = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    addresses = socket.getaddrinfo(HOST, None)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda _, port, *args, **more: [
            (*address[:4], (HOST, port)) for address in addresses
        ],
    )
    with serving(MailServer(tmp_path), starttls=context) as port:
        smtp = Smtp(host="mail.example.com", port=port, sender="n@example.com")
        with pytest.raises(ConfigError, match=r"mail\.example\.com.*mismatch"):
            mail.send(MESSAGE, smtp, TO)


@pytest.mark.parametrize(
    ("setting", "offered", "has_login", "expected"),
    [
        ("auto", True, True, f", STARTTLS, login as {USER}"),
        ("auto", False, False, ", no encryption (the server does not offer STARTTLS)"),
        (
            "never",
            True,
            True,
            ", no encryption (NIGHTSHIFT_SMTP__STARTTLS=never), lo",
        ),
        ("always", True, False, ", STARTTLS, no login"),
    ],
)
def test_check_describes_the_connection(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tls: tuple[Path, ssl.SSLContext],
    setting: str,
    offered: bool,
    has_login: bool,
    expected: str,
) -> None:
    authority, context = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    server = MailServer(tmp_path, login=(USER, PASSWORD))
    with serving(server, starttls=context if offered else None) as port:
        smtp = _smtp(port, starttls=setting, **(_login() if has_login else {}))
        assert f"{HOST}:{port}{expected}" in mail.check(smtp, [TO])


@pytest.mark.parametrize(
    "values",
    [
        {"username": USER},
        {"password": SecretStr(PASSWORD)},
        _login(password=SecretStr("pässword")),
    ],
)
def test_login_that_cannot_be_sent_is_named(
    tmp_path: Path, values: dict[str, object]
) -> None:
    server = MailServer(tmp_path, login=(USER, PASSWORD))
    with serving(server) as port, pytest.raises(ConfigError, match="PASSWORD"):
        mail.check(_smtp(port, starttls="never", **values), [])


GREETING, HELLO, SENDER, RECIPIENT, MESSAGE_END, QUIT = (
    *("greeting", "EHLO", "MAIL", "RCPT", ".", "QUIT"),
)
HANG_UP = ""
REPLIES = {GREETING: "220 hello", HELLO: "250 hello", "DATA": "354 go on"}


@contextmanager
def speaking(replies: Mapping[str, str]) -> Iterator[int]:
    """Serve one session with these replies; `HANG_UP` closes the connection."""
    replies = {**REPLIES, **replies}

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            command, is_data = GREETING, False
            while reply := replies.get(command, "250 OK"):
                connection.sendall(f"{reply}\r\n".encode())
                is_data = command == "DATA" and reply.startswith("354")
                line = lines.readline()
                while is_data and line and line != b".\r\n":
                    line = lines.readline()
                if not line:
                    return
                command = line.split()[0].decode().upper()

    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ({GREETING: HANG_UP}, OPEN),
        ({GREETING: "421 too busy"}, OPEN),
        ({GREETING: "554 your address is blocked"}, ConfigError),
        ({GREETING: "HTTP/1.1 400 Bad Request"}, ConfigError),
        ({GREETING: "+OK POP3 ready"}, ConfigError),
        ({HELLO: HANG_UP}, OPEN),
        ({HELLO: "421 shutting down", "HELO": "421 shutting down"}, OPEN),
        ({HELLO: "502 what", "HELO": "250 hello"}, ACCEPTED),
        ({SENDER: HANG_UP}, OPEN),
        ({SENDER: "421 shutting down"}, OPEN),
        ({SENDER: "553 sender rejected"}, ConfigError),
        ({RECIPIENT: HANG_UP}, OPEN),
        ({RECIPIENT: "251 will forward"}, ACCEPTED),
        ({RECIPIENT: "252 will try"}, ACCEPTED),
        ({"DATA": HANG_UP}, OPEN),
        ({"DATA": "451 not now"}, OPEN),
        ({"DATA": "554 no"}, ConfigError),
        ({"DATA": "250 odd"}, ConfigError),
        ({MESSAGE_END: HANG_UP}, OPEN),
        ({MESSAGE_END: "451 not now"}, OPEN),
        ({MESSAGE_END: "550 5.7.1 spam"}, ConfigError),
        ({QUIT: HANG_UP}, ACCEPTED),
        ({QUIT: "421 bye"}, ACCEPTED),
        ({QUIT: "500 what"}, ACCEPTED),
    ],
)
def test_fault_in_a_session(
    replies: dict[str, str], expected: str | type[Exception]
) -> None:
    with speaking(replies) as port:
        if isinstance(expected, str):
            deliveries = mail.send(MESSAGE, _smtp(port), TO)
            assert {item.status for item in deliveries.values()} == {expected}
        else:
            (reply,) = replies.values()
            with pytest.raises(expected) as error:
                mail.send(MESSAGE, _smtp(port), TO)
            assert reply.split(maxsplit=1)[1] in str(error.value)
            assert "SMTP__" in str(error.value)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [("535 5.7.8 no", ConfigError), ("454 4.7.0 later", TransientError)],
)
def test_rejected_login_does_not_show_the_password(
    reply: str, expected: type[Exception]
) -> None:
    token = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    echo = f"{reply}: AUTH PLAIN {token} ({PASSWORD})"
    hello = "250-hello\r\n250 AUTH PLAIN"
    with speaking({HELLO: hello, "AUTH": echo}) as port:
        smtp = _smtp(port, **_login(starttls="never"))
        with pytest.raises(expected) as error:
            mail.check(smtp, [TO])
    assert reply in str(error.value)
    for secret in (PASSWORD, token):
        assert secret not in str(error.value)
    assert error.value.__suppress_context__
