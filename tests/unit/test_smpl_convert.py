"""Pickled body models: old ones become arrays, hostile ones are refused and do nothing."""

import io
import os
import pickle
import signal
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_matrix
from smpl_files import model_arrays, motion

from motionlib.body import smpl
from motionlib.cli import main
from motionlib.ingest import Source, unpickle
from motionlib.ingest.opcodes import RefusedPickleError
from motionlib.ingest.pickled import array_of, load
from motionlib.ingest.smpl import read_smpl
from motionlib.ingest.smpl_convert import body_arrays, convert

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def arrays() -> dict[str, Any]:
    return model_arrays(smpl.SMPL, 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_every_protocol_are_read_as_they_were(protocol: int):
    given_arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.eye(3, dtype=">f4")),
        "c": np.uint32(7),
    }
    found = load(pickle.dumps(given_arrays, protocol))
    for name, array in given_arrays.items():
        np.testing.assert_array_equal(array_of(found[name]), array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("form", ["csc_matrix", "csr_matrix"])
def test_sparse_matrices_become_dense(protocol: int, form: str):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.5, 0], [2, 0, 0], [0, 0, 0], [0, 3, -1]])
    made = getattr(sparse, form)(dense)
    np.testing.assert_array_equal(array_of(load(pickle.dumps(made, protocol))), dense)


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Classes of chumpy's names, as far as pickles of body models know them."""
    modules = {name: types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    ch = type("Ch", (), {"__module__": "chumpy.ch"})
    select = type("Select", (ch,), {"__module__": "chumpy.reordering"})
    modules["chumpy.ch"].Ch = ch  # type: ignore[attr-defined]
    modules["chumpy.reordering"].Select = select  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return types.SimpleNamespace(Ch=ch, Select=select)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shells_of_chumpy_are_opened(chumpy: types.SimpleNamespace, protocol: int):
    whole = chumpy.Ch()
    whole.x = np.arange(12.0).reshape(3, 4)
    part = chumpy.Select()
    part.a, part.idxs, part.preferred_shape = whole, np.array([1, 2, 5, 6]), (2, 2)
    found = load(pickle.dumps([whole, part], protocol))
    np.testing.assert_array_equal(array_of(found[0]), whole.x)
    np.testing.assert_array_equal(array_of(found[1]), [[1, 2], [5, 6]])


def test_a_model_of_python_2_is_converted_and_poses_bodies(tmp_path: Path, chumpy: types.SimpleNamespace):
    sparse = pytest.importorskip("scipy.sparse")
    model = arrays()
    shapes = chumpy.Ch()
    shapes.x = model["shapedirs"]
    pickled = model | {
        "shapedirs": shapes,
        "J_regressor": sparse.csc_matrix(model["J_regressor"]),
        "bs_type": "lrotmin",
    }
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pickled, 2).replace(b"numpy._core", b"numpy.core"))
    (tmp_path / "smpl").mkdir()
    done = convert(tmp_path / "model.pkl", tmp_path / "smpl" / "SMPL_NEUTRAL.npz")
    assert done.left_out == ("bs_type",)
    assert done.shapes["J_regressor"] == (24, 120)
    found = read_smpl(Source("a.npz", motion(smpl.SMPL), body_models=tmp_path))
    np.savez(tmp_path / "smpl" / "SMPL_NEUTRAL.npz", **model)
    direct = read_smpl(Source("a.npz", motion(smpl.SMPL), body_models=tmp_path))
    np.testing.assert_allclose(found.skeleton.offsets, direct.skeleton.offsets, atol=1e-12)


def test_converting_twice_gives_the_same_bytes(tmp_path: Path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(arrays()))
    for name in ("a.npz", "b.npz"):
        convert(tmp_path / "model.pkl", tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz", "model.pkl"]


# --- hostile ones ------------------------------------------------------------------------------------


class Runs:
    """Runs a command where it is unpickled by a reader that trusts it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def reduced(module: str, name: str, *arguments: bytes) -> bytes:
    """A pickle that calls module.name with arguments given as opcodes."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR."


def hostile(folder: Path) -> dict[str, bytes]:
    evil = f"touch {folder}/evil"
    matrix = csc_matrix(([1.0], [0], np.r_[0, np.ones(40_000, dtype=int)]), shape=(50_000, 40_000))  # 16 GB when dense
    deep = b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b"."
    nested = b"\x80\x02})" + b"\x85" * 3_000_000 + b"K\x01s."  # a key that Python hashes by recursion
    return {
        "os.system": pickle.dumps(arrays() | {"extra": Runs(os.system, evil)}),
        "posix.system by name": reduced("posix", "system", b"X" + struct.pack("<I", len(evil)) + evil.encode()),
        "eval": pickle.dumps(Runs(eval, f"__import__('os').system({evil!r})")),
        "getattr": reduced("builtins", "getattr", b"K\x01"),
        "attribute of an allowed name": reduced("numpy", "ndarray.tofile"),
        "numpy.load": reduced("numpy", "load", b"K\x01"),
        "subprocess": reduced("subprocess", "Popen", b"K\x01"),
        "import of ours": reduced("motionlib.ingest.smpl_convert", "convert", b"K\x01"),
        "huge memo": b"\x80\x02K\x01r\xff\xff\xff\x7f.",
        "huge bytes": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".",
        "huge array": reduced(
            "numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", b"(J\xff\xff\xff\x7ft", b"U\x01d"
        ),
        "deep": deep,
        "deep and hashed": nested,
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"\x80\x02K\x01Q.",
        "cut": pickle.dumps(arrays())[:-500],
        "no dictionary": pickle.dumps([1, 2]),
        "no model": pickle.dumps({"poses": np.zeros(3)}),
        "objects": pickle.dumps(arrays() | {"J_regressor": np.array([{}], dtype=object)}),
        "path as a name": pickle.dumps(arrays() | {"../../evil": np.zeros(3)}),
        "huge matrix": pickle.dumps(arrays() | {"J_regressor": matrix}),
        "empty": b"",
    }


CRASHING = ("deep", "deep and hashed")  # stopped by the system's limits; not to be tried in this process
ALONE = (*CRASHING, "os.system", "cut", "huge matrix", "empty")


@pytest.mark.parametrize("name", ALONE)
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path: Path, name: str):
    (tmp_path / "model.pkl").write_bytes(hostile(tmp_path)[name])
    with pytest.raises(ValueError, match=r"model\.pkl: refused"):
        convert(tmp_path / "model.pkl", tmp_path / "model.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pkl"]


