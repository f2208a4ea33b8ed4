"""Modes of features. What was made from one mode never meets what was made from the other."""

from collections.abc import Mapping
from typing import Any

from motionlib.artifacts.files import BadArtifactError

COMPAT = "compat"
EXACT = "exact"


class MixedModesError(BadArtifactError):
    """Parts that were made from features of different modes."""


def require_mode(found: str, wanted: str | None, what: str) -> None:
    """Refuse what was made from features of another mode; None wants nothing.

    Raises:
        MixedModesError: Naming both modes.
    """
    if wanted is not None and found != wanted:
        raise MixedModesError(f"{what} was made from {found!r} features and cannot be used with {wanted!r} ones")


def mode_of(card: Mapping[str, Any]) -> str:
    """The mode that a model's card names; cards from before modes were told are of `compat`."""
    return str(card.get("mode", COMPAT))
