"""Takes -> features on all cores; the result does not depend on how many there are."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip
from motionlib.body.kinematics import bones
from motionlib.body.skeleton import CANONICAL_PARENTS
from motionlib.normalize.extraction import Features, features_of_all
from motionlib.normalize.humanml263 import recover
from motionlib.parallel import map_ordered
from motionlib.params import Normalize

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

WORTH_PROCESSES = 100  # takes; starting processes costs a second
BATCH = 16  # takes that travel to a process, and are converted, together
SECONDS_PER_TAKE = 60.0  # s; more than any take that ingest let pass needs

Wanted = tuple[Clip, bool]


class Converted(NamedTuple):
    """What becomes of one take, or the `reason` (a word) and `message` why nothing does.

    Attributes:
        features: (T - 1, 263). mirror: the same of the mirrored take, if asked for.
        rig: Name of the source skeleton's tree.
        lengths: (22,) m, mean over frames; what the retargeting then evens out.
        pose: (22, 3) m, the first frame as the features see it: facing +z.
    """

    features: Float32 | None = None
    mirror: Float32 | None = None
    rig: str = ""
    lengths: FloatArray | None = None
    pose: FloatArray | None = None
    reason: str = ""
    message: str = ""


class _Given(NamedTuple):
    """Takes whose process ended, or took too long, before all of them were done."""

    up: list[Wanted]
    reason: str


def convert_all(
    takes: Iterable[Wanted], count: int, config: Normalize, workers: int | None = None
) -> Iterator[Converted]:
    """Features of every take, in their order; a take that cannot be one is told by reason, not raised.

    Args:
        takes: Each with whether its mirror image is wanted; few of them are in memory at a time.
        count: Of the takes; of few, all are done in this process.
        workers: Processes; None: one for each core.
    """
    worth = count >= WORTH_PROCESSES and workers != 1
    for done in _results(_batches(takes, BATCH), config, workers, worth):
        if not isinstance(done, _Given):
            yield from done
            continue
        for one in _results(([take] for take in done.up), config, 1, worth):
            if isinstance(one, _Given):
                clip, reason = one.up[0][0], one.reason
                yield Converted(
                    reason=reason, message=f"clip {clip.info.id}: {reason} while its features were computed"
                )
            else:
                yield from one


def _results(
    batches: Iterable[list[Wanted]], config: Normalize, workers: int | None, worth: bool
) -> Iterator[list[Converted] | _Given]:
    return map_ordered(
        partial(_convert_batch, config=config),
        batches,
        workers=workers,
        seconds=SECONDS_PER_TAKE * BATCH if worth else None,
        batch=1,
        worth=worth,
        failed=_Given,
    )


def _batches(takes: Iterable[Wanted], size: int) -> Iterator[list[Wanted]]:
    rest = iter(takes)
    while some := list(islice(rest, size)):
        yield some


def _convert_batch(takes: list[Wanted], config: Normalize) -> list[Converted] | _Given:
    done = features_of_all([clip for clip, _ in takes], config, [mirror for _, mirror in takes])
    return [_converted(clip, one) for (clip, _), one in zip(takes, done, strict=True)]


def _converted(clip: Clip, one: Features) -> Converted:
    if one.rows is None or one.joints is None:
        return Converted(reason=one.reason, message=one.message)
    lengths = np.linalg.norm(bones(one.joints, CANONICAL_PARENTS), axis=-1).mean(axis=0)
    pose = recover(one.rows[:1])[0].astype(np.float64)
    return Converted(one.rows, one.mirror, clip.skeleton.rig_name, lengths, pose)
