"""`docs/formats.md` speaks of every format that is read or refused, and of no reason that does not exist."""

import re
from pathlib import Path

import pytest

from motionlib.ingest import CONVERT, READERS, REASONS

TEXT = (Path(__file__).parent.parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", sorted({*READERS, *CONVERT}))
def test_every_suffix_is_told(suffix: str):
    assert f"`{suffix}`" in TEXT


def test_every_reason_that_is_told_is_one():
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXT))
    known = {"seconds_per_file", "body_models", "new_joints", "mocap_framerate", "root_orient", "pose_body"}
    assert words - known <= set(REASONS)


def test_what_is_refused_says_the_way_out():
    assert all(len(way.split()) > 3 for way in CONVERT.values())
    assert not set(READERS) & set(CONVERT)
