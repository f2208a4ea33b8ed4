"""What a person says about a rig: a small JSON file beside the motion, `rig.json` or `<name>.rig.json`.

    {"joints": {"left_knee": "LeftLeg", "spine2": ["Spine", "Chest", 0.5]}, "unit": 0.01, "up": "z", "extra": ["prop"]}

Everything is optional; what is not said is found from the body.
"""

import json
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from motionlib.body.skeleton import CANONICAL_NAMES
from motionlib.rig.raw import RawMotion

MAX_CHARACTERS = 1 << 16  # a name of 200 characters for each of 300 joints
MAX_EXTRA = 1024  # as many as a skeleton may have joints

Name = Annotated[str, Field(min_length=1, max_length=200)]
Between = tuple[Name, Name, Annotated[float, Field(ge=0.0, le=1.0)]]


class Override(BaseModel):
    """What is known of a rig besides its file.

    Attributes:
        joints: Canonical joint -> a joint of the file, or two of them and the share of the way from one to the other.
        unit: Metres per unit of the file.
        up: Which axis of the file points up.
        fps: Hz, where the file says something else.
        extra: Joints that are no part of the body, such as a sword; whatever hangs below them is none either.
        about: Anything, for people.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    joints: dict[str, Name | Between] = Field(default_factory=dict, max_length=len(CANONICAL_NAMES))
    unit: float | None = Field(default=None, ge=1e-5, le=100.0)
    up: Literal["x", "y", "z", "-x", "-y", "-z"] | None = None
    fps: float | None = Field(default=None, gt=0.0, le=1e5)
    extra: tuple[Name, ...] = Field(default=(), max_length=MAX_EXTRA)
    about: str = Field(default="", max_length=2000)

    @field_validator("joints", "extra", mode="before")
    @classmethod
    def _lists_are_tuples(cls, value: Any) -> Any:
        """JSON knows lists only."""
        if isinstance(value, dict):
            return {key: tuple(place) if isinstance(place, list) else place for key, place in value.items()}
        return tuple(value) if isinstance(value, list) else value

    @field_validator("joints")
    @classmethod
    def _names_are_canonical(cls, joints: dict[str, Any]) -> dict[str, Any]:
        for name in joints:
            if name not in CANONICAL_NAMES:
                raise ValueError(f"{name[:60]!r} is no canonical joint; known: {', '.join(CANONICAL_NAMES)}")
        return joints

    @classmethod
    def read(cls, text: str) -> "Override":
        """An override from the JSON text of a rig file; "" says nothing.

        Raises:
            ValueError: Naming the key and its value.
        """
        if not text.strip():
            return cls()
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"the rig file has {len(text)} characters, at most {MAX_CHARACTERS} are read")
        try:
            given = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"the rig file is no JSON: {error}") from error
        if not isinstance(given, dict):
            raise ValueError(f'the rig file holds {type(given).__name__}, expected an object such as {{"up": "z"}}')
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ValueError(f"rig file: {_told(error)}") from None

    def text(self) -> str:
        """JSON that `read` gives back, one joint a line."""
        said = self.model_dump(exclude_defaults=True)
        return json.dumps(said, indent=2, ensure_ascii=False) + "\n"

    def applied(self, motion: RawMotion) -> RawMotion:
        """The motion with unit, up and frame rate as they are said here."""
        return replace(
            motion,
            unit=motion.unit if self.unit is None else self.unit,
            up=motion.up if self.up is None else self.up,
            fps=motion.fps if self.fps is None else self.fps,
        )


def _told(error: ValidationError) -> str:
    parts = []
    for entry in error.errors()[:5]:
        place = ".".join(str(part) for part in entry["loc"]) or "rig"
        shown = "" if isinstance(entry.get("input"), dict) else f" (got {str(entry.get('input'))[:60]!r})"
        parts.append(f"{place[:120]}: {entry['msg']}{shown}")
    return "; ".join(parts)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the rig file says {key[:60]!r} twice")
        result[key] = value
    return result


def _refuse(constant: str) -> float:
    raise ValueError(f"the rig file holds {constant}, which is no number")
