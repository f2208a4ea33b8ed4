"""Inputs that fuzzing found, each once a crash: now refused by reason, or read."""

import io
import json
import tarfile

import numpy as np
import pytest

from motionlib.ingest import READERS, BadMotionError, RawMotion, Source
from motionlib.ingest.containers import open_container


def read(suffix: str, data: bytes) -> RawMotion:
    return READERS[suffix].read(Source(f"take{suffix}", data))


def test_a_gltf_whose_only_moved_node_is_a_skinned_mesh():
    """Was an IndexError: a mesh that a skin moves is no joint, so none was left."""
    document = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0, "skin": 0}],
        "skins": [{"joints": [0]}],
        "buffers": [
            {
                "uri": "data:application/octet-stream;base64,AAAAAAAAgD8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAgD8=",
                "byteLength": 32,
            }
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 8}, {"buffer": 0, "byteOffset": 8, "byteLength": 24}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 2, "type": "SCALAR"},
            {"bufferView": 1, "componentType": 5126, "count": 2, "type": "VEC3"},
        ],
        "animations": [
            {
                "samplers": [{"input": 0, "output": 1}],
                "channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}],
            }
        ],
    }
    assert read(".gltf", json.dumps(document).encode()).skeleton.joint_count == 1


def test_a_signalling_nan_in_an_array_is_refused_without_a_warning():
    """Was a RuntimeWarning of the cast to float64."""
    joints = np.zeros((4, 22, 3), dtype="<f4")
    joints.view("<u4")[2, 3, 1] = 0x7F800001
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (4, 22, 3), }"
    data = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n" + joints.tobytes()
    with pytest.raises(BadMotionError) as caught:
        read(".npy", data)
    assert caught.value.reason == "not_finite"


@pytest.mark.parametrize("letters", ["<U2", ">U2"])
def test_a_text_in_an_npz_that_is_no_text(letters: str):
    """Was a SystemError: NumPy makes strings of numbers that stand for no letter."""
    gender = np.full(8, 0xFF, dtype=np.uint8).view(letters).reshape(())
    file = io.BytesIO()
    np.savez(file, poses=np.zeros((3, 72)), trans=np.zeros((3, 3)), mocap_framerate=30.0, gender=gender)
    assert len(read(".npz", file.getvalue()).root_pos) == 3


@pytest.mark.parametrize("record", [b"0 path=a\n", b"1 path=a\n", b"00 size=5\n"])
def test_an_extended_tar_header_whose_record_has_no_length(tmp_path, record):
    """Was an endless loop: a record of length 0 is followed by itself."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a" * 200 + ".bvh")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"one"))
    data = whole.getvalue()
    start = data.index(b" path=" + b"a" * 200) - 3
    path = tmp_path / "d.tar"
    path.write_bytes(data[:start] + record + data[start + len(record) :])
    with pytest.raises(ValueError, match="extended header at byte 0 is broken"):
        open_container(path)
