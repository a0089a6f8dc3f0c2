"""Colours and matplotlib settings of the report's charts, light and dark.

The colours are the Okabe-Ito palette, which is safe for colour-blind readers.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Theme:
    """The colours of a chart; `background` is also the colour of the page's cards."""

    background: str
    ink: str
    faint: str
    grid: str
    first: str
    second: str
    third: str
    fourth: str


THEMES = {
    "light": Theme(
        background="#ffffff",
        ink="#3d4852",
        faint="#aeb8c2",
        grid="#e3e8ec",
        first="#0072b2",
        second="#d55e00",
        third="#009e73",
        fourth="#cc79a7",
    ),
    "dark": Theme(
        background="#1d2329",
        ink="#ccd3da",
        faint="#66717c",
        grid="#343c45",
        first="#56b4e9",
        second="#e69f00",
        third="#1fbf92",
        fourth="#cc79a7",
    ),
}


def rc_settings(theme: Theme) -> dict[str, Any]:
    """Return the matplotlib rcParams of a theme."""
    return {
        "figure.facecolor": theme.background,
        "axes.facecolor": theme.background,
        "savefig.facecolor": theme.background,
        "font.family": "DejaVu Sans",
        "font.size": 7.5,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.grid,
        "axes.titlesize": 8,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.7,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "legend.frameon": False,
        "legend.handlelength": 1.4,
        "legend.columnspacing": 1.4,
        "hatch.linewidth": 0.6,
    }
