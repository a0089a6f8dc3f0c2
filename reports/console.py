"""The terminal: the console for results, and text that is safe to print on it."""

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return the text with each control character replaced by U+FFFD.

    A terminal executes control characters instead of showing them.
    """
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
