"""What is fuzzed: each target takes bytes and raises only if something is wrong with *us*.

A reader may raise BadMotionError and nothing else, and what it gives must be sound: shapes that fit, finite numbers,
unit quaternions, remarks that are known.
"""

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fuzz_seeds import SEEDS, SPLIT
from fuzz_structured import STRUCTURED_SEEDS, edited_gltf, npz_of, with_sums

from motionlib.ingest import READERS, BadMotionError, RawMotion, Source
from motionlib.ingest.captions import read_table, read_text
from motionlib.ingest.containers import open_container
from motionlib.ingest.quality import REMARK, REPAIR

Target = Callable[[bytes], None]
COMPANIONS = {".amc": "take.asf", ".gltf": "take.bin", ".glb": "take.bin"}
UNIT_TOLERANCE = 1e-6  # of a quaternion's length
LONGEST_MESSAGE = 2000  # letters; reports quote messages whole


def targets() -> dict[str, Target]:
    """Every target by name: the readers by their suffix, then captions, rig files and archives."""
    found: dict[str, Target] = {suffix[1:]: _reader(suffix) for suffix in READERS}
    found |= {"csv": _table("captions.csv"), "jsonl": _table("captions.jsonl"), "txt": _text}
    found |= {suffix: _archive(suffix) for suffix in ("zip", "tar", "tar.gz")}
    found |= {"tar.sums": _first(with_sums, found["tar"])}
    for name, shell in (("npz.arrays", npz_of), ("gltf.values", edited_gltf)):
        if (inner := name.partition(".")[0]) in found:
            found[name] = _first(shell, found[inner])
    override = _override()
    return found if override is None else found | {"rig": override}


def seeds(name: str) -> list[bytes]:
    """Valid inputs of a target; for a reader that fuzz_seeds does not know yet, some bytes."""
    known = SEEDS | STRUCTURED_SEEDS
    return known[name]() if name in known else [b"", bytes(range(256))]


def _first(shell: Callable[[bytes], bytes], target: Target) -> Target:
    return lambda data: target(shell(data))


def _reader(suffix: str) -> Target:
    def run(data: bytes) -> None:
        main, split, beside = data.partition(SPLIT)
        companions = {COMPANIONS[suffix]: beside} if split and suffix in COMPANIONS else {}
        try:
            motion = READERS[suffix].read(Source(f"take{suffix}", main, companions))
        except BadMotionError as error:
            _needs_message(error)
            return
        check(motion)

    return run


def check(motion: RawMotion) -> None:
    """A motion that a reader gave is one."""
    frames, joints = len(motion.root_pos), motion.skeleton.joint_count
    assert frames > 0
    assert motion.root_pos.shape == (frames, 3)
    assert motion.local_quat.shape == (frames, joints, 4)
    assert motion.stretch.shape == (joints,)
    for array in (motion.root_pos, motion.local_quat, motion.stretch, motion.skeleton.offsets):
        assert np.isfinite(array).all(), "a number is not finite"
    lengths = np.linalg.norm(motion.local_quat, axis=-1)
    assert np.abs(lengths - 1.0).max() < UNIT_TOLERANCE, "a quaternion is not a unit one"
    assert 0 < motion.fps < np.inf
    assert set(motion.remarks) <= {*REMARK, *REPAIR}, motion.remarks
    assert set(motion.notes) <= set(motion.remarks), motion.notes
    assert all(len(note) < LONGEST_MESSAGE for note in motion.notes.values())
    assert motion.unit is None or 0 < motion.unit < np.inf


def _table(name: str) -> Target:
    def run(data: bytes) -> None:
        assert all(isinstance(problem, str) for problem in read_table(data, name).problems)

    return run


def _text(data: bytes) -> None:
    read_text(data, "take.txt")


def _override() -> Target | None:
    try:
        override = importlib.import_module("motionlib.rig.override").Override
    except (ImportError, AttributeError):
        return None

    def run(data: bytes) -> None:
        try:
            override.read(data.decode("utf-8", errors="replace"))
        except ValueError as error:
            _needs_message(error)

    return run


def _archive(suffix: str) -> Target:
    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            path = Path(folder) / f"delivery.{suffix}"
            path.write_bytes(data)
            try:
                container = open_container(path)
            except ValueError as error:
                _needs_message(error)
                return
            members = container.members()
            for name, content in container.read({member.name for member in members}):
                assert not name.startswith("/")
                assert ".." not in name.split("/")
                assert isinstance(content, bytes | BadMotionError)

    return run


def _needs_message(error: Exception) -> None:
    if not 0 < len(str(error)) < LONGEST_MESSAGE:
        raise AssertionError(f"an error with a message of {len(str(error))} letters")


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
