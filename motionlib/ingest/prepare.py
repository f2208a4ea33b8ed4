"""Fill data/raw: bring a delivery in, or write the quickstart set where there is none.

`python -m motionlib.ingest.prepare [SOURCE] [--raw data/raw]` does it and prints the names of the deliveries as JSON.
"""

import argparse
import filecmp
import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

from motionlib.ingest import CONVERT, READERS, synthetic
from motionlib.ingest.companions import RIG_FILE, Companions, is_rig
from motionlib.ingest.containers import Folder, is_archive, open_container
from motionlib.ingest.deliveries import LICENCE_FILE, delivery_name, find_deliveries
from motionlib.ingest.labels import TABLES

QUICKSTART = "quickstart"
RAW = Path("data/raw")
CARRIED = (*READERS, *TABLES, ".txt")


def prepare_raw(raw: Path, source: Path | None = None) -> list[str]:
    """See to it that data/raw holds something to learn from; doing it twice changes nothing.

    The quickstart set is only there as long as there is nothing else.

    Args:
        raw: data/raw; made if it is missing.
        source: A folder, archive or motion file to bring in first.

    Returns:
        Names of the deliveries.

    Raises:
        ValueError: If `source` is not there or holds no motion that can be read.
    """
    raw.mkdir(parents=True, exist_ok=True)
    if source is not None:
        import_delivery(source, raw)
    names = [delivery_name(path) for path in find_deliveries(raw)]
    if not names:
        _write_quickstart(raw)
        return [QUICKSTART]
    if len(names) > 1 and QUICKSTART in names:
        shutil.rmtree(raw / QUICKSTART)
        names.remove(QUICKSTART)
    return names


def import_delivery(source: Path, raw: Path) -> Path:
    """Bring a folder (its motion and what speaks of it), an archive (as it is) or one motion file into data/raw.

    A delivery of the same name is brought up to date: equal files are not touched, others replaced or removed.

    Returns:
        Its place in data/raw.

    Raises:
        ValueError: If `source` is not there, holds data/raw itself, or holds no motion that can be read.
    """
    if not source.exists():
        raise ValueError(f"no file or folder {source}")
    here, there = source.resolve(), raw.resolve()
    if here.parent == there:
        return source  # it is a delivery already
    if there.is_relative_to(here):
        raise ValueError(f"{source} holds {raw} itself; name the folder of the delivery")
    if here.is_dir():
        return _import_folder(here, raw / _safe_name(here.name))
    if is_archive(here):
        _need_motion(source, [member.name for member in open_container(here).members()])
        target = raw / _safe_name(here.name)
        _copy(here, target)
        return target
    _need_motion(source, [here.name])
    target = raw / _safe_name(here.stem)
    beside = Companions(Folder(here.parent, deep=False), [here.name], READERS).names
    wanted = dict.fromkeys((here.name, f"{here.stem}.txt", f"{here.stem}.{RIG_FILE}", RIG_FILE, *sorted(beside)))
    _mirror(here.parent, [name for name in wanted if (here.parent / name).is_file()], target)
    return target


def _import_folder(source: Path, target: Path) -> Path:
    folder = Folder(source)
    names = [member.name for member in folder.members()]
    _need_motion(source, names)
    beside = Companions(folder, names, READERS).names
    carried = [name for name in names if name in beside or _is_carried(name)]
    _mirror(source, carried, target)
    left = Counter(PurePosixPath(name).suffix.lower() or "(no suffix)" for name in set(names) - set(carried))
    for suffix, count in sorted(left.items()):
        advice = f": {CONVERT[suffix]}" if suffix in CONVERT else ""
        print(f"{source.name}: {count} {suffix} files left out{advice}", file=sys.stderr)
    for skipped in folder.skipped():
        print(f"{source.name}: left out {skipped}", file=sys.stderr)
    return target


def _mirror(source: Path, names: list[str], target: Path) -> None:
    """Make `target` hold exactly these files of `source`."""
    for name in names:
        _copy(source / name, target / name)
    wanted = {target / name for name in names}
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy contents unless they are there; the target appears as a whole or not at all."""
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    part.replace(target)


def _write_quickstart(raw: Path) -> None:
    part = raw / f".{QUICKSTART}.part"
    shutil.rmtree(part, ignore_errors=True)
    synthetic.write(part)
    part.replace(raw / QUICKSTART)


def _need_motion(source: Path, names: list[str]) -> None:
    suffixes = Counter(PurePosixPath(name).suffix.lower() for name in names)
    if any(suffix in READERS for suffix in suffixes):
        return
    foreign = [f"{suffix}: {CONVERT[suffix]}" for suffix in sorted(suffixes) if suffix in CONVERT]
    seen = "; ".join(foreign) or f"found {', '.join(sorted(suffixes)) or 'nothing'}"
    raise ValueError(f"{source}: no motion that can be read ({', '.join(READERS)}); {seen}")


def _is_carried(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in CARRIED or is_rig(name) or LICENCE_FILE.match(path.name) is not None


def _safe_name(name: str) -> str:
    safe = re.sub(r"[^\w.+-]+", "_", name).lstrip(".") or "delivery"
    return f"my_{safe}" if delivery_name(Path(safe)) == QUICKSTART else safe


def main() -> int:
    """The command line; exit code 2 if the request was wrong."""
    parser = argparse.ArgumentParser(prog="motionlib.ingest.prepare", description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, help="folder, archive or motion file to bring in")
    parser.add_argument("--raw", type=Path, default=RAW, help="where deliveries lie (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        names = prepare_raw(arguments.raw, arguments.source)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"deliveries": names}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
