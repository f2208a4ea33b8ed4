"""Takes -> features, one by one or in several processes; the result does not depend on how many."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlib.artifacts import Clip, ClipLibrary
from motionlib.body.kinematics import bones
from motionlib.body.skeleton import CANONICAL_PARENTS
from motionlib.normalize.humanml263 import aligned, extract
from motionlib.params import Normalize
from motionlib.rig.canonical import canonical_joints, mirrored
from motionlib.rig.mapping import UnmappedSkeletonError

FloatArray = NDArray[np.float64]
Float32 = NDArray[np.float32]

MOST_WORKERS = 8  # the reader and the writer are one process each
WORTH_PROCESSES = 200  # takes; starting processes costs a second
BATCH = 16  # takes per task of a worker
WAITING = 3  # finished or running tasks per worker; bounds memory


def worker_count(takes: int) -> int:
    """Processes that are worth starting for so many takes on this machine."""
    return min(os.cpu_count() or 1, MOST_WORKERS) if takes >= WORTH_PROCESSES else 1


class Converted(NamedTuple):
    """What becomes of one take, or the `reason` (a word) and `message` why nothing does.

    Attributes:
        features: (T - 1, 263). mirror: the same of the mirrored take, if asked for.
        rig: Delivery and skeleton, for people.
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


def convert(clip: Clip, mirror: bool, config: Normalize) -> Converted:
    """Features of one take; a take that cannot be one is told by reason, not raised."""
    try:
        joints = canonical_joints(clip, config.fps)
    except UnmappedSkeletonError as error:
        return Converted(reason="unmapped", message=str(error))
    try:
        features = extract(joints, config.contact_threshold)
        image = extract(mirrored(joints), config.contact_threshold) if mirror else None
    except ValueError as error:
        return Converted(reason="degenerate", message=f"clip {clip.info.id}: {error}")
    lengths = np.linalg.norm(bones(joints, CANONICAL_PARENTS), axis=-1).mean(axis=0)
    rig = f"{clip.info.delivery}: {clip.skeleton.joint_count} joints, {clip.skeleton.names[1]}"
    return Converted(features, image, rig, lengths, aligned(joints)[0])


def convert_all(library: ClipLibrary, mirror: Sequence[bool], config: Normalize, workers: int) -> Iterator[Converted]:
    """`convert` for every take of the library, in its order; `mirror` says for which the mirror image is wanted."""
    starts = range(0, len(library), BATCH)
    tasks = [
        (replace(library, rows=library.rows[start : start + BATCH]), mirror[start : start + BATCH], config)
        for start in starts
    ]
    if workers < 2 or len(tasks) < 2:
        for task in tasks:
            yield from _convert_batch(*task)
        return
    # A fresh interpreter per worker: forking a process that has threads (pyarrow's) may lock up.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: deque[Future[list[Converted]]] = deque()
        for task in tasks:
            if len(running) >= WAITING * workers:
                yield from running.popleft().result()
            running.append(pool.submit(_convert_batch, *task))
        while running:
            yield from running.popleft().result()


def _convert_batch(library: ClipLibrary, mirror: Sequence[bool], config: Normalize) -> list[Converted]:
    return [convert(clip, wanted, config) for clip, wanted in zip(library, mirror, strict=True)]
