"""Mail arrives complete, and each recipient's result is known."""

import email
import email.policy
from collections import Counter
from email.message import EmailMessage
from pathlib import Path

import pytest

from loaders import mail
from loaders.config.addresses import parse_address
from loaders.config.recipients import Recipients
from loaders.config.settings import Smtp
from loaders.errors import ConfigError
from loaders.ledger.mails import ACCEPTED, OPEN, REJECTED, Delivery
from loaders.mime import Message, compose
from tests.emulators import up
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.smtp import (
    DISCONNECT,
    STORE_AND_DISCONNECT,
    MailServer,
    Rule,
    serving,
)

SETTING = "NIGHTSHIFT_REPORT__RECIPIENTS"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
MESSAGE = Message(
    subject="Trial report 2026-11-24",
    text="Fünf Orgs.\n.\nFrom here on, dots.\n",
    html='<p>Fünf Orgs. <img src="cid:flow.1@nightshift" alt="flow"></p>',
    reference="report.2026-11-24.1",
    images={"flow.1@nightshift": PNG},
)
GOOD, GREY, GONE = "good@example.com", "grey@example.com", "gone@example.com"
UMLAUT = "jürgen@example.com"
BUSY = Rule("RCPT", "450 4.2.0 greylisted", GREY)
NO_BOX = Rule("RCPT", "550 5.1.1 no such box", GONE)


def _recipients(*addresses: str) -> Recipients:
    return Recipients(SETTING, addresses or (GOOD,))


def _smtp(port: int, *, sender: str = "n@example.com") -> Smtp:
    return Smtp(host=HOST, port=port, sender=sender)


def _received(folder: Path) -> list[EmailMessage]:
    messages = []
    for path in sorted(folder.glob("*.eml")):
        text = path.read_bytes().decode()
        parsed = email.message_from_string(text, policy=email.policy.SMTPUTF8)
        assert isinstance(parsed, EmailMessage)
        messages.append(parsed)
    return messages


def _envelopes(folder: Path) -> list[list[str]]:
    return [str(message["X-RcptTo"]).split(", ") for message in _received(folder)]


def _statuses(deliveries: dict[str, Delivery]) -> dict[str, str]:
    return {name: delivery.status for name, delivery in deliveries.items()}


