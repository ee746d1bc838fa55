"""The HTML report in a real Chromium: what it says, what can be done with it, and by whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import reported
from browsing import overflow, violations, visit
from flatline.report.html import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DARK = {"color_scheme": "dark"}
LOOKS = {"desktop": {}, "dark": DARK, "phone": PHONE}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(reported.recording(), reported.verdict(), "run.sqlite"), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def shared(chromium: Browser, url: str) -> Iterator[Page]:
    """One visit for all tests that only look."""
    with visit(chromium, url) as page:
        page.wait_for_selector("html[data-drawn]", state="attached")
        yield page


def test_the_verdict_comes_first_and_in_words(shared: Page) -> None:
    assert shared.title() == "train.py: fault found – flatline"
    text = shared.locator("main").inner_text()
    assert text.startswith("fault found\nThe optimised loss is nan first at step 360, in 40 of 400 steps.")
    assert "Proven cause: a number left the range of its type" in shared.locator("h1").inner_text()
    assert shared.locator("h1").count() == 1


def test_everything_is_there(shared: Page) -> None:
    text = shared.locator("main").inner_text()
    for words in (
        "numeric-overflow · 99 % sure · train.py:16", "first operation", "Log of 0", "finite numbers",
        "Keep the argument of log away from 0.", "does the loss stay finite when the logarithm is left out?", "confirmed",
        "Changed: loss-term (without log).", "-old", "+new", "wrong-mode", "backward reaches all 4 parameters",
        "no rows were kept", "the value is 0, the gradient is not", "forward: ValueError: no", "flatline run train.py --lr",
        "with ValueError (train.py:16)", "run.sqlite", "python 3.11", "watching added 2.0 %", "32×10", "shuffled",
        "a model that ignores its inputs reaches a loss of 2.2", "Log gave a number that is not finite",
    ):  # fmt: skip
        assert words in text, words


def test_the_guilty_line_is_marked_and_the_rest_is_folded(shared: Page) -> None:
    listing = shared.locator(".listing").first
    guilty = listing.locator(".row.guilty")
    assert guilty.count() == 1
    assert guilty.locator(".n").inner_text() == "16"
    assert "loss = torch.log(criterion(model(x), y))" in guilty.inner_text()
    assert guilty.locator(".why").inner_text() == "numeric-overflow"
    assert [row.locator(".n").inner_text() for row in listing.locator(".row.related").all()] == ["6", "21"]
    assert [row.locator(".n").inner_text() for row in listing.locator(".row.possible").all()] == ["5"]
    numbers = [int(n) for n in listing.locator(".row .n").all_text_contents()]
    assert numbers == list(range(1, 22))
    # Far from the red line in hue, not only in position: the colour is the fault's.
    assert guilty.evaluate("row => getComputedStyle(row).backgroundColor") == "rgb(251, 236, 235)"


def test_a_long_file_is_folded_and_unfolds(chromium: Browser, tmp_path: Path) -> None:
    recording, verdict = reported.recording(), reported.verdict()
    recording.sources[reported.FILE] = "\n".join(f"line_{n} = {n}" for n in range(1, 101))
    path = tmp_path / "report.html"
    path.write_text(render(recording, verdict), encoding="utf-8")
    with visit(chromium, path.as_uri()) as page:
        folded = page.locator(".listing details")
        assert folded.locator("summary").all_inner_texts() == ["lines 26 to 100"]
        hidden = page.get_by_text("line_60 = 60", exact=True)
        assert not hidden.is_visible()
        folded.locator("summary").focus()
        page.keyboard.press("Enter")
        assert hidden.is_visible()


def test_the_loss_is_drawn_with_what_was_printed(shared: Page) -> None:
    buttons = shared.locator("#loss button.series")
    names = ["optimised loss (train.py:16)", "evaluated cross_entropy (train.py:20)", "printed “loss” (train.py:20)"]
    assert buttons.all_inner_texts() == names
    label = shared.locator("#loss .chart").get_attribute("aria-label") or ""
    assert "optimised loss (train.py:16): from 2.3 to" in label and "40 of 400 not finite" in label
    assert ink(shared) > 500


# Pixels of the ink that the curve is drawn in.
_PIXELS = """([selector, dark]) => {
  const canvas = document.querySelector(selector), copy = document.createElement("canvas");
  copy.width = canvas.width; copy.height = canvas.height;
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const data = context.getImageData(0, 0, copy.width, copy.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const own = [data[i], data[i + 1], data[i + 2]];
    if (data[i + 3] > 128 && (dark ? Math.max(...own) < 35 : Math.min(...own) >= 230)) count++;
  }
  return count;
}"""


def ink(page: Page, dark: bool = True) -> int:
    """How many pixels of the loss plot have the colour of its curve: almost black, or almost white."""
    count: int = page.evaluate(_PIXELS, ["#loss canvas", dark])
    return count


def test_a_series_can_be_hidden(chromium: Browser, url: str) -> None:
    with visit(chromium, url) as page:
        before = ink(page)
        button = page.locator("#loss button.series").first
        button.focus()
        page.keyboard.press("Space")
        assert button.get_attribute("aria-pressed") == "false"
        page.wait_for_timeout(100)
        assert ink(page) < before / 4
        assert "optimised loss" not in (page.locator("#loss .chart").get_attribute("aria-label") or "")


# The ticks of the y axis, and how far apart two constant curves are drawn, in pixels.
_CONSTANT = """async () => {
  const root = document.body.appendChild(document.createElement("div"));
  const line = (kind, v) => ({ kind, name: "loss", where: "", steps: [0, 1, 2], values: [v, v, v], points: 3, not_finite: 0 });
  const chart = flatline.lineChart(root, [line("optimised", 0.693147), line("printed", 0.6931)], {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  const plot = chart.plot, apart = Math.abs(plot.valToPos(0.693147, "y") - plot.valToPos(0.6931, "y"));
  const ticks = plot.axes[1]._values;
  chart.destroy();
  root.remove();
  return [ticks, apart];
}"""


def test_a_constant_loss_and_its_rounding_are_one_flat_line(shared: Page) -> None:
    ticks, apart = shared.evaluate(_CONSTANT)
    assert len(ticks) >= 3 and len(set(ticks)) == len(ticks) and apart < 1


def test_values_are_read_by_keyboard_and_zoomed(chromium: Browser, url: str) -> None:
    with visit(chromium, url) as page:
        page.locator("#loss .chart").focus()
        page.keyboard.press("Home")
        readout = page.locator("#loss .readout")
        assert readout.inner_text().startswith("step 0 · epoch 1 · optimised loss (train.py:16) 2.3")
        page.keyboard.press("ArrowRight")
        assert readout.inner_text().startswith("step 1 · epoch 1")
        page.keyboard.press("End")
        assert readout.inner_text().startswith("step 400 · epoch 4 · optimised loss (train.py:16) not finite")
        whole = page.get_by_role("button", name="whole run").first
        assert not whole.is_visible()
        page.keyboard.press("+")
        assert whole.is_visible()
        page.keyboard.press("Escape")
        assert not whole.is_visible()


def test_the_heat_map_is_read_by_pointer_and_by_keyboard(chromium: Browser, url: str) -> None:
    with visit(chromium, url) as page:
        figure, readout = page.locator("#layers .heat"), page.locator("#layers .readout")
        figure.focus()
        page.keyboard.press("ArrowDown")
        assert readout.inner_text() == "layer.0 · step 0 · 0.1118"
        page.keyboard.press("ArrowDown")
        assert readout.inner_text() == "layer.2 · step 0 · exactly 0"
        page.keyboard.press("End")
        assert readout.inner_text() == "layer.2 · step 375 · NaN or infinite"
        page.get_by_role("button", name="Update ÷ weight").click()
        figure.scroll_into_view_if_needed()
        box = figure.locator("canvas").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 5)
        assert readout.inner_text() == "layer.0 · step 375 · 0.001"
        titles = page.locator("#layers .controls button").all_inner_texts()
        assert titles == ["Gradient", "Update ÷ weight", "Saturated units", "Dead units", "Activation spread",
                          "Gradient at activations"]  # fmt: skip


def test_the_heat_map_is_a_table_too(chromium: Browser, url: str) -> None:
    with visit(chromium, url) as page:
        page.locator("#layers summary").click()
        rows = page.locator("#layers tbody tr").all_inner_texts()
        assert [re.split(r"\s+", row.strip()) for row in rows] == [
            ["layer.0", "0.1118", "0.1118", "0.1118", "NaN", "or", "infinite", "0", "1"],
            ["layer.2", "exactly", "0", "exactly", "0", "0.04167", "NaN", "or", "infinite", "4", "1"],
        ]
        page.get_by_role("button", name="Dead units").click()
        assert page.locator("#layers caption").inner_text().startswith("Dead units: share of units at the rail")
        assert violations(page) == []


def test_the_experiment_is_drawn(shared: Page) -> None:
    assert shared.locator(".trial button.series").all_inner_texts() == ["as it is", "changed"]
    label = shared.locator(".trial .chart").get_attribute("aria-label") or ""
    assert "as it is: from 2.3 to 1.72 in 50 values, 20 of 50 not finite. changed: from 2.3 to 1.32" in label


def test_the_command_is_copied(chromium: Browser, url: str) -> None:
    with visit(chromium, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator("#copy").click()
        page.wait_for_function("document.getElementById('copy').textContent === 'copied'")
        assert page.evaluate("navigator.clipboard.readText()") == "flatline run train.py --lr"


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_and_nothing_is_cut_off(look: str, chromium: Browser, url: str) -> None:
    with visit(chromium, url, **LOOKS[look]) as page:
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert violations(page) == []
        assert overflow(page) == 0


def test_every_control_is_reached_by_tab(chromium: Browser, url: str) -> None:
    with visit(chromium, url) as page:
        wanted = page.locator("a[href], button:visible, summary:visible, [tabindex='0']:visible").count()
        reached = set()
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            on_body = page.evaluate("document.activeElement === document.body")
            assert on_body or outline != "none"
        assert len(reached) >= wanted


def test_dark_is_dark(chromium: Browser, url: str) -> None:
    with visit(chromium, url, **DARK) as page:
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(n) for n in re.findall(r"\d+", background)[:3]) < 40
        assert ink(page, dark=False) > 500 and ink(page) < 100
        # The plots follow when the system changes.
        page.emulate_media(color_scheme="light")
        page.wait_for_timeout(150)
        assert ink(page) > 500


def test_printed_on_paper(chromium: Browser, url: str, tmp_path: Path) -> None:
    """Black on white even where the screen is dark, without what only a screen can do."""
    with visit(chromium, url, **DARK) as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        # Of the controls only the key of the curves is left.
        assert page.locator("button:visible").count() == page.locator("button.series:visible").count() == 6
        keyword = page.locator(".hl-k").first.evaluate("e => getComputedStyle(e).color")
        assert max(int(n) for n in re.findall(r"\d+", keyword)) < 150
        page.wait_for_timeout(100)
        assert ink(page) > 500
        assert page.locator("#loss canvas").is_visible()
        assert overflow(page) == 0
        # A4, 1.5 cm margins: nothing may be wider than the paper.
        pdf = page.pdf(path=tmp_path / "report.pdf", format="A4")
        assert pdf.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 8


def test_without_javascript_the_text_is_there(chromium: Browser, url: str) -> None:
    with visit(chromium, url, java_script_enabled=False) as page:
        text = page.locator("body").inner_text()
        assert "Proven cause" in text and "The plots need JavaScript" in text
        assert page.locator(".row.guilty").is_visible()


def test_a_strict_policy_is_in_force(shared: Page) -> None:
    policy = shared.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content") or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy


def test_the_policy_stops_a_script_that_is_not_ours(chromium: Browser, tmp_path: Path) -> None:
    page_text = render(reported.recording(), reported.verdict())
    path = tmp_path / "report.html"
    path.write_text(page_text.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    with pytest.raises(AssertionError, match="Content Security Policy"), visit(chromium, path.as_uri()) as page:
        page.wait_for_selector("html[data-drawn]", state="attached")
        assert page.title() == "train.py: fault found – flatline"


def test_the_data_are_json_that_cannot_end_their_element() -> None:
    text = render(reported.recording("</script><script>alert(1)</script>"), reported.verdict())
    data = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert not re.search(r"[<>&\u2028\u2029]", data[1])
    assert json.loads(data[1])["heat_maps"][0]["rows"][0] == "layer</script><script>alert(1)</script>.0"
