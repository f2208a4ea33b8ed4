"""Prefect's own server on this machine: `python -m flows.server` shows the flow runs of this checkout in a browser.

The flow starts the same server for itself when no PREFECT_API_URL is given. It listens on loopback only and asks for a
password that is made anew each time, because Prefect's default server lets any web page that is open here drive it.
"""

import argparse
import os

from flows import embedded
from motionlib.supervision import watch_supervisor


def main(port: int) -> None:
    """Serve until the supervisor, or the person at the keyboard, ends it."""
    watch_supervisor()
    embedded.set_environment()
    password = os.environ.setdefault("PREFECT_SERVER_API_AUTH_STRING", embedded.new_password())
    os.environ.setdefault("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", f"http://127.0.0.1:{port}")
    if not os.environ.get(embedded.SHORT_LIVED):
        print(f"Prefect: http://127.0.0.1:{port}, password {password} (Ctrl-C ends it)", flush=True)
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4200)
    main(**vars(parser.parse_args()))