@pytest.mark.parametrize("name", sorted(set(hostile(Path("x"))) - {*CRASHING, "huge matrix"}))
def test_its_reader_refuses_it_by_itself(tmp_path: Path, name: str):
    with pytest.raises(RefusedPickleError):
        body_arrays(hostile(tmp_path)[name])
    assert not list(tmp_path.iterdir())


def laughs() -> bytes:
    """Tuples of two times the last one, forty deep, hashed: 2 ** 40 steps."""
    stream = io.BytesIO(b"\x80\x02)")
    stream.seek(0, io.SEEK_END)
    for place in range(40):
        stream.write(b"q" + bytes([place]) + b"h" + bytes([place]) + b"\x86")
    return b"\x80\x02}" + stream.getvalue()[2:] + b"K\x01s."


def test_a_key_that_takes_forever_to_hash_is_refused_at_once():
    with pytest.raises(RefusedPickleError, match="keys that are not plain"):
        load(laughs())


@pytest.mark.slow
def test_a_reader_that_never_ends_is_stopped(tmp_path: Path):
    (tmp_path / "model.pkl").write_bytes(bytes([signal.SIGUSR1]))
    with pytest.raises(ValueError, match=r"model\.pkl: refused: reading it took longer than 5 s"):
        unpickle.arrays(tmp_path / "model.pkl", signal.sigwait, seconds=5.0)  # waits for the signal that the byte names


@pytest.mark.parametrize(
    "state",
    [
        (1, (10**12,), np.dtype("f8"), False, b"12345678"),
        (1, (-1,), np.dtype("f8"), False, b"12345678"),
        (1, (1,), np.dtype("f8"), False, b"1234"),
        (1, "shape", np.dtype("f8"), False, b"12345678"),
        (1, (1,), np.dtype("O"), False, b"12345678"),
        (1, (1,), "f8", False, b"12345678"),
        (1, (1,)),
    ],
)
def test_an_array_whose_parts_do_not_belong_together_is_refused(state: tuple):
    data = b"\x80\x02cnumpy\nndarray\n)\x81" + pickle.dumps(state, 2)[2:-1] + b"b."
    with pytest.raises(RefusedPickleError):
        array_of(load(data))


@given(data=st.data())
def test_no_mutation_gives_anything_but_arrays_or_a_refusal(data: st.DataObject):
    small = {"v_template": np.zeros((2, 3)), "shapedirs": np.zeros((2, 3, 1)), "J_regressor": np.ones((1, 2))}
    whole = bytearray(pickle.dumps(small, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = body_arrays(bytes(whole))
    except RefusedPickleError:
        return
    assert all(array.dtype.kind in "biuf" for array in found.values())


def test_the_command_tells_what_it_wrote_and_refuses_in_one_line(tmp_path: Path):
    (tmp_path / "good.pkl").write_bytes(pickle.dumps(arrays()))
    (tmp_path / "evil.pkl").write_bytes(hostile(tmp_path)["os.system"])
    done = CliRunner().invoke(main, ["smpl", "convert", str(tmp_path / "good.pkl"), str(tmp_path / "new" / "good.npz")])
    assert done.exit_code == 0
    assert "24 joints, 120 vertices, 10 shapes" in done.stdout
    failed = CliRunner().invoke(main, ["smpl", "convert", str(tmp_path / "evil.pkl"), str(tmp_path / "evil.npz")])
    assert failed.exit_code == 2
    assert "refused: it asks for posix.system, which is not allowed" in failed.output
    wrong = CliRunner().invoke(main, ["smpl", "convert", str(tmp_path / "good.pkl"), str(tmp_path / "good.bvh")])
    assert wrong.exit_code == 2
