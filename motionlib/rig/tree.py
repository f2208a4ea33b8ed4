"""A skeleton as a tree: who is above whom, how long the ways are. Lengths are shares of the whole body."""

from functools import cached_property

import numpy as np

from motionlib.body.skeleton import FloatArray, Skeleton
from motionlib.rig import pose

COINCIDENT = 0.004  # of the longest way through the body, 1 cm of a grown person; nearer joints are one place


class Tree:
    """Ancestors, children and rest distances of a skeleton, in any unit of length."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.paths: list[list[int]] = [[0]]
        self.children: list[list[int]] = [[] for _ in skeleton.names]
        for joint, parent in enumerate(skeleton.parents[1:], start=1):
            self.paths.append([*self.paths[parent], joint])
            self.children[parent].append(joint)
        lengths = np.linalg.norm(skeleton.offsets, axis=1)
        lengths[0] = 0.0
        self.size, reach = _ways(lengths, skeleton.parents)
        self.lengths: FloatArray = lengths / self.size
        self.reach: FloatArray = reach / self.size  # from each joint's parent over the joint to the farthest tip
        self.rest: FloatArray = pose.rest(skeleton) / self.size

    @cached_property
    def leaves(self) -> set[int]:
        """Joints on which nothing hangs."""
        return {joint for joint, below in enumerate(self.children) if not below}

    def common(self, a: int, b: int) -> int:
        """Deepest joint above or at both."""
        return [i for i, j in zip(self.paths[a], self.paths[b], strict=False) if i == j][-1]

    def above(self, upper: int, lower: int) -> bool:
        """Whether `lower` hangs below `upper`."""
        return upper != lower and len(self.paths[upper]) <= len(self.paths[lower]) and upper in self.paths[lower]

    def apart(self, a: int, b: int) -> float:
        """Distance in the rest pose."""
        return float(np.linalg.norm(self.rest[a] - self.rest[b]))

    def way(self, upper: int, lower: int) -> float:
        """Length of the bones from a joint down to one below it."""
        path = self.paths[lower]
        return float(self.lengths[path[path.index(upper) + 1 :]].sum())


def _ways(lengths: FloatArray, parents: tuple[int, ...]) -> tuple[float, FloatArray]:
    """Length of the longest way between two joints along bones, and from each joint's parent to its farthest tip."""
    below = np.zeros(len(parents))
    longest = 0.0
    for joint in range(len(parents) - 1, 0, -1):
        reach, parent = below[joint] + lengths[joint], parents[joint]
        longest = max(longest, below[parent] + reach)
        below[parent] = max(below[parent], reach)
    return float(longest) or 1.0, below + lengths
