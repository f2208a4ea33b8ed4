"""Tensors out of checkpoints: both forms of torch.save, nothing run, nothing beyond what the bytes hold."""

import contextlib
import io
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motionlib.ingest import opcodes, unpickle, vocabulary
from motionlib.ingest.opcodes import RefusedPickleError
from motionlib.ingest.torch_file import MAGIC, tensors

forms = pytest.mark.parametrize("zipped", [True, False])


def saved(value: Any, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


@forms
def test_tensors_of_every_type_and_layout_are_read_as_they_were(zipped):
    whole = torch.arange(24.0).reshape(4, 6)
    given_tensors = {
        "whole": whole,
        "part of it": whole[1:3, ::2],
        "turned": whole.T,
        "number": torch.tensor(2.5, dtype=torch.float64),
        "none": torch.zeros(0, 3),
        "half": torch.ones(3, dtype=torch.float16),
        "long": torch.arange(5),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
    }
    found, left_out = tensors(saved({"net": OrderedDict(given_tensors), "epoch": 3, "opt": {"state": {}}}, zipped))
    assert left_out == ["epoch", "opt"]
    assert set(found) == {f"net.{name}" for name in given_tensors}
    for name, tensor in given_tensors.items():
        np.testing.assert_array_equal(found[f"net.{name}"], tensor.detach().numpy(), strict=True)


@forms
def test_a_state_dictionary_of_a_module_is_its_weights(zipped):
    module = torch.nn.GRU(3, 2, bidirectional=True)
    found, _ = tensors(saved({"gru": module.state_dict()}, zipped))
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(found[f"gru.{name}"], weight.numpy())


class Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def zipped_with(pickled: bytes, storage: bytes = bytes(8), packed: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packed) as archive:
        archive.writestr("a/data.pkl", pickled)
        archive.writestr("a/data/0", storage)
    return stream.getvalue()


def pickled_tensor(offset: int = 0, size: str = "(K\x02t", stride: str = "(K\x01t", kind: str = "Float") -> bytes:
    """{"net": {"w": a tensor of a storage of two numbers}} as torch writes it, with other numbers in it."""
    storage = f"(X\x07\0\0\0storagectorch\n{kind}Storage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ"
    tensor = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}K{chr(offset)}{size}{stride}\x89)tR"
    return f"\x80\x02}}X\x03\0\0\0net}}X\x01\0\0\0w{tensor}ss.".encode("latin1")


def test_the_pickle_made_here_is_one_that_is_read():
    found, _ = tensors(zipped_with(pickled_tensor(), np.array([3.0, 4.0], "<f4").tobytes()))
    np.testing.assert_array_equal(found["net.w"], np.array([3.0, 4.0], np.float32))


