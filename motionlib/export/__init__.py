"""Motions to files that other tools read: BVH, GLB, and pages on which they play."""
