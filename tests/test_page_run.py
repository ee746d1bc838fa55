"""`flatline run` to the page: a real program, its report in Chromium, and the pictures in the docs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browsing import overflow, violations, visit
from runs import Ended, execute

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAM = Path(__file__).parent.parent / "bench" / "cases" / "vanishing-gradient" / "faulty_deep_sigmoid.py"
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    folder = tmp_path_factory.mktemp("run")
    (folder / "train.py").write_bytes(PROGRAM.read_bytes())
    return execute([sys.executable, "-m", "flatline", "run", "--runs", "runs", "train.py"], folder), folder


def test_run_ends_with_the_path_of_the_page(ended: tuple[Ended, Path]) -> None:
    told, folder = ended
    (page,) = (folder / "runs").glob("*.html")
    last = told.err.decode().splitlines()[-2:]
    assert told.status == 0 and last == [f"report: {page}", f"record: {page.with_suffix('.sqlite')}"]
    # Half the width of a terminal or so: one line of the ten seconds.
    assert "loss  2.355 ████" in told.err.decode()


@pytest.mark.parametrize("look", ["desktop", "dark", "phone"])
def test_the_page_of_a_real_run(look: str, ended: tuple[Ended, Path], chromium: Browser, images: Path | None) -> None:
    _, folder = ended
    (path,) = (folder / "runs").glob("*.html")
    options = {"desktop": {}, "dark": {"color_scheme": "dark"}, "phone": PHONE}[look]
    with visit(chromium, path.as_uri(), **{"viewport": {"width": 1120, "height": 900}, **options}) as page:
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert "the gradient fades on its way back through the layers (train.py:17)" in page.locator("h1").inner_text()
        assert page.locator(".row.guilty code").first.inner_text().strip().endswith(
            "layers += [nn.Linear(width, width), nn.Sigmoid()]")  # fmt: skip
        heat, readout = page.locator("#layers .heat"), page.locator("#layers .readout")
        heat.press("ArrowDown")
        first = readout.inner_text().split(" · ")
        for _ in range(9):
            heat.press("ArrowDown")
        last = readout.inner_text().split(" · ")
        assert (first[:2], last[:2]) == (["0", "step 0"], ["18", "step 0"])
        # What the verdict says can be seen: the gradient of the first layer is a millionth of that of the last.
        assert float(first[2]) < 1e-5 * float(last[2])
        assert violations(page) == [] and overflow(page) == 0
        if images is not None:
            images.mkdir(exist_ok=True)
            top = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": 740 if look == "phone" else 1480}  # type: ignore[index]
            page.screenshot(path=images / f"report-{look}.png", full_page=True, clip=top)
            heat.blur()
            if look == "desktop":
                page.locator("section:has(#layers)").screenshot(path=images / "report-layers.png")
