"""Rotations, skeletons and kinematics: numpy float64, no files."""
