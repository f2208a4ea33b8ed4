"""How quickly SMPL files become joints: beside `smplx`, which poses every vertex to get them.

    .venv/bin/python bench/bench_smpl.py [--frames N] [--vertices V]

makes body models of the real size out of random numbers (nobody's body), reads poses from an `.npz`, and times both
ways in one run on one core. Without `smplx` it says so and times ours alone.
"""

import argparse
import contextlib
import importlib.util
import io
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from motionlib.body import smpl
from motionlib.ingest.smpl import read_smpl, read_take, smpl_joints
from motionlib.ingest.source import Source

FRAMES = 10_000
VERTICES = 6890  # of SMPL and SMPL-H
THEIR_FRAMES = 250  # a call, at which smplx is quickest: it holds all vertices of a call in memory
REPEATS = 5  # of ours; the best counts
PARTS = {
    "smpl": {"global_orient": (0, 1), "body_pose": (1, 24)},
    "smplh": {"global_orient": (0, 1), "body_pose": (1, 22), "left_hand_pose": (22, 37), "right_hand_pose": (37, 52)},
}


def body_model(kind: smpl.Kind, vertices: int, betas: int) -> dict[str, Any]:
    """Arrays of a body-model file of random numbers."""
    rng = np.random.default_rng(0)
    joints = len(kind.joints)
    arrays: dict[str, Any] = {
        "v_template": rng.normal(size=(vertices, 3)),
        "shapedirs": rng.normal(size=(vertices, 3, betas)) * 0.01,
        "posedirs": rng.normal(size=(vertices, 3, 9 * (joints - 1))) * 0.001,
        "J_regressor": rng.dirichlet(np.ones(vertices), joints),
        "weights": rng.dirichlet(np.ones(joints), vertices),
        "kintree_table": np.array([[2**32 - 1, *kind.parents[1:]], range(joints)], dtype=np.uint32),
        "f": np.zeros((2, 3), dtype=np.uint32),
    }
    for side in "lr":
        arrays |= {f"hands_components{side}": np.eye(45), f"hands_mean{side}": np.zeros(45)}
    return arrays


def motion(kind: smpl.Kind, frames: int) -> bytes:
    """An `.npz` of smooth random poses as AMASS packs them."""
    rng = np.random.default_rng(1)
    poses = np.cumsum(rng.normal(size=(frames, 3 * len(kind.joints))) * 0.01, axis=0)
    stream = io.BytesIO()
    np.savez(
        stream, poses=poses, trans=np.cumsum(rng.normal(size=(frames, 3)) * 0.01, axis=0), betas=rng.normal(size=10),
        gender=np.array("neutral"), mocap_framerate=np.array(120.0),
    )  # fmt: skip
    return stream.getvalue()


def ours(folder: Path, data: bytes) -> dict[str, float]:
    """Seconds from bytes to joints and to skeleton and rotations."""
    smpl_joints(data, body_models=folder)  # the body model is read once per library
    source = Source("motion.npz", data, body_models=folder)
    return {
        "joints_seconds": min(_seconds(lambda: smpl_joints(data, body_models=folder)) for _ in range(REPEATS)),
        "read_seconds": min(_seconds(lambda: read_smpl(source)) for _ in range(REPEATS)),
    }


def theirs(folder: Path, kind: smpl.Kind, data: bytes) -> dict[str, float]:
    """Seconds that smplx takes for the same joints, and the largest difference to ours in metres."""
    import smplx
    import torch

    torch.set_num_threads(1)
    for name in smplx.body_models.VERTEX_IDS:
        smplx.body_models.VERTEX_IDS[name] = dict.fromkeys(smplx.body_models.VERTEX_IDS[name], 0)
    take = read_take(data, "motion.npz")
    assert take.trans is not None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        body = smplx.create(
            str(folder), kind.name, ext="pkl" if kind is smpl.SMPL else "npz", batch_size=THEIR_FRAMES, use_pca=False,
            flat_hand_mean=True,
        )  # fmt: skip
    found, seconds = [], 0.0
    for start in range(0, len(take.poses), THEIR_FRAMES):
        piece = slice(start, start + THEIR_FRAMES)
        poses, trans = take.poses[piece], torch.tensor(take.trans[piece], dtype=torch.float32)
        given = {
            name: torch.tensor(poses[:, a:b].reshape(len(poses), -1), dtype=torch.float32)
            for name, (a, b) in PARTS[kind.name].items()
        }
        betas = torch.tensor(take.betas[None], dtype=torch.float32).repeat(len(poses), 1)
        begin = time.process_time()
        with torch.no_grad():
            joints = body(betas=betas, transl=trans, **given).joints
        seconds += time.process_time() - begin
        found.append(joints[:, : len(kind.joints)].numpy())
    difference = np.abs(np.concatenate(found) - smpl_joints(data, body_models=folder)).max()
    return {"smplx_seconds": seconds, "largest_difference_metres": float(difference)}


def write_model(folder: Path, kind: smpl.Kind, vertices: int) -> None:
    """The body model for both sides; smplx reads SMPL only from a pickle, which is made and read here alone."""
    arrays = body_model(kind, vertices, 10)
    path = folder / kind.name / f"{kind.name.upper()}_NEUTRAL.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **arrays)
    if kind is smpl.SMPL:
        import pickle

        path.with_suffix(".pkl").write_bytes(pickle.dumps(arrays))


def _seconds(act: Callable[[], object]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES, help="a multiple of 250 (default: %(default)s)")
    parser.add_argument("--vertices", type=int, default=VERTICES, help="of the body model (default: %(default)s)")
    arguments = parser.parse_args()
    installed = importlib.util.find_spec("smplx") is not None
    if not installed:
        print("smplx is not installed: only ours is timed")
    for kind in (smpl.SMPL, smpl.SMPLH):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_model(folder, kind, arguments.vertices)
            data = motion(kind, arguments.frames)
            figures = ours(folder, data) | {"joints_frames_per_second": 0.0}
            figures["joints_frames_per_second"] = arguments.frames / figures["joints_seconds"]
            if installed:
                figures |= theirs(folder, kind, data)
                figures["times_faster_than_smplx"] = figures["smplx_seconds"] / figures["joints_seconds"]
        for key, value in figures.items():
            print(f"{kind.name} {key}: {value:.4g}")


if __name__ == "__main__":
    main()
