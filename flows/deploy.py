"""`python -m flows.deploy`: put this clone on a Prefect server as the place where GPU stages run.

Run it on the machine with the GPU, in a clone of its own, with PREFECT_API_URL set; then start a worker there:
`prefect worker start --pool gpu`. Machines with MOTIONLIB_GPU_DEPLOYMENT=stage/gpu send their GPU stages to it.
"""

import argparse
import os
import sys
from pathlib import Path

from prefect import Flow, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound

ENTRY = "flows/remote.py:stage"
NAME = "gpu"
ONE_AT_A_TIME = 1  # a clone holds one checkout


def main(pool: str) -> int:
    """Make the work pool if it is not there, and the deployment in it; 2 if no server is named."""
    if not os.environ.get("PREFECT_API_URL"):
        print("error: set PREFECT_API_URL to the server that all machines share", file=sys.stderr)
        return 2
    deploy(pool)
    print(f"stage/{NAME} runs in {Path.cwd()}; start its worker: prefect worker start --pool {pool}")
    return 0


def deploy(pool: str) -> None:
    """The pool and the deployment; doing it twice changes nothing."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
    found = flow.from_source(source=str(Path.cwd()), entrypoint=ENTRY)
    assert isinstance(found, Flow)  # not a coroutine: there is no event loop here
    found.deploy(
        name=NAME, work_pool_name=pool, concurrency_limit=ONE_AT_A_TIME, build=False, push=False, print_next_steps=False
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", default="gpu", help="work pool of GPU workers")
    sys.exit(main(**vars(parser.parse_args())))
