"""`python -m flows.retrain`: the whole pipeline, from mocap to champion, on this machine.

With PREFECT_API_URL or MLFLOW_TRACKING_URI the run is shown by those servers; without, by what lies in `.motionlib/`.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from flows import embedded

FLUSH_S = 5  # s at most for the last lines of the log
PARAMS, RECIPES = Path("params.yaml"), Path("recipes")


def main(raw: str | None, recipe: str | None, as_json: bool, jobs: int = 1) -> int:
    """Run it, and print the results; 0 if all stages ended well, 2 if the request was wrong."""
    try:
        use_recipe(recipe)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    result, problem = run(raw, jobs)
    if result is None:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(result, indent=1, sort_keys=True))
    else:
        from flows.results import show

        show(result)
    return 0


def run(raw: str | None, jobs: int = 1) -> tuple[dict[str, Any] | None, str]:
    """The flow, in the embedded profile where nothing else is configured: its result, or what went wrong."""
    embedded.set_environment()
    with embedded.prefect_server() as server:
        from motionlib.tracking import store

        store.experiment()  # MLflow and its tables, while Prefect's server starts
        from prefect.task_runners import ThreadPoolTaskRunner

        from flows import active
        from flows.pipeline import retrain

        if server is not None:
            server.wait()
        try:
            active.check_alone()
            runner: Any = ThreadPoolTaskRunner(max_workers=jobs)
            several = retrain.with_options(task_runner=runner)
            result: dict[str, Any] = several(raw=str(Path(raw).resolve()) if raw else None, jobs=jobs)
        except KeyboardInterrupt:
            return None, "interrupted; run it again to go on where it was"
        except Exception as error:
            return None, str(error)
        finally:
            flush()
        return result, ""


def use_recipe(name: str | None) -> None:
    """Make a recipe params.yaml, unless that would overwrite settings that are written down nowhere else.

    Raises:
        ValueError: If there is no such recipe, or params.yaml was edited.
    """
    if name is None:
        return
    known = {path.stem: path for path in sorted(RECIPES.glob("*.yaml"))}
    if name not in known:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(known) or 'none'}")
    now = PARAMS.read_bytes()
    committed = subprocess.run(["git", "show", f"HEAD:{PARAMS}"], capture_output=True, check=False).stdout
    if now not in {committed, *(path.read_bytes() for path in known.values())}:
        raise ValueError(f"{PARAMS} was edited: commit it, or put it back, before recipe {name!r} takes its place")
    shutil.copyfile(known[name], PARAMS)


def positive(text: str) -> int:
    """A number of jobs."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def flush() -> None:
    """Let the last lines reach Prefect before its server ends."""
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=FLUSH_S)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", help="folder or archive of mocap with captions beside it")
    parser.add_argument("--recipe", help="name of a file in recipes/ that becomes params.yaml")
    parser.add_argument(
        "--jobs", type=positive, default=1, help="stages that run at once, each on its share of the cores"
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the results as JSON")
    sys.exit(main(**vars(parser.parse_args())))
