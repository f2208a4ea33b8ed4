"""What people say about a file (captions, rig files) and what a format fixes outweigh what is guessed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from motionlib.artifacts import Caption, ClipInfo
from motionlib.ingest import Format, read_bvh, synthetic
from motionlib.ingest.captions import Label
from motionlib.ingest.judge import Judged, judge
from motionlib.ingest.measures import MEASURES
from motionlib.ingest.source import Source
from motionlib.params import Ingest

WALK = synthetic.bvh(synthetic.takes()[0])
FPS = round(read_bvh(WALK).fps)
TALK = Label(captions=(Caption("a person walks"),), licences=("MIT",))
SETTINGS = Ingest(min_seconds=0.5, max_fps=480.0)


def judged(data: bytes = WALK, label: Label = TALK, **said: object) -> Judged:
    return judge(Source("d/walk.bvh", data, **said), ClipInfo("d/walk", "d/walk.bvh", "d"), label, SETTINGS)  # type: ignore[arg-type]


def at(fps: float) -> bytes:
    return re.sub(rb"Frame Time: \S+", f"Frame Time: {1 / fps:.8f}".encode(), WALK)


def test_a_good_take_has_measures_and_landmarks():
    result = judged()
    assert set(result.measures) <= set(MEASURES)
    assert 0.5 < result.measures["speed"] < 2.0
    assert result.fingerprint.dtype == np.int64
    assert len(result.fingerprint) > 10


def test_a_rate_that_the_captions_state_is_taken_and_not_doubted():
    assert judged(at(4 * FPS)).reasons[0] == "fps_doubtful"
    result = judged(at(4 * FPS), fps=float(FPS))
    assert (result.verdict, result.reasons, result.facts["fps"]) == ("accept", ("fps_stated",), float(FPS))
    assert result.messages == (f"fps_stated: {FPS} Hz by the captions, {4 * FPS} Hz by the file",)
    assert judged(fps=float(FPS)).reasons == ()


def test_a_rig_file_settles_rate_and_unit():
    result = judged(at(4 * FPS), rig=f'{{"fps": {FPS}, "unit": 0.0101}}')
    assert (result.verdict, result.facts["fps"], result.facts["unit"]) == ("accept", FPS, 0.0101)
    assert result.clip is not None
    assert result.clip.info.rig


@pytest.mark.parametrize("text", ["{", '{"up": "w"}', '{"unit": -1}', '{"joints": {"third_knee": "x"}}'])
def test_a_broken_rig_file_is_a_verdict(text: str):
    result = judged(rig=text)
    assert result.reasons == ("bad_rig_file",)
    assert result.clip is None


def test_a_format_that_claims_metres_for_centimetres_is_doubted(monkeypatch: pytest.MonkeyPatch):
    reader = Format(lambda source: replace(read_bvh(source.data), unit=1.0))
    monkeypatch.setattr("motionlib.ingest.judge.READERS", {".bvh": reader})
    result = judged()
    assert "units_doubtful" in result.reasons
    said = "the format says 1 m per unit, a grown body needs 0.01; a rig file can say which"
    assert f"units_doubtful: {said}" in result.messages
    assert judged(rig='{"unit": 0.01}').verdict == "accept"


def test_what_is_no_body_is_set_aside_with_a_way_out():
    names = {name: f"j{i}".encode() for i, name in enumerate(dict.fromkeys(re.findall(rb"(?:ROOT|JOINT) (\S+)", WALK)))}
    chain = re.sub(rb"(?<=JOINT )\S+", lambda match: b"bone_" + names[match[0]], WALK)
    result = judged(chain)
    if result.verdict == "quarantine":  # a body may still be told from its shape
        assert set(result.reasons) <= {"not_mapped", "units_doubtful"}
        assert any("joints" in message for message in result.messages)
    else:
        assert result.verdict == "accept"


def test_left_called_right_is_set_aside():
    swapped = re.sub(rb"Left|Right", lambda match: b"Right" if match[0] == b"Left" else b"Left", WALK)
    result = judged(swapped)
    assert result.reasons[0] == "sides_swapped"
    assert result.verdict == "quarantine"


def test_a_take_that_is_set_aside_has_no_landmarks():
    assert len(judged(at(4 * FPS)).fingerprint) == 0
    assert judged(at(4 * FPS)).measures


def test_a_caption_about_the_other_arm_is_remarked():
    wave = next(take for take in synthetic.takes() if take.action == "wave" and take.seconds > 3)
    one, other = (
        judged(synthetic.bvh(wave), Label((Caption(f"a person waves the {side} hand"),), licences=("MIT",)))
        for side in ("left", "right")
    )
    assert {one.verdict, other.verdict} == {"accept"}
    assert sorted(one.reasons + other.reasons) == ["caption_contradicts"]