def hostile(folder: Path) -> dict[str, bytes]:
    evil = f"touch {folder}/evil"
    sound = saved({"net": {"w": torch.arange(6.0)}}, zipped=False)
    return {
        "a call in a zip": saved({"net": {"w": torch.ones(2)}, "x": Runs(os.system, evil)}),
        "a call in the older form": saved({"net": {"w": torch.ones(2)}, "x": Runs(os.system, evil)}, zipped=False),
        "a whole module": saved(torch.nn.Linear(2, 2)),
        "a tensor beyond its storage": zipped_with(pickled_tensor(offset=1)),
        "a tensor of strides": zipped_with(pickled_tensor(size="(J\xff\xff\xff\x7ft", stride="(K\0t")),
        "a negative size": zipped_with(pickled_tensor(size="(J\xff\xff\xff\xfft")),
        "another type": zipped_with(pickled_tensor(kind="Complex")),
        "too few bytes": zipped_with(pickled_tensor(), bytes(7)),
        "packed": zipped_with(pickled_tensor(), bytes(1 << 20), zipfile.ZIP_DEFLATED),
        "no storage": zipped_with(b"\x80\x02K\x01Q."),
        "a list": saved([torch.ones(2)]),
        "cut": saved({"net": {"w": torch.ones(200)}})[:-300],
        "cut in the older form": sound[:-3],
        "another count": sound[:-32] + struct.pack("<q", 7) + sound[-24:],
        "magic alone": pickle.dumps(MAGIC, 2),
        "a plain pickle": pickle.dumps({"net": 1}),
        "another zip": b"PK\x05\x06" + bytes(18),
        "empty": b"",
        "a memo of billions": zipped_with(b"\x80\x02}r\xff\xff\xff\x7f."),
        "a memo by a number that collides": zipped_with(b"\x80\x02}p%d\n." % (2**61 - 1)),
        "keys that collide": zipped_with(b"\x80\x02}" + pickle.dumps(2**61 - 1, 2)[2:-1] + b"K\x01s."),
        "a key of two to the fortieth": zipped_with(b"\x80\x02})" + b"2\x86" * 40 + b"K\x01s."),
        "a state for a maker of ours": zipped_with(b"\x80\x02ctorch\nFloatStorage\n}X\5\0\0\0dtypeX\2\0\0\0i8sb."),
        "a state for a function of ours": zipped_with(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b."),
        "an extension": zipped_with(b"\x80\x02\x82\x01."),
        "an instance of older Pythons": zipped_with(b"(icollections\nOrderedDict\n."),
        "a pickle of the future": zipped_with(b"\x80\x06}."),
        "no file of that name": zipped_with(pickled_tensor().replace(b"\x01\0\0\x000", b"\x01\0\0\x001")),
        "a way out of the folder": zipped_with(pickled_tensor().replace(b"\x01\0\0\x000", b"\x04\0\0\x00../0")),
        "an empty tensor of endless rows": zipped_with(
            pickled_tensor(size="(K\0" + 2 * "J\xff\xff\xff\x7f" + "t", stride="(K\1K\1K\1t")
        ),
        "nine axes": zipped_with(pickled_tensor(size="(" + "K\1" * 9 + "t", stride="(" + "K\1" * 9 + "t")),
        "more tensors than bytes": many_views(),
        "two files of one name": doubled(),
        "big ends in the older form": sound.replace(b"little_endian", b"bigger_endian"),
        "order of bytes that nobody knows": ordered_zip(b"middle"),
    }


def ordered_zip(order: bytes) -> bytes:
    stream = io.BytesIO(zipped_with(pickled_tensor()))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a/byteorder", order)
    return stream.getvalue()


def doubled() -> bytes:
    """Two storages under one name, of which readers may take either."""
    stream = io.BytesIO(zipped_with(pickled_tensor()))
    with zipfile.ZipFile(stream, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a/data/0", bytes(8))
    return stream.getvalue()


def many_views() -> bytes:
    """A thousand entries that are all the same table of a tensor of 80 kB: 80 MB out of a file of 100 kB."""
    table = pickled_tensor(size="(M\x10\x27t").replace(b"K\x02tQ", b"M\x10\x27tQ")[2:-1]
    entries = b"".join(b"X\4\0\0\0" + b"%04d" % place + b"h\1s" for place in range(1000))
    inner = table[table.index(b"}X\x01\0\0\0w") : -1]
    return zipped_with(b"\x80\x02" + inner + b"q\x010}" + entries + b".", bytes(40_000))


@pytest.mark.parametrize("name", sorted(hostile(Path("x"))))
def test_a_hostile_or_broken_checkpoint_is_refused_and_does_nothing(tmp_path, name):
    with pytest.raises(RefusedPickleError):
        tensors(hostile(tmp_path)[name])
    assert not list(tmp_path.iterdir())


def test_in_its_own_process_it_is_refused_by_name(tmp_path):
    (tmp_path / "finest.tar").write_bytes(hostile(tmp_path)["a call in a zip"])
    with pytest.raises(ValueError, match=r"finest\.tar: refused: it asks for posix.system, which is not allowed"):
        unpickle.arrays(tmp_path / "finest.tar", tensors)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["finest.tar"]


def test_bytes_in_big_endian_order_are_turned():
    stream = io.BytesIO(zipped_with(pickled_tensor(), np.array([3.0, 4.0], ">f4").tobytes()))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a/byteorder", b"big")
    found, _ = tensors(stream.getvalue())
    np.testing.assert_array_equal(found["net.w"], np.array([3.0, 4.0], np.float32), strict=True)


def test_a_storage_that_many_small_tensors_share_is_read_once():
    whole = torch.arange(200_000.0)
    data = saved({"net": {f"row{i}": whole[i : i + 2] for i in range(2000)}})
    found, _ = tensors(data)
    assert peak(lambda: tensors(data)) < 20 * len(data)
    np.testing.assert_array_equal(found["net.row7"], np.array([7.0, 8.0], np.float32))


def peak(call: Callable[[], object]) -> int:
    """Bytes that a call has at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@given(data=st.data(), zipped=st.booleans())
def test_memory_is_bounded_by_the_bytes_that_are_there_whatever_is_changed_in_them(data, zipped):
    whole = bytearray(saved({"net": {"w": torch.arange(4.0)}, "opt": {"state": {0: [torch.ones(1)]}}}, zipped))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + 4] = data.draw(
            st.sampled_from([b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"r\xff\xff\xff", b""])
        )

    def read() -> None:
        with contextlib.suppress(RefusedPickleError):
            tensors(bytes(whole))

    assert peak(read) < 1_000_000


@given(st.binary(max_size=60), st.sampled_from(["", "\x80\x02", "\x80\x04"]))
def test_any_opcodes_give_plain_values_or_a_refusal(code, start):
    with contextlib.suppress(RefusedPickleError):
        plain(opcodes.load_next(io.BytesIO(start.encode("latin1") + code + b"."), {}))


def plain(value: Any, depth: int = 0) -> None:
    assert value is None or type(value) in (bool, int, float, str, bytes, bytearray, list, tuple, dict)
    for part in value if isinstance(value, list | tuple) and depth < 5 else ():
        plain(part, depth + 1)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)),
       st.integers(0, pickle.HIGHEST_PROTOCOL))  # fmt: skip
def test_plain_values_come_back_as_they_were_in_every_protocol(value, protocol):
    known = {("_codecs", "encode"): lambda text, _: text.encode("latin1"), ("builtins", "bytes"): bytes}
    known |= {("__builtin__", "bytes"): bytes}
    assert opcodes.load_next(io.BytesIO(pickle.dumps(value, protocol)), known) == value


@given(data=st.data(), zipped=st.booleans())
def test_no_mutation_gives_anything_but_arrays_or_a_refusal(data, zipped):
    whole = bytearray(saved({"net": {"w": torch.arange(4.0)}, "epoch": 1}, zipped))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, _ = tensors(bytes(whole))
    except RefusedPickleError:
        return
    assert all(array.dtype.kind in "iuf" for array in found.values())


# --- words -------------------------------------------------------------------------------------------


def test_lists_and_numberings_of_words_are_read():
    found, _ = vocabulary.word_list(pickle.dumps(["sos", "walk"], 3))
    assert found["words"].tolist() == ["sos", "walk"]
    found, _ = vocabulary.word_index(pickle.dumps({"sos": 0, "walk": 1}, 3))
    assert (found["words"].tolist(), found["rows"].tolist()) == (["sos", "walk"], [0, 1])


@pytest.mark.parametrize("value", [[], ["a", "a"], ["a", 1], ["a" * 300], {"a": 1}, 7, [""]])
def test_what_is_no_list_of_words_is_refused(value):
    with pytest.raises(RefusedPickleError, match="words"):
        vocabulary.word_list(pickle.dumps(value))


@pytest.mark.parametrize("value", [{"a": -1}, {"a": "b"}, {"a": 1.0}, {}, {1: 1}, ["a"], {"a": 1 << 40}])
def test_what_is_no_numbering_of_words_is_refused(value):
    with pytest.raises(RefusedPickleError, match="words"):
        vocabulary.word_index(pickle.dumps(value))
