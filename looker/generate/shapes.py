"""The shape of what people write in YAML: known keys, and the type of each value."""

from collections.abc import Collection, Mapping

TYPE_NAMES = {
    bool: "true or false",
    dict: "a mapping",
    int: "a whole number",
    list: "a list",
    str: "text",
}


def problem(
    content: object, known: Mapping[str, type], required: Collection[str] = ()
) -> str:
    """Return what is wrong with a mapping; '' if nothing is.

    `known` has the type of each key's value.
    """
    if not isinstance(content, dict):
        return "it is not a mapping"
    unknown = sorted(str(key) for key in content.keys() - known.keys())
    if unknown:
        return (
            f"unknown key {', '.join(unknown)}; the known keys are "
            f"{', '.join(sorted(known))}"
        )
    missing = [key for key in sorted(required) if content.get(key) in (None, "", [])]
    if missing:
        return f"it has no {' and no '.join(missing)}"
    for key, value in content.items():
        if type(value) is not known[key] and value is not None:
            return f"{key} must be {TYPE_NAMES[known[key]]}"
    return ""


def filter_value(value: object) -> str:
    """Return a value as a filter expression; YAML reads a bare `yes` as true."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
