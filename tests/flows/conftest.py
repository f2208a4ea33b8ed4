"""Fixtures of the flow's tests: a Prefect server, a project after its first run, and copies of it to work in."""

import shutil
from typing import Any

import pytest
from tiny_project import Project, inside, make_project, retrain


@pytest.fixture(scope="session")
def prefect_server():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            yield


@pytest.fixture(scope="session")
def first(tmp_path_factory, prefect_server) -> tuple[Project, dict[str, Any]]:
    """A project after its first run; never changed by a test."""
    made = make_project(tmp_path_factory.mktemp("template") / "project")
    with inside(made.folder):
        return made, retrain()


@pytest.fixture
def again(first, tmp_path):
    """A copy of it, to work in."""
    folder = tmp_path / "project"
    shutil.copytree(first[0].folder, folder, symlinks=True)
    with inside(folder):
        yield Project(folder)
