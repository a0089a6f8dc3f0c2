"""Mail addresses and names in texts: which are the erased subject's, and which are not.

A name also occurs by chance: as part of a longer word or of another org's name, as a
tag of HTML, or as a key of JSON. These are kept.
"""

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from loaders.one_line import ELLIPSIS, one_line

ERASED = "[erased]"
# Shorter texts occur by chance.
MIN_CHARACTERS = 5
# Pages cut a long name after more characters than this, and add an ellipsis.
MIN_CUT_CHARACTERS = 20
MARKUP = re.compile(r"(<style.*?</style>|<[^<>]*>)", re.DOTALL)
KEY_END = re.compile(r'\\*"\s*:')
KEY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Texts:
    """The texts to erase, and the longer names of other orgs that contain them."""

    erased: Sequence[str] = ()
    kept: Sequence[str] = ()

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The texts to look for, in all forms; the longest first."""
        long_enough = [text for text in self.erased if len(text) >= MIN_CHARACTERS]
        return _sorted(form for text in long_enough for form in _forms(text))

    def redact(self, text: str, *, is_html: bool = False) -> str:
        """Return the text with `[erased]` for each of the texts to erase."""
        if not any(form in text for form in self.forms) and ELLIPSIS not in text:
            return text
        if not is_html:
            return self._redact(text)
        parts = MARKUP.split(text)
        parts[::2] = map(self._redact, parts[::2])
        # An address in a link is no markup.
        addresses = Texts([erased for erased in self.erased if "@" in erased])
        parts[1::2] = map(addresses.redact, parts[1::2])
        return "".join(parts)

    def _redact(self, text: str) -> str:
        forms, pattern = self._cut if ELLIPSIS in text else self._whole

        def replacement(match: re.Match[str]) -> str:
            found = match[0]
            is_kept = (
                found not in forms or _is_part(text, match) or _is_key(text, match)
            )
            return found if is_kept else ERASED

        return pattern.sub(replacement, text) if forms else text

    @cached_property
    def _whole(self) -> tuple[frozenset[str], re.Pattern[str]]:
        return self._compiled(self.forms)

    @cached_property
    def _cut(self) -> tuple[frozenset[str], re.Pattern[str]]:
        """Also what begins one of the texts and ends with an ellipsis."""
        cut = (
            form
            for text in self.erased
            for line in (one_line(text),)
            for end in range(MIN_CUT_CHARACTERS, len(line))
            for form in _forms(f"{line[:end].rstrip()}{ELLIPSIS}")
        )
        return self._compiled([*self.forms, *cut])

    def _compiled(self, forms: Sequence[str]) -> tuple[frozenset[str], re.Pattern[str]]:
        kept = (form for text in self.kept for form in _forms(text))
        found = _sorted([*forms, *kept])
        return frozenset(forms), re.compile("|".join(map(re.escape, found)))


def _sorted(forms: Iterator[str] | list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(forms), key=lambda form: (-len(form), form)))


def _forms(text: str) -> Iterator[str]:
    """Yield a text as written, on one line, in HTML, and in JSON of both kinds."""
    for form in (text, one_line(text)):
        yield form
        yield html.escape(form)
        yield str(
            html.escape(form).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        )
        yield json.dumps(form)[1:-1]
        yield json.dumps(form, ensure_ascii=False)[1:-1]


def _is_part(text: str, match: re.Match[str]) -> bool:
    """Return whether the match is only a part of a word.

    Languages without upper and lower case may write words without blanks.
    """
    start, end = match.span()
    before, after = text[max(0, start - 2) : start], text[end : end + 1]
    is_escape = len(before) == 2 and before[0] == "\\"  # such as \n in JSON
    joined = [(before[-1:], text[start])] if not is_escape else []
    joined.append((after, text[end - 1]))
    return any(all(map(_is_letter, pair)) for pair in joined)


def _is_letter(character: str) -> bool:
    return character.isdecimal() or character.lower() != character.upper()


def _is_key(text: str, match: re.Match[str]) -> bool:
    """Return whether the match is a key of JSON; names of orgs are only values."""
    start, end = match.span()
    is_quoted = text[start - 1 : start] == '"' and KEY_END.match(text, end)
    return bool(is_quoted and KEY.fullmatch(match[0]))
