"""Plain English: words that the project replaced are used nowhere."""

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# The brackets prevent matches in this file itself.
WORDS = re.compile(
    r"(?<!\w)("
    r"m[o]ments?|e[r]rands?|a[n]ew|m[e]nd(ed|s)?|l[e]tters?|t[o]ld|t[e]lls|"
    r"s[t]and-ins?|b[r]ake|l[i]es|n[o]tices|r[e]hearsal|e[m]bedded|w[o]rkbook|o[r]acle"
    r")(?!\w)",
    re.IGNORECASE,
)
# Names of other projects, and texts by other authors.
ALLOWED = re.compile(r"e[m]bedded[-_]postgres|handle\.n[o]tices")
OTHER_TEXTS = {"LICENSE", "requirements.lock"}


def test_replaced_words_are_not_used() -> None:
    found = []
    for name in _tracked_files():
        try:
            text = (PROJECT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image
        found += [
            f"{name}:{number}: {match[0]}"
            for number, line in enumerate(text.splitlines(), start=1)
            for match in WORDS.finditer(ALLOWED.sub("", line))
        ]
    assert not found, "\n".join(found)


def _tracked_files() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return [
        name
        for name in listing.stdout.splitlines()
        if name not in OTHER_TEXTS and (PROJECT / name).is_file()
    ]
