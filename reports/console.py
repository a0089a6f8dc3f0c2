"""The terminal: one console for results, and text made safe to print on it."""

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return the text with each control character as U+FFFD.

    A terminal would obey them instead of showing them.
    """
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
