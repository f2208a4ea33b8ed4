"""Joint positions -> a skeleton of constant bones and the rotations that put its joints there.

Bones have their mean length. A joint with one bone below it turns by the shortest rotation seen from its parent, so
twist is what the bones above give; a joint with several bones takes the rotation that fits them all best, and where
they do not move as one, each gets a joint of its own in the same place. No body-specific knowledge but the rest pose.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body import rotations
from motionlib.body.kinematics import OPPOSED, SHORTEST_BONE, bones
from motionlib.body.skeleton import Skeleton

FloatArray = NDArray[np.float64]

RIGID = 1e-5  # of the longest bone; bones of one joint that part by less move as one (float32 noise is 1e-6)
FLAT = 1e-3  # second singular value to the first below which bones lie on one line and fix no rotation
ROUNDS = 30  # of fitting the common shape of a joint's bones; four or five are usual
SAMPLED = 48  # frames, evenly spread, in which that shape is looked for
SETTLED = 1e-10  # change of that shape, relative to its size, at which it is found


class Posed(NamedTuple):
    """A skeleton and its motion.

    Attributes:
        skeleton: Joints in the given order, but with helpers `to_<child>` (offset 0) where bones of one joint part.
        root_pos: (T, 3), the positions' unit.
        local_quat: (T, J', 4) unit quaternions.
        stretch: (J',) how far each bone's length departs from its mean at most.
    """

    skeleton: Skeleton
    root_pos: FloatArray
    local_quat: FloatArray
    stretch: FloatArray


def pose(joints: ArrayLike, names: Sequence[str], parents: Sequence[int], rest: FloatArray) -> Posed:
    """Fit a skeleton to joint positions; where bone lengths are constant it reproduces them.

    Args:
        joints: (T, J, 3) finite, any unit.
        names: J joint names.
        parents: J, -1 for joint 0; parents come first.
        rest: (J, 3) directions of the bones in the rest pose, of any length; zero where a bone has none.

    Raises:
        ValueError: If the shapes do not belong together.
    """
    positions = np.asarray(joints, dtype=np.float64)
    if positions.shape[1:] != rest.shape or len(names) != len(parents) or len(rest) != len(names):
        raise ValueError(f"{len(names)} names, {len(parents)} parents, rest {rest.shape} for joints {positions.shape}")
    bone = bones(positions, parents)
    lengths = np.sqrt((bone * bone).sum(-1))
    longest = float(lengths.mean(axis=0).max())
    tree = _Tree(names, len(positions))
    world = {0: tree.identity}
    for joint in range(len(names)):
        below = [child for child, parent in enumerate(parents) if parent == joint]
        real = [child for child in below if lengths[:, child].max() > SHORTEST_BONE * lengths.max()]
        local, turn, shape = _fit(bone[:, real], lengths[:, real], rest[real], world[joint])
        tree.turn(joint, local)
        for place, child in enumerate(real):
            seen = bone[:, child] if len(real) > 1 else None  # a bone alone lies where it should
            world[child] = tree.hang(joint, child, seen, turn, shape[place], longest)
        for child in set(below) - set(real):
            world[child] = tree.hang(joint, child, None, turn, np.zeros(3), 1.0)
    stretch = np.abs(lengths - lengths.mean(axis=0)).max(axis=0)
    return tree.posed(positions[:, 0], stretch)


class _Tree:
    """The skeleton as it grows, joint by joint of the given order."""

    def __init__(self, names: Sequence[str], frames: int) -> None:
        self.identity: FloatArray = np.zeros((frames, 4))
        self.identity[:, 0] = 1.0
        self._given = names
        self._quat = {names[0]: self.identity}
        self._offset = {names[0]: np.zeros(3)}
        self._parent = {names[0]: ""}

    def turn(self, joint: int, local: FloatArray | None) -> None:
        """Give a joint its rotation (T, 4) in its parent's frame; None: it does not turn."""
        if local is not None:
            self._quat[self._given[joint]] = rotations.normalise(local)

    def hang(
        self, joint: int, child: int, bone: FloatArray | None, turn: FloatArray, offset: FloatArray, size: float
    ) -> FloatArray:
        """Hang a child below a joint with world rotation `turn`; gives the world rotation in which the child lies."""
        name, above = self._given[child], self._given[joint]
        self._offset[name], self._parent[name], self._quat[name] = offset, above, self.identity
        if bone is None:
            return turn
        seen = rotations.rotate(rotations.inverse(turn), rotations.normalise(bone))
        length = float(np.linalg.norm(offset))
        apart = np.linalg.norm(seen * length - offset, axis=-1)
        if not np.nanmax(apart, initial=0.0) > RIGID * size:
            return turn
        helper = f"to_{name}"
        swing = _swing(offset, seen)
        self._offset[helper], self._parent[helper], self._quat[helper] = np.zeros(3), above, swing
        self._parent[name] = helper
        return rotations.multiply(turn, swing)

    def posed(self, root_pos: FloatArray, stretch: FloatArray) -> Posed:
        order: list[str] = []
        for name in self._given:
            helper = f"to_{name}"
            order += [helper, name] if self._parent[name] == helper else [name]
        parents = tuple(order.index(self._parent[name]) if self._parent[name] else -1 for name in order)
        offsets = np.array([self._offset[name] for name in order])
        given = {name: float(value) for name, value in zip(self._given, stretch, strict=True)}
        return Posed(
            Skeleton(tuple(order), parents, offsets),
            root_pos,
            np.stack([self._quat[name] for name in order], axis=1),
            np.array([given.get(name, 0.0) for name in order]),
        )


def _fit(
    bone: FloatArray, lengths: FloatArray, rest: FloatArray, above: FloatArray
) -> tuple[FloatArray | None, FloatArray, FloatArray]:
    """Rotations (T, 4) of a joint in its parent's frame and in the world, and the offsets (C, 3) of its C bones.

    Args:
        bone: (T, C, 3) of positive length somewhere.
        lengths: (T, C) of them.
        rest: (C, 3) directions.
        above: (T, 4) world rotation of the parent.
    """
    shape = _directed(rest) * lengths.mean(axis=0)[:, None]
    if not len(shape):
        return None, above, shape
    if len(shape) > 1:
        turn, found = _procrustes(bone, shape)
        if turn is not None:
            return rotations.multiply(rotations.inverse(above), turn), turn, found
    swing = _swing(shape[0], rotations.rotate(rotations.inverse(above), _filled(rotations.normalise(bone[:, 0]))))
    return swing, rotations.multiply(above, swing), shape


def _procrustes(bone: FloatArray, rest: FloatArray) -> tuple[FloatArray | None, FloatArray]:
    """Rotations (T, 4) and the one shape (C, 3) that best explain bones (T, C, 3); None if they lie on a line.

    Generalised Procrustes analysis (Gower 1975) without scaling, begun at the first frame and turned to the rest pose.
    """
    shape, some = bone[0], bone[:: -(-len(bone) // SAMPLED)]
    for _ in range(ROUNDS):
        values = np.linalg.svd(shape, compute_uv=False)
        if values[1] < FLAT * values[0] or not values[0] > 0:
            return None, rest
        mean = np.einsum("tji,tcj->ci", _kabsch(some, shape), some) / len(some)
        change = np.abs(mean - shape).max()
        shape = mean
        if change < SETTLED * values[0]:
            break
    to_rest = _kabsch(rest[None], shape)[0]
    shape = shape @ to_rest.T
    means = np.sqrt((bone * bone).sum(-1)).mean(axis=0)
    shape = _directed(shape) * means[:, None]
    turn = _continuous(rotations.from_matrix(_kabsch(bone, shape)))
    return turn, shape


def _kabsch(bone: FloatArray, shape: FloatArray) -> FloatArray:
    """Rotation matrices (T, 3, 3) that turn `shape` (C, 3) nearest to bones (T, C, 3) (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(np.einsum("tci,cj->tij", bone, shape))
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    matrix: FloatArray = u @ vt
    return matrix


def _swing(offset: FloatArray, seen: FloatArray) -> FloatArray:
    """Shortest rotations (T, 4) from one offset to directions (T, 3); about any axis across where they are opposed."""
    start = np.broadcast_to(rotations.normalise(offset), seen.shape)
    seen = _filled(seen)
    swing = rotations.shortest(start, seen)
    opposed = (start * seen).sum(-1) < OPPOSED - 1.0
    if opposed.any():
        across = np.cross(start[0], np.eye(3)[np.abs(start[0]).argmin()])
        swing[opposed, 0], swing[opposed, 1:] = 0.0, rotations.normalise(across)
    return swing


def _filled(direction: FloatArray) -> FloatArray:
    """Directions (T, 3) with frames that have none (NaN) taking the last one before, or the first there is."""
    good = np.isfinite(direction).all(axis=-1)
    if good.all():
        return direction
    known = np.maximum.accumulate(np.where(good, np.arange(len(direction)), -1))
    filled: FloatArray = direction[np.where(known < 0, int(good.argmax()), known)]
    return filled


def _directed(vectors: FloatArray) -> FloatArray:
    """Unit vectors; +y where there is no direction."""
    unit = rotations.normalise(vectors)
    unit[~np.isfinite(unit).all(axis=-1)] = [0.0, 1.0, 0.0]
    return unit


def _continuous(quat: FloatArray) -> FloatArray:
    """The same rotations (T, 4) with signs that do not flip between frames."""
    sign = np.where((quat[1:] * quat[:-1]).sum(-1) < 0, -1.0, 1.0)
    signed: FloatArray = quat * np.concatenate([[1.0], np.cumprod(sign)])[:, None]
    return signed
