"""What a pickle builds, worked out opcode by opcode: data, and what a list of known names stands for.

Python's unpickler is not used, nor is anything imported that a pickle names. What can come out is numbers, text, bytes,
None, lists, tuples, dictionaries with plain keys, and what our own makers give for the names that are known. Memory
grows with the bytes that were read and not with what they say: the memo is a dictionary with places within the file,
keys cannot be made to collide or take long to hash, nothing recurses, and bytes made of text are counted.

Source: the machine that `pickletools` of Python's library describes; it also reads the opcodes' arguments.
"""

import codecs
import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any

LATEST = 5  # protocol
_CODES = {code.code: code for code in pickletools.opcodes}
WIDEST_KEY = 1 << 60  # of a whole number as a key: below the modulus of Python's hash, so that no two collide by design

Known = Mapping[tuple[str, str], Any]


class RefusedPickleError(ValueError):
    """A pickle that names something unknown, or holds what makes no array."""


class Shell:
    """Stands for an object of a known class: keeps arguments and state, and does nothing."""

    args: tuple[Any, ...] = ()
    state: Any = None

    def __init__(self, *args: Any) -> None:
        self.args = args


def ordered(pairs: Any = ()) -> dict[Any, Any]:
    """Of `collections.OrderedDict`, which older Pythons give their pairs at once."""
    table: dict[Any, Any] = {}
    for key, value in pairs:
        put(table, key, value)
    return table


def put(table: Any, key: Any, value: Any) -> None:
    """Set one entry of a dictionary.

    Raises:
        RefusedPickleError: If it is none, or the key is not plain.
    """
    plain = key is None or isinstance(key, str | bytes) or (isinstance(key, int) and abs(key) < WIDEST_KEY)
    if type(table) is not dict or not plain:
        raise RefusedPickleError("it fills a dictionary that is none, or with keys that are not plain")
    table[key] = value


def load_next(stream: io.BytesIO, known: Known, kept_outside: Callable[[Any], Any] | None = None) -> Any:
    """What the pickle that begins where a stream stands holds; the stream then stands behind it.

    Args:
        known: What names stand for, by module and name: a maker of ours, which is called with the arguments that the
            pickle gives, or a plain value.
        kept_outside: What the ids of things outside the pickle stand for; without it there may be none.

    Raises:
        RefusedPickleError: If it names what is not known, is broken, or asks for too much.
    """
    machine = _Machine(known, kept_outside, stream.getbuffer().nbytes)
    try:
        while True:
            name, argument = _next(stream)
            if name == "STOP":
                return machine.stack.pop()
            _DOES[name](machine, argument)
    except RefusedPickleError:
        raise
    except (MemoryError, RecursionError, OverflowError) as error:
        raise RefusedPickleError(f"it asks for more than is allowed ({type(error).__name__})") from None
    except Exception as error:  # a broken pickle raises whatever it likes
        raise RefusedPickleError(f"not a readable pickle: {type(error).__name__}: {str(error)[:200]}") from None


def _next(stream: io.BytesIO) -> tuple[str, Any]:
    """Name and argument of an opcode."""
    byte = stream.read(1)
    code = _CODES.get(byte.decode("latin1"))
    if code is None or (code.name not in _DOES and code.name != "STOP"):
        raise RefusedPickleError(f"not a readable pickle: {byte!r} is {code.name if code else 'nothing'}, not allowed")
    if code.name == "STRING":  # pickletools reads it as ASCII, older Pythons wrote bytes
        return code.name, _quoted(stream.readline())
    return code.name, code.arg.reader(stream) if code.arg else None


def _quoted(line: bytes) -> str:
    text = line.rstrip(b"\n")
    if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
        raise RefusedPickleError("not a readable pickle: a string without quotes")
    return codecs.escape_decode(text[1:-1])[0].decode("latin1")


class _Machine:
    """Stack, marks and memo of one pickle."""

    def __init__(self, known: Known, kept_outside: Callable[[Any], Any] | None, size: int) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.known, self.kept_outside, self.size = known, kept_outside, size
        self.copied = 0  # letters and bytes that makers were given

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        """What lies above the last mark, taken off."""
        mark = self.marks.pop()
        found = self.stack[mark:]
        del self.stack[mark:]
        return found

    def take(self, count: int) -> tuple[Any, ...]:
        """The topmost values, lowest first, taken off."""
        return tuple([self.stack.pop() for _ in range(count)][::-1])

    def remember(self, place: int) -> None:
        if not 0 <= place < self.size:
            raise RefusedPickleError("it remembers more than it holds")
        self.memo[place] = self.stack[-1]

    def find(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in self.known:
            raise RefusedPickleError(f"it asks for {str(module)[:80]}.{str(name)[:80]}, which is not allowed")
        self.push(self.known[module, name])

    def make(self) -> None:
        """What a maker of ours gives; bytes that it may copy are counted, or one long text could be copied often."""
        maker, args = self.take(2)
        if not callable(maker) or type(args) is not tuple:
            raise RefusedPickleError("it calls what is no maker")
        self.copied += sum(len(one) for one in args[:1] if isinstance(one, str | bytes | bytearray))
        if self.copied > self.size:
            raise RefusedPickleError("it makes more bytes than it holds")
        self.push(maker(*args))

    def hang(self) -> None:
        """State of a shell; what hangs on a dictionary is forgotten."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Shell):
            self.stack[-1].state = state
        elif type(self.stack[-1]) is not dict:
            raise RefusedPickleError("it gives a state to what can have none")

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise RefusedPickleError("it appends to what is no list")
        self.stack[-1].extend(values)

    def fill(self, values: list[Any]) -> None:
        for place in range(0, len(values), 2):
            put(self.stack[-1], values[place], values[place + 1])

    def outside(self) -> None:
        if self.kept_outside is None:
            raise RefusedPickleError("it speaks of something outside itself")
        self.push(self.kept_outside(self.stack.pop()))


def _table(machine: _Machine, _: Any) -> None:
    values = machine.since_mark()
    machine.push({})
    machine.fill(values)


def _protocol(_: _Machine, version: int) -> None:
    if version > LATEST:
        raise RefusedPickleError(f"protocol {version}, the latest known is {LATEST}")


_VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8"
)
_DOES: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(_VALUES.split(), _Machine.push),
    "PROTO": _protocol,
    "FRAME": lambda _machine, _size: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_SET": lambda machine, _: machine.push([]),  # a list: what is in it is never hashed
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "FROZENSET": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(machine.take(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.take(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.take(3)),
    "DICT": _table,
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.fill(list(machine.take(2))),
    "SETITEMS": lambda machine, _: machine.fill(machine.since_mark()),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    "GLOBAL": lambda machine, names: machine.find(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.find(*machine.take(2)),
    "REDUCE": lambda machine, _: machine.make(),
    "NEWOBJ": lambda machine, _: machine.make(),
    "BUILD": lambda machine, _: machine.hang(),
    "BINPERSID": lambda machine, _: machine.outside(),
}
