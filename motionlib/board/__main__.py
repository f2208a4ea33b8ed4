"""`python -m motionlib.board`: serve the board of this checkout, or write it as static pages."""

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("fastapi", "uvicorn")


def main() -> int:
    """The command line; exit code 2 if the request was wrong."""
    parser = argparse.ArgumentParser(prog="motionlib board", description=__doc__)
    parser.add_argument("--export", type=Path, help="folder to write static pages into")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the result as JSON")
    chosen = parser.parse_args()
    try:
        if chosen.export is not None:
            _export(chosen.export, chosen.as_json)
        else:
            _serve(chosen.host, chosen.port, chosen.as_json)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _export(folder: Path, as_json: bool) -> None:
    from motionlib.board.export import export

    pages = [str(page) for page in export(Path(), folder)]
    print(json.dumps({"pages": pages}, indent=1) if as_json else f"{pages[0]} and {len(pages) - 1} more pages")


def _serve(host: str, port: int, as_json: bool) -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ValueError(f"the board needs {' and '.join(missing)}: pip install 'motionlib[pipeline]'")
    import uvicorn

    from motionlib.board.app import LOOPBACK, app_for

    url = f"http://{host}:{port}"
    print(json.dumps({"url": url}) if as_json else f"the board is at {url} (Ctrl+C ends it)", flush=True)
    uvicorn.run(app_for(Path(), (*LOOPBACK, host)), host=host, port=port, log_level="warning")


if __name__ == "__main__":
    sys.exit(main())