def test_message_arrives_with_text_html_and_images(tmp_path: Path) -> None:
    with up.running("smtp", data=tmp_path) as emulators:
        port = int(emulators.environment["NIGHTSHIFT_SMTP__PORT"])
        to = _recipients(GOOD, "Sales <sales@example.com>")
        deliveries = mail.send(MESSAGE, _smtp(port), to)
        assert set(_statuses(deliveries).values()) == {ACCEPTED}
        (received,) = _received(Path(str(emulators.details["smtp_mail_folder"])))
    assert received["Subject"] == MESSAGE.subject
    assert received["To"] == "good@example.com, Sales <sales@example.com>"
    assert received["From"] == "Nightshift <n@example.com>"
    assert received["Message-ID"] == "<report.2026-11-24.1@example.com>"
    text, html = (received.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert text.get_content().splitlines() == MESSAGE.text.splitlines()
    assert html.get_content().strip() == MESSAGE.html
    images = {
        part["Content-ID"]: part for part in received.walk() if part["Content-ID"]
    }
    assert list(images) == ["<flow.1@nightshift>"]
    (image,) = images.values()
    assert image.get_content() == PNG
    assert image.get_content_disposition() == "inline"


def test_message_is_ascii_for_servers_without_8bitmime() -> None:
    sender, to = parse_address("n@example.com"), parse_address("Jö <j@bü.example>")
    assert compose(MESSAGE, sender=sender, to=[to]).as_bytes().isascii()


def test_text_that_utf_8_cannot_encode_does_not_stop_a_mail() -> None:
    odd = Message("a\udcff", "file \udcff\n", "<p>\udcff</p>", "r")
    sender = parse_address("n@example.com")
    assert b"file" in compose(odd, sender=sender, to=[sender]).as_bytes()


def test_line_breaks_cannot_inject_headers() -> None:
    hostile = Message("A\r\nBcc: evil@example.com", "t", "<p>h</p>", reference="r")
    sender = parse_address("n@example.com")
    message = compose(hostile, sender=sender, to=[sender])
    assert message["Bcc"] is None
    assert message["Subject"] == "A Bcc: evil@example.com"


def test_malformed_address_does_not_stop_the_mail_to_others(tmp_path: Path) -> None:
    with serving(MailServer(tmp_path)) as port:
        deliveries = mail.send(MESSAGE, _smtp(port), _recipients(GOOD, "no\nbody"))
    assert _statuses(deliveries) == {GOOD: ACCEPTED, "'no\\nbody'": REJECTED}
    assert SETTING in deliveries["'no\\nbody'"].message
    assert _envelopes(tmp_path) == [[GOOD]]


def test_addresses_that_differ_in_case_are_one_recipient(tmp_path: Path) -> None:
    to = _recipients("A@b.example", "a@B.example", "X <a@b.example>", "c@b.example")
    with serving(MailServer(tmp_path)) as port:
        mail.send(MESSAGE, _smtp(port), to)
    assert _envelopes(tmp_path) == [["A@b.example", "c@b.example"]]


def test_smtputf8_is_used_only_for_those_who_need_it(tmp_path: Path) -> None:
    to = _recipients(GOOD, UMLAUT, "a@bücher.example")
    with serving(MailServer(tmp_path)) as port:
        deliveries = mail.send(MESSAGE, _smtp(port), to)
    assert set(_statuses(deliveries).values()) == {ACCEPTED}
    assert _envelopes(tmp_path) == [[GOOD, "a@xn--bcher-kva.example"], [UMLAUT]]
    plain, extended = _received(tmp_path)
    assert (tmp_path / "0001.eml").read_bytes().isascii()
    assert UMLAUT not in str(plain["To"])
    assert extended["To"].addresses[0].addr_spec == UMLAUT


@pytest.mark.parametrize("smtputf8", [True, False])
def test_sender_outside_ascii(tmp_path: Path, smtputf8: bool) -> None:
    smtp_settings = {"sender": "Müller <müller@bücher.example>"}
    with serving(MailServer(tmp_path), smtputf8=smtputf8) as port:
        smtp = _smtp(port, **smtp_settings)
        if smtputf8:
            assert mail.send(MESSAGE, smtp, _recipients())[GOOD].status == ACCEPTED
            (received,) = _received(tmp_path)
            assert received["X-MailFrom"] == "müller@xn--bcher-kva.example"
        else:
            with pytest.raises(ConfigError, match=r"SMTPUTF8.*NIGHTSHIFT_SMTP__SENDER"):
                mail.send(MESSAGE, smtp, _recipients())
            with pytest.raises(ConfigError, match=r"SMTPUTF8.*NIGHTSHIFT_SMTP__SENDER"):
                mail.check(smtp, [_recipients()])


def test_server_without_smtputf8_leaves_out_who_needs_it(tmp_path: Path) -> None:
    with serving(MailServer(tmp_path), smtputf8=False) as port:
        deliveries = mail.send(MESSAGE, _smtp(port), _recipients(GOOD, UMLAUT))
        with pytest.raises(ConfigError, match=f"SMTPUTF8.*{UMLAUT}.*{SETTING}"):
            mail.check(_smtp(port), [_recipients(GOOD, UMLAUT)])
    assert _statuses(deliveries) == {GOOD: ACCEPTED, UMLAUT: REJECTED}
    assert "SMTPUTF8" in deliveries[UMLAUT].message


@pytest.mark.parametrize(
    ("rules", "expected", "stored"),
    [
        ([], {GOOD: ACCEPTED, GREY: ACCEPTED, GONE: ACCEPTED}, 3),
        ([BUSY], {GOOD: ACCEPTED, GREY: OPEN, GONE: ACCEPTED}, 2),
        ([NO_BOX], {GOOD: ACCEPTED, GREY: ACCEPTED, GONE: REJECTED}, 2),
        ([BUSY, NO_BOX], {GOOD: ACCEPTED, GREY: OPEN, GONE: REJECTED}, 1),
        (
            [BUSY, NO_BOX, Rule("RCPT", "451 later", GOOD)],
            {GOOD: OPEN, GREY: OPEN, GONE: REJECTED},
            0,
        ),
        (
            [Rule("RCPT", "421 too many", GREY), NO_BOX],
            {GOOD: ACCEPTED, GREY: OPEN, GONE: REJECTED},
            1,
        ),
        (
            [Rule("RCPT", "452 4.5.3 too many")],
            dict.fromkeys((GOOD, GREY, GONE), OPEN),
            0,
        ),
        ([Rule("RCPT", "554 blocked")], dict.fromkeys((GOOD, GREY, GONE), REJECTED), 0),
        ([Rule("MAIL", "451 later")], dict.fromkeys((GOOD, GREY, GONE), OPEN), 0),
        ([Rule("DATA", "452 full")], dict.fromkeys((GOOD, GREY, GONE), OPEN), 0),
        (
            [Rule("DATA", "451 later"), NO_BOX],
            {GOOD: OPEN, GREY: OPEN, GONE: REJECTED},
            0,
        ),
        (
            [Rule("RCPT", DISCONNECT, GREY)],
            dict.fromkeys((GOOD, GREY, GONE), OPEN),
            0,
        ),
        ([Rule("MAIL", DISCONNECT)], dict.fromkeys((GOOD, GREY, GONE), OPEN), 0),
        ([Rule("DATA", DISCONNECT)], dict.fromkeys((GOOD, GREY, GONE), OPEN), 0),
        (
            [Rule("DATA", STORE_AND_DISCONNECT), NO_BOX],
            {GOOD: OPEN, GREY: OPEN, GONE: REJECTED},
            2,
        ),
    ],
)
def test_each_recipient_has_a_result_of_its_own(
    tmp_path: Path, rules: list[Rule], expected: dict[str, str], stored: int
) -> None:
    server = MailServer(tmp_path)
    server.set_rules(*rules)
    with serving(server) as port:
        deliveries = mail.send(MESSAGE, _smtp(port), _recipients(GOOD, GREY, GONE))
    assert _statuses(deliveries) == expected
    assert sum(len(envelope) for envelope in _envelopes(tmp_path)) == stored
    for name, delivery in deliveries.items():
        replies = [rule.reply for rule in rules if rule.address in (name, "*")]
        assert delivery.status == ACCEPTED or delivery.message
        if delivery.status == REJECTED:
            assert delivery.message in replies


@pytest.mark.parametrize(
    ("rule", "setting"),
    [
        (Rule("MAIL", "550 5.7.1 sender not allowed"), "NIGHTSHIFT_SMTP__SENDER"),
        (Rule("DATA", "552 5.3.4 too big"), "administrator"),
    ],
)
def test_rejection_of_the_whole_mail_is_an_error(
    tmp_path: Path, rule: Rule, setting: str
) -> None:
    server = MailServer(tmp_path)
    server.set_rules(rule)
    with (
        serving(server) as port,
        pytest.raises(ConfigError, match=f"{rule.reply}.*{setting}"),
    ):
        mail.send(MESSAGE, _smtp(port), _recipients(GOOD, GREY))


def test_second_transaction_does_not_change_results_of_the_first(
    tmp_path: Path,
) -> None:
    server = MailServer(tmp_path)
    for reply, status in (
        ("451 later", OPEN),
        ("554 no", REJECTED),
        (DISCONNECT, OPEN),
    ):
        server.set_rules(Rule("DATA", reply, UMLAUT))
        with serving(server) as port:
            deliveries = mail.send(MESSAGE, _smtp(port), _recipients(GOOD, UMLAUT))
        assert _statuses(deliveries) == {GOOD: ACCEPTED, UMLAUT: status}


def test_only_restricts_the_recipients(tmp_path: Path) -> None:
    server = MailServer(tmp_path)
    server.set_rules(Rule("RCPT", "450 greylisted", times=1))
    to = _recipients(GOOD, GREY)
    with serving(server) as port:
        first = mail.send(MESSAGE, _smtp(port), to)
        assert set(_statuses(first).values()) == {OPEN}
        second = mail.send(MESSAGE, _smtp(port), to, only=[GREY])
    assert _statuses(second) == {GREY: ACCEPTED}
    assert Counter(server.commands)["RCPT", GOOD] == 1


def test_unreachable_server_leaves_all_open() -> None:
    deliveries = mail.send(MESSAGE, _smtp(CLOSED_PORT), _recipients(GOOD, GREY))
    assert _statuses(deliveries) == {GOOD: OPEN, GREY: OPEN}
    assert "NIGHTSHIFT_SMTP__HOST" in deliveries[GOOD].message


def test_check_names_every_malformed_address() -> None:
    to = [
        _recipients(GOOD, "nobody"),
        Recipients("NIGHTSHIFT_ON_CALL__RECIPIENTS", ["a@b..c"]),
    ]
    with pytest.raises(ConfigError) as error:
        mail.check(_smtp(CLOSED_PORT), to)
    for text in (SETTING, "'nobody'", "NIGHTSHIFT_ON_CALL__RECIPIENTS", "'a@b..c'"):
        assert text in str(error.value)
    with pytest.raises(ConfigError, match="NIGHTSHIFT_SMTP__SENDER"):
        mail.check(_smtp(25, sender="n@x\r\nX: y"), [])
