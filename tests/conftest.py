"""Shared by all tests: one thread for torch, no deadline for Hypothesis, and where real mocap lies if there is any."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("DO_NOT_TRACK", "true")

settings.register_profile("motionlib", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("motionlib")

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of the files made by the original code."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def real_mocap() -> Path:
    """Folder of real mocap; a test that needs it says so when it skips."""
    folder = Path(os.environ.get("MOTIONLIB_MOCAP", ROOT.parent / "shared" / "mocap"))
    if not (folder / "unpack.py").is_file():
        pytest.skip(f"needs real mocap, and there is none at {folder}; name its folder in MOTIONLIB_MOCAP")
    return folder
