"""Captions -> embeddings. A new encoder is one module here and one line in ENCODERS.

Weights come from an installed package or a local folder, never from a hub at run time.
"""

from collections.abc import Callable, Mapping
from typing import Any

from motionlib.text.base import BadEncoderError, Embedded, Encoded, TextEncoder
from motionlib.text.hashed import HashEncoder
from motionlib.text.local import ClipText, T5Text
from motionlib.text.minilm import MiniLm

ENCODERS: dict[str, Callable[[str, int], TextEncoder]] = {
    "minilm": MiniLm,
    "hash": HashEncoder,
    "clip": ClipText,
    "t5": T5Text,
}


def encoder(spec: str, max_tokens: int) -> TextEncoder:
    """The encoder that a spec names: `minilm`, `hash:<dim>`, `clip:<folder>` or `t5:<folder>`.

    Args:
        spec: `text.encoder` of params.yaml.
        max_tokens: Word pieces kept of a caption.

    Raises:
        BadEncoderError: (a ValueError) If it is unknown, or what it needs is not installed; the message says how.
    """
    kind, _, argument = spec.partition(":")
    if kind not in ENCODERS:
        raise BadEncoderError(f"text.encoder: unknown kind {kind!r}; known: {sorted(ENCODERS)}")
    return ENCODERS[kind](argument, max_tokens)


def describe(made: TextEncoder) -> dict[str, Any]:
    """What `TextTable.encoder` and the card of a model that reads text hold; `encoder` takes spec and max_tokens."""
    return {"spec": made.spec, "digest": made.digest, "dim": made.dim, "max_tokens": made.max_tokens}


def require(made: Mapping[str, Any], wanted: Mapping[str, Any], whose: str) -> None:
    """Check that embeddings come from the encoder that a model learned with.

    Raises:
        BadEncoderError: If the digests differ, naming both encoders.
    """
    if made["digest"] != wanted["digest"]:
        raise BadEncoderError(
            f"{whose} learned with text encoder {wanted['spec']} ({wanted['digest'][:12]}), "
            f"got {made['spec']} ({made['digest'][:12]}); set text.encoder and text.max_tokens back, or train again"
        )


__all__ = ["ENCODERS", "BadEncoderError", "Embedded", "Encoded", "TextEncoder", "describe", "encoder", "require"]
