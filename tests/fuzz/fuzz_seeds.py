"""Small valid files of every kind, written by our own writers: what fuzzing starts from. Never real mocap.

A file and the one companion it needs are one seed, with SPLIT between them.
"""

import functools
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from c3d_writer import c3d

from motionlib.export import gltf
from motionlib.export.rig import RigMotion
from motionlib.ingest import synthetic
from motionlib.ingest.bvh import read_bvh
from motionlib.ingest.c3d import BODY

SPLIT = b"\0--companion--\0"
FRAMES = 6

TINY_BVH = b"""HIERARCHY
ROOT hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -4.5e1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -40 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.008333
0 90 0 0 0 0 1.5 0 0
0 90 1 0 0 0 -3 0 0
"""
TINY_ASF = b"""# a leg
:version 1.10
:name tiny
:units
  mass 1.0
  length 0.45
  angle deg
:documentation
   made by hand
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lfemur
     direction 0.34 -0.94 0
     length 7.3
     axis 0 0 20 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name ltibia
     direction 0.34 -0.94 0
     length 7.2
     axis 0 0 20 XYZ
    dof rx
    limits (-10.0 170.0)
  end
:hierarchy
  begin
    root lfemur
    lfemur ltibia
  end
"""
TINY_AMC = b"""#!OML:ASF tiny.ASF
:FULLY-SPECIFIED
:DEGREES
1
root 1 17 2 0 0 0
lfemur 1 2 3
ltibia 20
2
root 1 17 2.5 0 5 0
lfemur 1 2 4
ltibia 21
"""
TINY_CSV = (
    b'file,text,from_s,to_s,source,subject,licence\na.bvh,a man walks,0,2.5,text,s1,CC0-1.0\nb.bvh,"he, too",,,,,\n'
)
TINY_JSONL = (
    b'{"file": "a.bvh", "text": "a man walks", "from_s": 0, "to_s": 2.5, "split": "train"}\n{"file": "b.bvh"}\n'
)
TINY_TXT = b"a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\nhe turns left#he/PRON#1.0#2.5\n"
TINY_RIG = (
    b'{"joints": {"left_knee": "LeftLeg", "spine1": ["Spine", "Spine1", 0.5]}, "unit": 0.01, "up": "z", "fps": 120}'
)


@functools.cache
def motion() -> RigMotion:
    """A few frames of a synthetic clip on its own skeleton, metres."""
    raw = read_bvh(bvh())
    metres = replace(raw.skeleton, offsets=raw.skeleton.offsets * 0.01)
    return RigMotion(metres, raw.root_pos * 0.01, raw.local_quat)


