from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.register_assert_rewrite("runs", "browsing")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="write docs/images anew from the pages that are tested")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty working folder for a program, with room beside it for the record."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; `make test` installs it."""
    import browsing

    with browsing.started() as browser:
        yield browser


@pytest.fixture
def images(request: pytest.FixtureRequest) -> Path | None:
    """Where screenshots go; None when none are asked for, so that CI changes no file."""
    return Path(__file__).parent.parent / "docs" / "images" if request.config.getoption("--screenshots") else None
