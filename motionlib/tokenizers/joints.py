"""Rows of features as a table of joints: which of a row's numbers belong to which joint.

Two arrangements are published. SALAD's (Hong et al., CVPR 2025, arXiv:2503.13836, section 3.1): the root has its four
numbers and its velocity, every other joint its position, rotation and velocity, and the feet also their contact.
MoGenTS's (Yuan et al., NeurIPS 2024, arXiv:2409.17686, section 3.1): twelve numbers for each, the root's being its
four, the four contacts, a gap and its velocity.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from motionlib.body.ric import KIT_NAMES, KIT_PARENTS, feature_groups
from motionlib.body.skeleton import CANONICAL_NAMES, CANONICAL_PARENTS
from motionlib.tokenizers.base import JOINTS_OF_WIDTH

GAP = -1  # a place in a joint's numbers that nothing fills


class Body(NamedTuple):
    """Parents of J joints, and the joints of the contacts in the order of the features."""

    parents: tuple[int, ...]
    feet: tuple[int, ...]


BODIES = {
    len(names): Body(parents, tuple(names.index(foot) for foot in feet))
    for names, parents, feet in (
        (CANONICAL_NAMES, CANONICAL_PARENTS, ("left_ankle", "left_foot", "right_ankle", "right_foot")),
        (KIT_NAMES, KIT_PARENTS, ("left_foot", "left_toe", "right_foot", "right_toe")),
    )
}


def body_of(width: int) -> Body:
    """The skeleton behind rows of `width` features.

    Raises:
        ValueError: If it is neither HumanML3D's nor KIT-ML's.
    """
    if width not in JOINTS_OF_WIDTH:
        raise ValueError(f"rows of {width} features are of no known skeleton; known widths: {sorted(JOINTS_OF_WIDTH)}")
    return BODIES[JOINTS_OF_WIDTH[width]]


def skeletal_columns(width: int) -> list[list[int]]:
    """Columns of each of the J joints as SALAD arranges them: 7 of the root, 12 of a joint, 13 of a foot."""
    body, own, root, velocity, contacts = _parts(width)
    columns = [[*root, *velocity[0]], *([*numbers, *speed] for numbers, speed in zip(own, velocity[1:], strict=True))]
    for foot, contact in zip(body.feet, contacts, strict=True):
        columns[foot] = [*columns[foot], contact]
    return columns


def table_columns(width: int) -> list[list[int]]:
    """Columns of each of the J joints as MoGenTS arranges them: always 12, the root's ninth being a gap."""
    _, own, root, velocity, contacts = _parts(width)
    return [
        [*root, *contacts, GAP, *velocity[0]],
        *([*numbers, *speed] for numbers, speed in zip(own, velocity[1:], strict=True)),
    ]


class JointTable(nn.Module):
    """Rows (B, T, D) <-> joints (B, T, J, K), K being the most that a joint has; places without a number are 0."""

    forth: Tensor
    back: Tensor

    def __init__(self, columns: Sequence[Sequence[int]], width: int) -> None:
        super().__init__()
        self.joints, self.size = len(columns), max(len(each) for each in columns)
        forth = torch.full((self.joints, self.size), width)
        for joint, each in enumerate(columns):
            forth[joint, : len(each)] = torch.tensor([width if column == GAP else column for column in each])
        self.register_buffer("forth", forth.flatten(), persistent=False)
        self.register_buffer("back", forth.flatten().argsort()[:width], persistent=False)  # places without come last

    def split(self, rows: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, J, K)."""
        ordered: Tensor = functional.pad(rows, (0, 1))[..., self.forth]
        return ordered.reshape(*rows.shape[:-1], self.joints, self.size)

    def join(self, joints: Tensor) -> Tensor:
        """(B, T, J, K) -> (B, T, D)."""
        return joints.flatten(-2)[..., self.back]


class _Parts(NamedTuple):
    """Columns: position and rotation of joints 1 to J - 1, four of the root, velocity of all joints, contacts."""

    body: Body
    own: list[list[int]]
    root: list[int]
    velocity: list[list[int]]
    contacts: list[int]


def _parts(width: int) -> _Parts:
    body = body_of(width)
    groups = {name: list(range(part.start, part.stop)) for name, part in feature_groups(len(body.parents)).items()}
    ric, rotations, velocity = _by(groups["ric"], 3), _by(groups["rot6d"], 6), _by(groups["velocity"], 3)
    own = [[*place, *turn] for place, turn in zip(ric, rotations, strict=True)]
    root = [*groups["root_turn"], *groups["root_velocity"], *groups["root_height"]]
    return _Parts(body, own, root, velocity, groups["contacts"])


def _by(columns: list[int], size: int) -> list[list[int]]:
    return [columns[start : start + size] for start in range(0, len(columns), size)]
