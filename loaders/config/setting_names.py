"""What is said about a name that is not a setting: the closest names, and the table."""

from collections.abc import Iterable
from difflib import SequenceMatcher

TABLE = "README.md has a table of all settings under “Production setup”."
PREFIX = "NIGHTSHIFT_"
FILE_SUFFIX = "_FILE"
MAX_CLOSEST = 3
MIN_SIMILARITY = 0.6
# A setting that is less similar than the closest one by more than this is no help.
MAX_DISTANCE = 0.1


def not_a_setting(name: str, known: Iterable[str]) -> str:
    """Return that `name` is not a setting, and which similar ones exist."""
    *others, last = closest_names(name, known) or [""]
    if not last:
        return f"{name} is not a setting."
    choice = f"{', '.join(others)} or {last}" if others else last
    return f"{name} is not a setting. Did you mean {choice}?"


def closest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the known settings that are most similar to `name`, best first.

    They are those that `name` begins, or else those with a similar spelling. One
    underscore and two count as equal.
    """
    wanted = _bare(name)
    settings = {_bare(setting): setting for setting in sorted(known)}
    begun = [
        bare for bare in settings if wanted and f"{bare}_".startswith(f"{wanted}_")
    ]
    ratios = {bare: SequenceMatcher(None, wanted, bare).ratio() for bare in settings}
    least = max(MIN_SIMILARITY, max(ratios.values(), default=0.0) - MAX_DISTANCE)
    similar = [bare for bare in settings if ratios[bare] >= least]
    similar.sort(key=lambda bare: -ratios[bare])
    return [
        settings[bare] + _suffix(name, settings[bare])
        for bare in (begun or similar)[:MAX_CLOSEST]
    ]


def _bare(name: str) -> str:
    """Return the words of a name in a form in which similar names are similar."""
    words = name.upper().removeprefix(PREFIX).removesuffix(FILE_SUFFIX).split("_")
    return "_".join(word for word in words if word)


def _suffix(name: str, setting: str) -> str:
    """Return what makes the setting a path to its value, if `name` is one."""
    is_path = name.upper().endswith(FILE_SUFFIX) and not setting.endswith(FILE_SUFFIX)
    return FILE_SUFFIX if is_path else ""
