"""The board as a web server: reads, never writes; answers only to this machine's own names."""

from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from motionlib.board import pages
from motionlib.board.state import read

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "testserver")
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def app_for(root: Path, hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The board of one checkout.

    Args:
        root: The checkout.
        hosts: Names it answers to; others are refused, so that no foreign page reaches it by rebinding its name.
    """
    app = FastAPI(title="motionlib board", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)

    @app.get("/pictures/{name:path}")
    def picture(name: str) -> Response:
        path = pages.picture_file(read(root), name)
        if path is None:
            raise HTTPException(404, "no such picture")
        return FileResponse(path, headers=HEADERS)

    @app.get("/")
    @app.get("/{name}")
    def page(request: Request, name: str = "index.html") -> Response:
        del request
        state = read(root)
        if name == pages.RUN_PAGE and state.run_page:
            return FileResponse(state.run_page, media_type="text/html", headers=HEADERS)
        if name not in pages.PAGES:
            raise HTTPException(404, "no such page")
        return HTMLResponse(pages.render(name, state), headers=HEADERS)

    return app
