"""Mocap in, discrete motion tokens and promoted motion models out."""

__version__ = "0.1.0"
