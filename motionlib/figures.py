"""Figures as bytes: no date and no version inside, so that the same figure gives the same bytes."""

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png(figure: "Figure", dpi: float | None = None) -> bytes:
    """A figure as PNG.

    Args:
        dpi: Dots per inch; None: the figure's own.
    """
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi="figure" if dpi is None else dpi, metadata={"Software": None})
    return out.getvalue()


def data_url(picture: bytes) -> str:
    """A PNG as it stands inside a page."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
