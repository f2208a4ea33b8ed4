"""Bytes of a file that may be packed with gzip, bzip2 or xz, from front to back, and no more than the limits allow."""

import bz2
import lzma
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

from motionlib.ingest.members import BrokenError, TooMuchError, most

GZIP, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
XZ_MEMORY = 1 << 28  # bytes that unpacking may take, 256 MiB: `xz -9` takes 65 MiB
CHUNK = 1 << 16  # bytes


class _Unpacker(Protocol):
    """What bz2 and lzma offer, and `_Gunzip` for gzip."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's decompressor with the manners of the others."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


class Stream:
    """A file read from front to back; `position` is the number of unpacked bytes so far.

    Raises:
        BrokenError: Where the packing is broken.
        TooMuchError: Where more comes out than honestly can.
    """

    def __init__(self, path: Path) -> None:
        self.position = 0
        self._file: BinaryIO = path.open("rb")
        self._size = path.stat().st_size
        self._magic = self._file.read(len(XZ))
        self._file.seek(0)
        self._unpacker = self._begin(self._magic)
        self._limit = most(self._size)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int) -> bytes:
        """So many bytes, or fewer at the end."""
        if self._unpacker is None:
            data = self._file.read(count)
            self.position += len(data)
            return data
        parts, wanted = [], count
        while wanted > 0 and (part := self._some(min(wanted, CHUNK))):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def skip(self, count: int) -> bool:
        """Leave so many bytes out; whether there were as many."""
        if self._unpacker is None:
            end = self.position + count
            self.position = self._file.seek(min(end, self._size))
            return self.position == end
        end = self.position + count
        if end > self._limit:
            raise TooMuchError(f"{end} bytes out of {self._size}: refused")
        while self.position < end and self._some(min(end - self.position, CHUNK)):
            pass
        return self.position == end

    def _some(self, count: int) -> bytes:
        """At least one byte unless it is the end."""
        assert self._unpacker is not None
        try:
            while True:
                if self._unpacker.eof and not self._next():
                    return b""
                chunk = self._file.read(CHUNK) if self._unpacker.needs_input else b""
                if self._unpacker.needs_input and not chunk:
                    raise BrokenError("the packed data end too early")
                data = self._unpacker.decompress(chunk, count)
                if data:
                    break
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise BrokenError(f"the packed data are broken: {error}") from None
        self.position += len(data)
        if self.position > self._limit:
            raise TooMuchError(f"more than {self._limit} bytes out of {self._size}: refused")
        return data

    def _next(self) -> bool:
        """Go on with what is packed behind; padding and anything else ends the stream."""
        assert self._unpacker is not None
        rest = self._unpacker.unused_data
        self._file.seek(-len(rest), 1)
        magic = self._file.read(len(XZ))
        self._file.seek(-len(magic), 1)
        following = self._begin(magic)
        if following is None or type(following) is not type(self._unpacker):
            return False
        self._unpacker = following
        return True

    @staticmethod
    def _begin(magic: bytes) -> _Unpacker | None:
        if magic.startswith(GZIP):
            return _Gunzip()
        if magic.startswith(BZIP2):
            return bz2.BZ2Decompressor()
        if magic.startswith(XZ):
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
        return None
