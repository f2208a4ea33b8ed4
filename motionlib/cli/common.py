"""What all commands share: how results are printed, how wrong requests end, how motions are read."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from motionlib.artifacts import Clip, Float32
    from motionlib.promotion.bundle import Bundle

Command = TypeVar("Command", bound=Callable[..., Any])
PUBLISHED_FPS = 20.0  # Hz of the published features and of `.npy` joints
FEATURE_DIMENSIONS = 263
WRONG_REQUEST = 2  # exit code
ANSWER_IS_NO = 1  # exit code


def json_option(command: Command) -> Command:
    """The option --json of every command."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def unit_option(command: Command) -> Command:
    """The unit of lengths in BVH."""
    choice = click.Choice(["cm", "m"])
    return click.option("--unit", type=choice, default="cm", show_default=True, help="Unit of lengths in BVH.")(command)


def model_option(command: Command) -> Command:
    """Which model works."""
    words = "champion, challenger, a version, or a bundle's folder."
    return click.option("--model", "name", default="champion", show_default=True, help=words)(command)


def existing(path: str = "") -> click.Path:
    """An argument that must be there."""
    del path
    return click.Path(exists=True, path_type=Path)


def output() -> click.Path:
    """An argument that will be written."""
    return click.Path(dir_okay=False, path_type=Path)


def answer(value: object, as_json: bool, text: str) -> None:
    """Print a result on stdout: JSON for a program, `text` for a person."""
    click.echo(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=str) if as_json else text)


def say_no() -> NoReturn:
    """End with exit code 1: the request was right and the answer is no."""
    sys.exit(ANSWER_IS_NO)


def one_line(error: Exception) -> str:
    """What went wrong in one line, naming file, key and bound as far as the error does."""
    details = getattr(error, "errors", None)
    if callable(details):  # pydantic: one entry per key
        parts = [f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}" for entry in details()]
        return "; ".join(parts)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


class Door(click.Group):
    """A group whose commands end with one line and exit code 2 when the request was wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a ValueError or OSError is the request's fault and becomes one line."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError) as error:
            click.echo(f"error: {one_line(error)}", err=True)
            sys.exit(WRONG_REQUEST)


class Taken(NamedTuple):
    """A motion on the canonical 22 joints: `joints` (T, 22, 3) metres, y up, at `fps` Hz."""

    joints: Any
    fps: float


def load_array(path: Path) -> Any:
    """An array of a `.npy` file; never unpickles.

    Raises:
        ValueError: If it is none, or holds numbers that are not finite.
    """
    import numpy as np

    from motionlib.ingest.arrays import read_array

    try:
        array = read_array(path.read_bytes(), path.name, "fiu").copy()
    except ValueError as error:
        raise ValueError(f"{path}: not a .npy array of numbers ({error})") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{path}: frame {np.argwhere(~np.isfinite(array))[0][0]} holds a number that is not finite")
    return array


def read_clip(path: Path) -> "Clip":
    """A take as its file and the rig file beside it tell it, in metres, y up.

    Raises:
        ValueError: If the file cannot be read as motion, naming file and reason.
    """
    from motionlib.cli.files import clip_of, read_file

    return clip_of(path, read_file(path))


def read_joints(path: Path, fps: float | None) -> Taken:
    """Joints of a `.npy` (T, 22, 3), of `.npy` features (T, 263), or of any readable mocap at `fps` (None: its own).

    Such a `.npy` file is taken to be at 20 Hz and is resampled too if another `fps` is asked for; joints of SMPL
    (24, 52, 55) and KIT-ML (21) are read as mocap.
    """
    from motionlib.body.skeleton import CANONICAL_JOINTS

    if path.suffix.lower() == ".npy":
        array = load_array(path)
        if array.shape[1:] in ((CANONICAL_JOINTS, 3), (FEATURE_DIMENSIONS,)):
            return _resampled(path, _joints_of_array(path, array), fps)
    from motionlib.rig.canonical import canonical_joints

    clip = read_clip(path)
    rate = clip.fps if fps is None else fps
    try:
        return Taken(canonical_joints(clip, rate), rate)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _joints_of_array(path: Path, array: Any) -> Any:
    import numpy as np

    from motionlib.body.skeleton import CANONICAL_JOINTS
    from motionlib.normalize import recover

    if array.ndim == 2 and array.shape[1] == FEATURE_DIMENSIONS:
        return recover(array.astype(np.float32))
    if array.ndim != 3 or array.shape[1:] != (CANONICAL_JOINTS, 3) or not len(array):
        raise ValueError(f"{path}: expected joints (T, 22, 3) or features (T, 263), got {array.shape}")
    return array


def _resampled(path: Path, joints: Any, fps: float | None) -> Taken:
    import numpy as np

    if fps is None or fps == PUBLISHED_FPS:
        return Taken(joints, PUBLISHED_FPS)
    if not fps > 0:
        raise ValueError(f"{path}: fps must be positive, got {fps}")
    count = int((len(joints) - 1) / PUBLISHED_FPS * fps + 1e-9) + 1
    at = np.arange(count) * PUBLISHED_FPS / fps
    low = np.minimum(at.astype(int), len(joints) - 1)
    high = np.minimum(low + 1, len(joints) - 1)
    share = (at - low)[:, None, None]
    return Taken(joints[low] * (1 - share) + joints[high] * share, fps)


def read_features(path: Path, mode: str = "compat") -> "Float32":
    """Features (T-1, 263) at 20 Hz of joints or mocap; a file that holds features already is given as it is.

    Joints tell no twist; mode `exact` then takes the least.
    """
    import numpy as np

    from motionlib.normalize import exact, extract

    if path.suffix.lower() == ".npy":
        array = load_array(path)
        if array.ndim == 2 and array.shape[1] == FEATURE_DIMENSIONS:
            given: Float32 = array.astype(np.float32)
            return given
    try:
        if mode == "exact" and path.suffix.lower() != ".npy":
            from motionlib.rig.canonical import canonical_motion

            return exact.extract(*canonical_motion(read_clip(path), PUBLISHED_FPS))
        joints = read_joints(path, PUBLISHED_FPS).joints
        return exact.extract(joints) if mode == "exact" else extract(joints)
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error


def load_model(name: str) -> "Bundle":
    """The model that a name stands for.

    Raises:
        ValueError: If there is none of that name, saying what would make one.
    """
    from motionlib.promotion import registry

    if Path(name).is_dir() and not (Path(name) / "bundle.json").is_file():
        raise ValueError(f"--model: the folder {name} holds no bundle.json, so it is no bundle")
    return registry.load(name)
