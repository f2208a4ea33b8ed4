"""The user's own SMPL body-model files: found by the names that `smplx` uses, and only their joints kept."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motionlib.body.smpl import BodyModel, Kind
from motionlib.ingest.arrays import Npz, as_floats, shown
from motionlib.ingest.quality import BadMotionError

FloatArray = NDArray[np.float64]

# Where a file of a kind and gender may lie, as `smplx` and `human_body_prior` expect it.
PLACES = ("{kind}/{KIND}_{GENDER}", "{KIND}_{GENDER}", "{kind}/{gender}/model")
GENDERS = ("neutral", "female", "male")  # what is taken in turn where the stated gender has no file
MAX_BYTES = 1 << 30  # of one file, 1 GiB: SMPL-X has 110 MB
SMPLX_SHAPES = {400: 300, 20: 10}  # SMPL-X keeps expressions behind the betas: columns in all, betas among them
ROOT_PARENT = 2**32 - 1  # how `kintree_table` writes that the root has no parent


def find_model(folder: Path, kind: Kind, gender: str) -> tuple[BodyModel, str] | None:
    """The body model of a kind, of this gender if there is one, and whose it is; None where there is none of the kind.

    Raises:
        BadMotionError: bad_body_model, naming the file that cannot be used.
    """
    for tried in dict.fromkeys((gender, *GENDERS)):
        for place in PLACES:
            name = place.format(kind=kind.name, KIND=kind.name.upper(), gender=tried, GENDER=tried.upper())
            path = folder / f"{name}.npz"
            if path.is_file():
                stat = path.stat()
                return _load(path, stat.st_size, stat.st_mtime_ns, kind.name, kind.parents), tried
            if path.with_suffix(".pkl").is_file():
                said = f"run `motionlib smpl convert {name}.pkl {name}.npz` first: pickles are not opened here"
                raise BadMotionError("bad_body_model", f"{name}.pkl: {said}")
    return None


@lru_cache(maxsize=16)
def _load(path: Path, size: int, changed: int, kind: str, parents: tuple[int, ...]) -> BodyModel:
    del changed  # part of the key only
    if size > MAX_BYTES:
        raise BadMotionError("bad_body_model", f"{path.name}: {size} bytes, at most {MAX_BYTES} are read")
    try:
        archive = Npz(path.read_bytes(), path.name)
        template, shapes, regressor = (
            _array(archive, key, dimensions)
            for key, dimensions in (("v_template", 2), ("shapedirs", 3), ("J_regressor", 2))
        )
        _check_tree(archive, parents, path.name)
    except (BadMotionError, OSError) as error:
        raise BadMotionError("bad_body_model", str(error)) from None
    vertices = len(template)
    if template.shape != (vertices, 3) or shapes.shape[:2] != (vertices, 3) or regressor.shape[1] != vertices:
        said = f"v_template {template.shape}, shapedirs {shapes.shape}, J_regressor {regressor.shape}"
        raise BadMotionError("bad_body_model", f"{path.name}: {said} do not belong together")
    joints = len(parents)
    if len(regressor) < joints:
        raise BadMotionError("bad_body_model", f"{path.name}: {len(regressor)} joints, {kind} needs {joints}")
    betas = SMPLX_SHAPES.get(shapes.shape[2], shapes.shape[2]) if kind == "smplx" else shapes.shape[2]
    directions = np.tensordot(regressor[:joints], shapes[..., :betas], axes=1)
    return BodyModel(regressor[:joints] @ template, directions)


def _array(archive: Npz, key: str, dimensions: int) -> FloatArray:
    if key not in archive.keys:
        raise BadMotionError("bad_body_model", f"no `{key}` among {shown(', '.join(archive.keys)) or 'nothing'}")
    array = as_floats(archive.array(key))
    if array.ndim != dimensions or not array.size or not np.isfinite(array).all():
        raise BadMotionError("bad_body_model", f"{key}: {array.shape} is empty, not finite or of the wrong shape")
    return array


def _check_tree(archive: Npz, parents: tuple[int, ...], name: str) -> None:
    """Joints in another order would be mistaken for each other: SMPL+H with other fingers, say."""
    if "kintree_table" not in archive.keys:
        return
    table = archive.array("kintree_table").astype(np.int64)
    told = tuple(-1 if parent in (-1, ROOT_PARENT) else int(parent) for parent in table.reshape(2, -1)[0])
    if told[: len(parents)] != parents:
        raise BadMotionError("bad_body_model", f"{name}, kintree_table: the joints hang together in another way")
