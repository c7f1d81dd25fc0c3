"""Writes a figure as a picture for pages and one for papers."""

import os
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from data_prep.files import write_atomically

_DPI = 150


def save_figure(figure: Figure, stem: str | os.PathLike) -> tuple[Path, Path]:
    """Writes stem.png (150 dpi) and stem.svg, each atomically.

    The same figure gives the same bytes: no date, no random ids, and letters
    as outlines, so that no font need be installed where it is shown.

    Args:
        figure: made without pyplot.
        stem: the path without a suffix; folders are made.

    Returns:
        The two paths.
    """
    png, svg = (
        Path(f"{os.fspath(stem)}{suffix}") for suffix in (".png", ".svg")
    )
    with write_atomically(png) as temporary:
        figure.savefig(temporary, dpi=_DPI, metadata={"Software": None})
    fixed = {"svg.hashsalt": "wmh-keras", "svg.fonttype": "path"}
    with (
        matplotlib.rc_context(fixed),
        write_atomically(svg) as temporary,
    ):
        # Rasterized parts take this resolution too.
        figure.savefig(
            temporary, dpi=_DPI, metadata={"Date": None, "Creator": None}
        )
    return png, svg
