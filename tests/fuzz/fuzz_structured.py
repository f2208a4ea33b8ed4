"""Inputs whose outer shell is always sound, so that what is broken reaches the code behind checksums and grammars.

`npz.arrays`: members of an archive with true checksums. `tar.sums`: headers whose sums are mended. `gltf.values`: valid
JSON some values of which are replaced, as the bytes say.
"""

import copy
import io
import json
import zipfile
from typing import Any

from fuzz_seeds import SPLIT, npz, tarred, tiny_gltf

BLOCK = 512  # bytes of a tar header
BESIDE = b"\0--member--\0"
STRANGE: tuple[Any, ...] = (
    *(-1, 0, 1, 2, 3, 4, 7, 12, 36, 2**31, 2**63, 10**30, -(10**30), 0.5, 1e30, 1e-30, True, None, "", "x", [], {}),
    *([0], [1], [0, 1], [1, 0], [0, 0], [0.0] * 3, [1.0] * 3, [0.0] * 4, [0.0, 0.0, 0.0, 1.0], [1.0] * 16, [[]]),
    *("SCALAR", "VEC3", "VEC4", "MAT4", "STEP", "LINEAR", "CUBICSPLINE", "rotation", "translation", "scale"),
    *(5120, 5121, 5122, 5123, 5125, 5126, "data:a/b;base64,AAAAAAAAAAAAAAAA", "take.bin", "../take.bin"),
    *({"bufferView": 0, "componentType": 5121}, {"node": 0, "path": "scale"}, {"joints": [0, 1]}, {"name": "a"}),
)
KEYS = ("matrix", "skin", "skins", "sparse", "normalized", "byteStride", "byteOffset", "children", "joints", "mesh")


def arrays_seed(columns: int) -> bytes:
    """The members of an npz, one after the other."""
    with zipfile.ZipFile(io.BytesIO(npz(columns))) as archive:
        return BESIDE.join(name.encode() + b"\0" + archive.read(name) for name in archive.namelist())


def npz_of(data: bytes) -> bytes:
    """An npz with these members and true checksums."""
    file, taken = io.BytesIO(), set()
    with zipfile.ZipFile(file, "w") as archive:
        for part in data.split(BESIDE)[:20]:
            name, _, content = part.partition(b"\0")
            text = name.decode("latin-1")[:100]
            if text and text not in taken:
                taken.add(text)
                archive.writestr(zipfile.ZipInfo(text), content)
    return file.getvalue()


def with_sums(data: bytes) -> bytes:
    """The same tar with the checksum of every block that looks like a header put right."""
    blocks = [bytearray(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
    for block in blocks:
        if len(block) == BLOCK and block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


def edited_gltf(data: bytes) -> bytes:
    """The tiny glTF file with one value replaced, left out or added for every four bytes."""
    text, _, binary = tiny_gltf().partition(SPLIT)
    document = json.loads(text)
    for at in range(0, min(len(data), 48) - 3, 4):
        _edit(document, *data[at : at + 4])
    return json.dumps(document).encode() + SPLIT + binary


def _edit(document: Any, way: int, turn: int, kind: int, what: int) -> None:
    """Walk down by the bytes and change what is there."""
    places = list(_places(document))
    holder, key = places[(way * 256 + turn) % len(places)]
    value = copy.deepcopy(STRANGE[what % len(STRANGE)])
    if kind < 160:
        holder[key] = value
    elif kind < 190 and isinstance(holder, dict):
        holder[KEYS[turn % len(KEYS)]] = value
    elif kind < 220 and isinstance(holder, list):
        holder.append(json.loads(json.dumps(holder[key])))
    elif len(holder) > 1:
        del holder[key]


def _places(value: Any) -> Any:
    """Every place in nested lists and objects, as (holder, key)."""
    stack = [value]
    while stack:
        holder = stack.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])


STRUCTURED_SEEDS = {
    "npz.arrays": lambda: [arrays_seed(72), arrays_seed(156), arrays_seed(165)],
    "tar.sums": lambda: [tarred("")],
    "gltf.values": lambda: [bytes(8), bytes(range(0, 240, 5)), b"\x01\x80\x20\x09" * 3],
}
