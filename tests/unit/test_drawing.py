"""Pictures are the same whether they are drawn here or by the process beside."""

import os
import signal

import pytest

from motionlib import drawing
from motionlib.ingest import pictures

REASONS = "motionlib.ingest.pictures:reasons"


def test_a_picture_is_the_same_from_the_desk_and_from_here():
    counts = {"too_short": 3, "duplicate": 1}
    here = drawing.draw(REASONS, counts)
    with drawing.desk():
        beside = [drawing.draw(REASONS, counts) for _ in range(2)]
    assert here == pictures.reasons(counts)
    assert beside == [here, here]
    assert here.startswith(b"\x89PNG")


def test_a_desk_that_died_stops_nothing():
    with drawing.desk():
        os.kill(drawing._open[-1].process.pid, signal.SIGKILL)
        assert drawing.draw(REASONS, {}).startswith(b"\x89PNG")
    assert not drawing._open


def test_a_picture_that_cannot_be_drawn_is_an_error_here(capfd):
    with drawing.desk(), pytest.raises(ModuleNotFoundError):
        drawing.draw("motionlib.nothing:here")
    assert "nothing" in capfd.readouterr().err
