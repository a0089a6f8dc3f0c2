"""The wordings of an alert, from the longest to the shortest.

Services have limits: a chat takes pages, a text message 160 characters. What is kept
longest is the remedy: the command that resumes the run, and the root cause.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from loaders.alerts import Text

# Lengths to which errors are cut, from the longest to the shortest wording.
ERROR_LENGTHS = (1500, 600, 300, 150, 80, 40)
MAX_SHOWN_NAMES = 40
FEW_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Alert:
    """What an alert says; all texts are free of secrets.

    `root_cause` is a task, and `error` its error. `others` has the name and error of
    the other failed tasks. `blocked` has what waits downstream, as lists by kind.
    `links` has addresses by label. `notes` are shown as they are. Parts that do not
    apply are empty.
    """

    severity: str
    title: str
    root_cause: str = ""
    error: str = ""
    command: str = ""
    can_wait: str = ""
    reason: str = ""
    others: Sequence[Sequence[str]] = ()
    blocked: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Part:
    """A paragraph: a label, a text, and lines of code or names below or beside it."""

    label: str
    text: str = ""
    code: str = ""
    names: Sequence[str] = ()


def wordings(alert: Alert) -> list[Text]:
    """Return the wordings of an alert, each shorter than the one before."""
    texts = [_text(alert, list(_all_parts(alert, size))) for size in ERROR_LENGTHS[:3]]
    texts += [_text(alert, list(_main_parts(alert, size))) for size in ERROR_LENGTHS]
    short = _one_line(alert)
    texts.append(Text(alert.title, short, short))
    texts.append(Text("", short, short))
    return [texts[0], *(b for a, b in pairwise(texts) if a != b)]


def _all_parts(alert: Alert, size: int) -> Iterator[_Part]:
    yield from _main_parts(alert, size)
    if alert.reason:
        yield _Part("Why", alert.reason)
    shown = MAX_SHOWN_NAMES if size == ERROR_LENGTHS[0] else FEW_SHOWN_NAMES
    for label, names in alert.blocked.items():
        yield _Part(f"Blocked downstream: {label}", names=_shorten_list(names, shown))
    for name, error in alert.others[:shown]:
        yield _Part(f"Also failed: {name}", _cut(" ".join(error.split()), size // 5))
    if more := len(alert.others[shown:]):
        yield _Part("Also failed", f"{more} more")
    for label, url in alert.links.items():
        yield _Part(label, url)
    for note in alert.notes:
        yield _Part("", note)


def _main_parts(alert: Alert, size: int) -> Iterator[_Part]:
    if alert.root_cause or alert.error:
        yield _Part("Root cause", alert.root_cause, code=_cut(alert.error, size))
    if alert.command:
        yield _Part("Resume after the fix", names=[alert.command])
    if alert.can_wait:
        yield _Part("Can it wait until morning?", f"{alert.can_wait}.")
    if not alert.command:
        yield from (_Part("", note) for note in alert.notes[:1])


def _text(alert: Alert, parts: Sequence[_Part]) -> Text:
    return Text(
        alert.title,
        "\n".join(_plain(part) for part in parts),
        "\n".join(_markdown(part) for part in parts),
    )


def _one_line(alert: Alert) -> str:
    """Return the remedy and the root cause in ASCII, which text messages need."""
    cause = " ".join(f"{alert.root_cause} {alert.error}".split())
    parts = (alert.command, alert.title if not alert.command else "", cause)
    text = " | ".join(part for part in parts if part)
    return text.encode("ascii", "replace").decode()


def _plain(part: _Part) -> str:
    label = (
        part.label if part.label.endswith("?") else f"{part.label}:" * bool(part.label)
    )
    code = " ".join(part.code.split())
    code = f"- {code}" if code and part.text else code
    pieces = (label, part.text, ", ".join(part.names), code)
    return " ".join(piece for piece in pieces if piece)


def _markdown(part: _Part) -> str:
    label = (
        part.label if part.label.endswith("?") else f"{part.label}:" * bool(part.label)
    )
    names = ", ".join(f"`{name.replace('`', chr(39))}`" for name in part.names)
    text = part.text if part.text.startswith(("s3:", "http")) else _escape(part.text)
    line = " ".join(
        piece for piece in (f"**{_escape(label)}**" * bool(label), text, names) if piece
    )
    code = part.code.replace("```", "'''")
    block = f"\n```\n{code}\n```\n" if code else "\n"
    return f"{line}{block}"


def _escape(text: str) -> str:
    """Return text without markup; Markdown leaves an underscore inside words alone."""
    for character in "\\`*[]<>":
        text = text.replace(character, f"\\{character}")
    return text


def _cut(text: str, size: int) -> str:
    text = text.strip()
    return text if len(text) <= size else f"{text[: size - 3]}..."


def _shorten_list(names: Sequence[str], shown: int) -> list[str]:
    more = len(names) - shown
    return [*names[:shown], *([f"{more} more"] if more > 0 else [])]
