"""The board as static pages, which open from disk."""

import shutil
from pathlib import Path

from motionlib.board import pages
from motionlib.board.state import REPORTS, read


def export(root: Path, folder: Path) -> list[Path]:
    """Write every page of the board of a checkout, the run's page and all pictures; returns the pages.

    Raises:
        ValueError: If `folder` holds something that is no board.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "index.html").is_file():
        raise ValueError(f"{folder} holds other files; name an empty or new folder")
    state = read(root)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in pages.PAGES:
        (folder / name).write_text(pages.render(name, state), encoding="utf-8")
        written.append(folder / name)
        for picture in pages.pictures(name, state):
            target = folder / pages.PICTURES / picture
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / REPORTS / picture, target)
    if state.run_page:
        shutil.copyfile(state.run_page, folder / pages.RUN_PAGE)
        written.append(folder / pages.RUN_PAGE)
    return written
