"""SMPL bodies: their joints, what a body model makes of betas, and joints of poses without any vertex.

Joint order as published for SMPL (Loper et al. 2015), SMPL-H (Romero et al. 2017) and SMPL-X (Pavlakos et al. 2019).
The rest pose is a T-pose, y up, facing +z, metres; a pose is one rotation vector per joint, in its parent's frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS

FloatArray = NDArray[np.float64]

_FINGERS = tuple(f"{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3))
_HANDS = tuple(f"{side}_{finger}" for side in ("left", "right") for finger in _FINGERS)
_FACE = ("jaw", "left_eye", "right_eye")
TINY_ANGLE = 1e-8  # rad; below it a rotation vector is half its quaternion's vector part
BLOCK = 1024  # frames computed at once, so that the numbers in work stay in the cache

# Rest offsets from the parent in metres, left as +x, up as +y, forward as +z: the joints of the neutral SMPL body with
# betas 0. Source: skeleton template of text-to-motion (Guo et al. 2022, MIT), equal to `smpl_humanoid.xml` of
# ProtoMotions (Apache-2.0) to its four digits.
_BODY_OFFSETS = {
    "pelvis": (-0.001795, -0.223333, 0.028219),
    "left_hip": (0.069520, -0.091406, -0.006815),
    "right_hip": (-0.067670, -0.090522, -0.004320),
    "spine1": (-0.002533, 0.108963, -0.026696),
    "left_knee": (0.034277, -0.375199, -0.004496),
    "right_knee": (-0.038290, -0.382569, -0.008850),
    "spine2": (0.005487, 0.135180, 0.001092),
    "left_ankle": (-0.013596, -0.397961, -0.043693),
    "right_ankle": (0.015774, -0.398415, -0.042312),
    "spine3": (0.001457, 0.052922, 0.025425),
    "left_foot": (0.026358, -0.055791, 0.119288),
    "right_foot": (-0.025372, -0.048144, 0.123348),
    "neck": (-0.002778, 0.213870, -0.042857),
    "left_collar": (0.078845, 0.121749, -0.034090),
    "right_collar": (-0.081759, 0.118833, -0.038615),
    "head": (0.005152, 0.064970, 0.051349),
    "left_shoulder": (0.090977, 0.030469, -0.008868),
    "right_shoulder": (-0.096012, 0.032551, -0.009143),
    "left_elbow": (0.259612, -0.012772, -0.027456),
    "right_elbow": (-0.253742, -0.013329, -0.021401),
    "left_wrist": (0.249234, 0.008986, -0.001171),
    "right_wrist": (-0.255298, 0.007772, -0.005559),
    "left_hand": (0.0840, -0.0082, -0.0149),
    "right_hand": (-0.0846, -0.0061, -0.0103),
}
# The left hand of `smplx_humanoid.xml` of ProtoMotions (Apache-2.0); the right one is its mirror image to 2 mm.
_HAND_OFFSETS = {
    "index1": (0.1019, -0.0087, 0.0194), "index2": (0.0319, 0.0022, 0.0030), "index3": (0.0225, -0.0024, 0.0001),
    "middle1": (0.1094, -0.0063, -0.0040), "middle2": (0.0306, 0.0008, -0.0040), "middle3": (0.0235, -0.0020, -0.0041),
    "pinky1": (0.0840, -0.0145, -0.0437), "pinky2": (0.0155, -0.0011, -0.0120), "pinky3": (0.0155, -0.0017, -0.0112),
    "ring1": (0.0974, -0.0093, -0.0273), "ring2": (0.0280, 0.0015, -0.0053), "ring3": (0.0228, -0.0015, -0.0071),
    "thumb1": (0.0406, -0.0180, 0.0256), "thumb2": (0.0170, 0.0010, 0.0250), "thumb3": (0.0205, -0.0052, 0.0155),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Kind:
    """A family of bodies.

    Attributes:
        name: smpl, smplh or smplx, as body-model folders are called.
        joints: Names of its J joints.
    """

    name: str
    joints: tuple[str, ...]

    @property
    def parents(self) -> tuple[int, ...]:
        """J; -1 for the pelvis."""
        return tuple(-1 if i == 0 else self.joints.index(_parent(name)) for i, name in enumerate(self.joints))

    @property
    def assumed_joints(self) -> FloatArray:
        """(J, 3) metres: rest joints of the average body; of its face nothing is known, so it is at the head."""
        rest = np.zeros((len(self.joints), 3))
        for joint, (name, parent) in enumerate(zip(self.joints, self.parents, strict=True)):
            rest[joint] = (rest[parent] if joint else 0.0) + np.array(_assumed_offset(name))
        return rest


@dataclass(frozen=True, eq=False)
class BodyModel:
    """What a body model says of joints; vertices are gone.

    Attributes:
        joints: (J, 3) metres, rest joints for betas 0.
        directions: (J, 3, B) metres per unit of each of its B betas.
    """

    joints: FloatArray
    directions: FloatArray

    def rest(self, betas: ArrayLike) -> FloatArray:
        """Rest joints (J, 3) metres of a person; of `betas` (any number) as many as the model has."""
        given = np.asarray(betas, dtype=np.float64)[: self.directions.shape[2]]
        rest: FloatArray = self.joints + self.directions[..., : len(given)] @ given
        return rest


def quaternions(vectors: ArrayLike) -> FloatArray:
    """Unit quaternions (..., 4) of rotation vectors (..., 3) radians."""
    array = np.asarray(vectors, dtype=np.float64)
    angle = np.sqrt(np.einsum("...i,...i->...", array, array))
    quat = np.empty((*array.shape[:-1], 4))
    half = 0.5 * angle
    np.cos(half, out=quat[..., 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(angle < TINY_ANGLE, 0.5, np.sin(half) / angle)
    np.multiply(array, scale[..., None], out=quat[..., 1:])
    return quat


def joints(rest: FloatArray, parents: tuple[int, ...], poses: ArrayLike, trans: ArrayLike) -> FloatArray:
    """Joint positions (T, J, 3) metres of posed bodies: forward kinematics from rest joints, no vertices.

    Args:
        rest: (J, 3) metres, rest joints of the person.
        parents: J.
        poses: (T, 3 J) or (T, J, 3) radians, rotation vectors in the parent's frame.
        trans: (T, 3) metres, added to the pelvis' rest position.
    """
    frames, count = len(np.asarray(trans)), len(parents)
    vectors = np.asarray(poses).reshape(frames, count, 3)
    inner = sorted(set(parents) - {-1})
    row = {joint: place for place, joint in enumerate(inner)}
    offsets = rest - rest[np.maximum(parents, 0)]
    positions = np.empty((frames, count, 3))
    root = np.asarray(trans, dtype=np.float64) + rest[0]
    for start in range(0, frames, BLOCK):
        block = slice(start, start + BLOCK)
        local = _matrices(*np.ascontiguousarray(vectors[block].transpose(2, 1, 0), dtype=np.float64)[:, inner])
        world, place = {0: local[0]}, {0: root[block].T}
        positions[block, 0] = root[block]
        for joint, parent in enumerate(parents[1:], start=1):
            above, (x, y, z) = world[parent], offsets[joint]
            here = above[:, 0] * x
            here += above[:, 1] * y
            here += above[:, 2] * z
            here += place[parent]
            positions[block, joint], place[joint] = here.T, here
            if joint in row:
                world[joint] = _product(above, local[row[joint]])
    return positions


def _matrices(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """(J, 3, 3, T) rotation matrices of the components (J, T) of rotation vectors.

    Rodrigues by half angles, whose sine and cosine come from the tangent of the quarter: NumPy has it nine times as
    quick as a sine.
    """
    angle = np.sqrt(x * x + y * y + z * z)
    tangent = np.tan(0.25 * angle)
    share = 1.0 / (1.0 + tangent * tangent)
    w = (2.0 * share - 1.0) * np.sqrt(2.0)  # root 2 times the cosine of the half angle
    scale = np.where(angle < TINY_ANGLE, 0.5, 2.0 * tangent * share / np.maximum(angle, TINY_ANGLE))
    scale *= np.sqrt(2.0)
    a, b, c = scale * x, scale * y, scale * z  # root 2 times the quaternion's vector part
    aa, bb, cc = a * a, b * b, c * c
    matrix = np.empty((*x.shape[:1], 3, 3, *x.shape[1:]))
    np.subtract(1.0, bb + cc, out=matrix[:, 0, 0])
    np.subtract(1.0, aa + cc, out=matrix[:, 1, 1])
    np.subtract(1.0, aa + bb, out=matrix[:, 2, 2])
    for i, j, product, turn in ((1, 0, a * b, c), (0, 2, a * c, b), (2, 1, b * c, a)):
        turn = turn * w
        np.add(product, turn, out=matrix[:, i, j])
        np.subtract(product, turn, out=matrix[:, j, i])
    return matrix


def _product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Matrix products of (3, 3, T) and (3, 3, T)."""
    result = left[:, :1] * right[:1]
    result += left[:, 1:2] * right[1:2]
    result += left[:, 2:] * right[2:]
    return result


def _parent(name: str) -> str:
    side, _, part = name.partition("_")
    if name in CANONICAL_NAMES:
        return CANONICAL_NAMES[CANONICAL_PARENTS[CANONICAL_NAMES.index(name)]]
    if name in _FACE:
        return "head"
    if part == "hand" or part.endswith("1"):
        return f"{side}_wrist"
    return f"{side}_{part[:-1]}{int(part[-1]) - 1}"


def _assumed_offset(name: str) -> tuple[float, float, float]:
    side, _, part = name.partition("_")
    if name in _FACE:
        return 0.0, 0.0, 0.0
    if part not in _HAND_OFFSETS:
        return _BODY_OFFSETS[name]
    x, y, z = _HAND_OFFSETS[part]
    return (x if side == "left" else -x), y, z


SMPL = Kind("smpl", (*CANONICAL_NAMES, "left_hand", "right_hand"))
SMPLH = Kind("smplh", (*CANONICAL_NAMES, *_HANDS))
SMPLX = Kind("smplx", (*CANONICAL_NAMES, *_FACE, *_HANDS))
BODY = Kind("smplh", CANONICAL_NAMES)  # SMPL-H without its hands
