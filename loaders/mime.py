"""MIME messages: a plain text, an HTML version and inline images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from loaders.config.addresses import MailAddress

SENDER_NAME = "Nightshift"
# Not every mail server takes 8-bit text.
POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True)
class Message:
    """A mail to send; `images` maps content ids to PNG bytes, `html` may be ''.

    `reference` becomes the message id. Sending the same reference again produces the
    same message id, so that a mail client can recognize the duplicate.
    """

    subject: str
    text: str
    html: str
    reference: str
    images: Mapping[str, bytes] = field(default_factory=dict)


def compose(
    message: Message, *, sender: MailAddress, to: Sequence[MailAddress]
) -> EmailMessage:
    """Return the MIME message: text and HTML as alternatives, images inline.

    Its headers are ASCII unless an address needs SMTPUTF8.
    """
    is_utf8 = any(address.needs_smtputf8 for address in (sender, *to))
    mime_message = EmailMessage(policy=POLICY.clone(utf8=is_utf8))
    named = MailAddress(sender.display_name or SENDER_NAME, sender.local, sender.domain)
    mime_message["Subject"] = _encodable(" ".join(message.subject.split()))
    mime_message["From"] = named.header
    mime_message["To"] = [address.header for address in to]
    mime_message["Date"] = format_datetime(datetime.now(UTC))
    mime_message["Message-ID"] = f"<{message.reference}@{sender.domain}>"
    mime_message["Auto-Submitted"] = "auto-generated"
    mime_message.set_content(_encodable(message.text))
    if not message.html:
        return mime_message
    mime_message.add_alternative(_encodable(message.html), subtype="html")
    _, html_part = mime_message.iter_parts()
    for content_id, png in message.images.items():
        html_part.add_related(
            png,
            maintype="image",
            subtype="png",
            cid=f"<{content_id}>",
            disposition="inline",
            filename=f"{content_id.partition('.')[0]}.png",
        )
    return mime_message


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot encode, for example parts of an odd file name."""
    return text.encode(errors="replace").decode()