def bvh() -> bytes:
    """A whole synthetic body, cut to a few frames."""
    lines = synthetic.bvh(synthetic.takes()[0]).split(b"\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(b"Frames:"))
    return b"\n".join([*lines[:start], b"Frames: %d" % FRAMES, lines[start + 1], *lines[start + 2 :][:FRAMES], b""])


def glb() -> bytes:
    """The same as binary glTF."""
    return gltf.glb(motion(), 30.0)


def tiny_gltf() -> bytes:
    """Two nodes that turn, as text, with its buffer in a companion."""
    times = np.array([0, 0.5, 1], "<f4")
    turns = np.array([[0, 0, 0, 1], [0, 0.6, 0, 0.8], [0, 1, 0, 0]], "<f4")
    steps = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2]], "<f4")
    data = times.tobytes() + turns.tobytes() + steps.tobytes()
    views = [{"buffer": 0, "byteOffset": o, "byteLength": n} for o, n in ((0, 12), (12, 48), (60, 36))]
    accessors = [
        {"bufferView": i, "componentType": 5126, "count": 3, "type": kind}
        for i, kind in enumerate(("SCALAR", "VEC4", "VEC3"))
    ]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [
            {"name": "hips", "children": [1], "scale": [1, 1, 1]},
            {"name": "knee", "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, -0.4, 0, 1]},
        ],
        "animations": [
            {
                "name": "turn",
                "samplers": [{"input": 0, "output": 1}, {"input": 0, "output": 2, "interpolation": "STEP"}],
                "channels": [
                    {"sampler": 0, "target": {"node": 1, "path": "rotation"}},
                    {"sampler": 1, "target": {"node": 0, "path": "translation"}},
                ],
            }
        ],
        "buffers": [{"uri": "take.bin", "byteLength": len(data)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    return json.dumps(document).encode() + SPLIT + data


def centres(processor: str, scale: float) -> bytes:
    """Joint centres that shake, with a gap."""
    places = np.random.default_rng(2).normal(0, 500, (FRAMES, len(BODY), 3))
    seen = np.ones(places.shape[:2], dtype=bool)
    seen[2, 3] = False
    return c3d(list(BODY), places, processor=processor, scale=scale, seen=seen, screen=("+X", "+Z"), trial=True)


def npy(*shape: int) -> bytes:
    """Numbers without meaning in a shape that has one."""
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32))
    return file.getvalue()


def npz(columns: int) -> bytes:
    """Poses as AMASS keeps them."""
    file = io.BytesIO()
    draw = np.random.default_rng(1)
    np.savez_compressed(
        file,
        poses=draw.normal(0, 0.2, (FRAMES, columns)),
        trans=draw.normal(0, 1, (FRAMES, 3)),
        betas=np.zeros(10),
        gender=np.array("neutral"),
        mocap_framerate=np.array(120.0),
    )
    return file.getvalue()


def zipped(method: int) -> bytes:
    """A delivery of two files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("a/take.bvh"), TINY_BVH, method)
        archive.writestr(zipfile.ZipInfo("captions.csv"), TINY_CSV, method)
    return file.getvalue()


def tarred(packing: str) -> bytes:
    """The same as tar; `packing` as in tarfile."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{packing}") as archive:
        for name, data in (("a/take.bvh", TINY_BVH), ("captions.csv", TINY_CSV)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "bvh": lambda: [TINY_BVH, bvh()],
    "amc": lambda: [TINY_AMC + SPLIT + TINY_ASF],
    "npy": lambda: [npy(FRAMES, 22, 3), npy(FRAMES, 21, 3), npy(FRAMES, 263), npy(FRAMES, 251), npy(263)],
    "npz": lambda: [npz(72), npz(156), npz(165)],
    "glb": lambda: [glb()],
    "gltf": lambda: [tiny_gltf()],
    "c3d": lambda: [centres("<", -1.0), centres("<", 0.1), centres(">", -1.0), centres("vax", -1.0)],
    "csv": lambda: [TINY_CSV],
    "jsonl": lambda: [TINY_JSONL],
    "txt": lambda: [TINY_TXT],
    "rig": lambda: [TINY_RIG],
    "zip": lambda: [zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED)],
    "tar": lambda: [tarred("")],
    "tar.gz": lambda: [tarred("gz")],
}
# Words that mutations are made of, beside bytes: numbers that lie, and what each grammar knows.
WORDS: dict[str, tuple[bytes, ...]] = {
    "": (b"1e12", b"-1", b"0", b"nan", b"inf", b"1e400", b"999999999999", b"4294967295", b"-2147483648", b"0.0333333"),
    "bvh": (*b"HIERARCHY ROOT JOINT OFFSET CHANNELS Xposition Yrotation { } MOTION Frames:".split(), b"Frame Time:"),
    "amc": tuple(b":bonedata :hierarchy :root :units begin end dof axis rx :DEGREES".split()),
    "gltf": (
        *b'"sparse" "matrix" "byteStride" "normalized" "CUBICSPLINE" "children" "skin" "skins" "joints"'.split(),
        *b'"scale" "count" 5121 5123 data:application/octet-stream;base64,AAAA'.split(),
    ),
    "npy": (b"'descr'", b"'<f8'", b"'|O'", b"'shape'", b"'fortran_order'", b"True"),
    "csv": (b"file", b'"', b",", b"\r\n", b"../", b"fps", b"split"),
}
