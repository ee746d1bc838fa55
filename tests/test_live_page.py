"""The live page in real Chromium: what it shows, while runs go on and when things go wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import overflow, violations
from flatline.observe import events as e
from recordings import Tape
from runs import environment, write
from serving import Served, dead_process, eventually, keep, started

HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>{{7*7}}\'"\u202e'
TRAINING = """
    import time
    import torch
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    data = torch.utils.data.TensorDataset(torch.randn(256, 8), torch.randn(256, 1))
    for epoch in range(1000):
        for x, y in torch.utils.data.DataLoader(data, batch_size=32):
            loss = torch.nn.functional.cross_entropy(model(x), torch.zeros(len(x), dtype=torch.long))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            time.sleep(0.02)
        print("epoch", epoch, "loss", loss.item(), flush=True)
"""
PICTURED = """
    import argparse, time, torch
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    torch.manual_seed(0)
    inputs, noise = torch.randn(512, 8), 0.1 * torch.randn(512, 1)
    targets = inputs @ torch.randn(8, 1) + noise
    model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    for step in range(options.steps):
        pick = torch.randint(0, 512, (32,))
        loss = torch.nn.functional.mse_loss(model(inputs[pick]), targets[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        time.sleep(0.02)
        if step % 50 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that may neither complain nor ask anyone but its own server."""
    context = chromium.new_context(viewport={"width": 1100, "height": 850})
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    made.on("request", lambda request: complaints.append(request.url) if "//127.0.0.1:" not in request.url else None)
    made.complaints = complaints  # type: ignore[attr-defined]
    yield made
    # A server that is away, and a record that is gone, are what the browser itself complains of.
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    context.close()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def train(runs: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A real run under flatline that goes on until it is ended."""
    program = write(runs.parent, "train.py", TRAINING)
    command = [sys.executable, "-m", "flatline", "run", "--quiet", "--runs", str(runs), str(program), *arguments]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def tape(values: list[float], source: str = "loss.backward()") -> Tape:
    made = Tape(source)
    made.train(values)
    return made


def curve_points(page: Page) -> int:
    """How many values the chart of losses is made of, as it tells a screen reader."""
    label = page.locator("#loss .chart").get_attribute("aria-label", timeout=15000) or ""
    return int(re.findall(r"in (\d+) values", label)[0])


def test_a_run_is_followed_to_its_violent_end(page: Page, runs: Path) -> None:
    """List, curve, verdict, restart of the server, kill -9, deletion: the page tells each of them."""
    process = train(runs, "--name", "first")
    with Served(runs) as server:
        try:
            page.goto(server.address)
            assert "token" not in page.url
            link = page.get_by_role("link", name="train.py --name first")
            link.wait_for(timeout=30000)
            expect(page.locator("tbody tr .state")).to_have_text("running")
            page.locator("td.summary", has_text="softmax over a single class").wait_for(timeout=30000)
            link.focus()
            page.keyboard.press("Enter")
            page.locator("#loss .u-over").wait_for(timeout=15000)
            before = curve_points(page)
            eventually(lambda: curve_points(page) > before + 10)
            expect(page.locator("#verdict .lead")).to_contain_text(
                "Likely cause: softmax over a single class", timeout=20000
            )
            expect(page.locator("#verdict .line").first).to_contain_text("cross_entropy(model(x)")
            expect(page).to_have_title(re.compile("fault found"))
            page.locator("#verdict summary").first.click()
            page.get_by_role("button", name="Pause updates").click()
            held = curve_points(page)
            time.sleep(2.5)
            assert curve_points(page) == held
            page.get_by_role("button", name="Go on with updates").click()
            eventually(lambda: curve_points(page) > held)
            assert page.locator("#verdict details").first.get_attribute("open") is not None, (
                "what was opened stays open"
            )

            server.stop()
            expect(page.locator("#connection")).to_contain_text("does not answer", timeout=15000)
            stood = curve_points(page)
            server.start()
            expect(page.locator("#connection")).to_contain_text("started again", timeout=20000)
            eventually(lambda: curve_points(page) > stood)

            (store,) = runs.glob("*.sqlite")
            _kill(process)
            expect(page.locator("#facts-line .state")).to_have_text("killed", timeout=20000)
            expect(page.locator("#problem")).to_contain_text("it was killed")
            for path in runs.glob(store.name + "*"):
                path.unlink()
            expect(page.locator("#problem")).to_contain_text("no longer in the folder", timeout=20000)
            assert curve_points(page) >= stood
        finally:
            end(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for the program itself, and for flatline that waits for it."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout
    process.kill()
    for child in children.split():
        os.kill(int(child), signal.SIGKILL)
    process.wait(20)


def test_two_runs_are_compared_by_keyboard(page: Page, runs: Path) -> None:
    keep(runs, "low", tape([1 / (step + 1) for step in range(60)]), started(["train.py", "--lr", "0.1"]))
    keep(runs, "high", tape([0.0] * 90), started(["train.py", "--lr", "1"]))
    with Served(runs) as server:
        page.goto(server.address)
        button = page.get_by_role("button", name="Compare")
        page.locator("tbody tr").nth(1).wait_for()
        expect(button).to_be_disabled()
        for box in page.get_by_role("checkbox").all():
            box.focus()
            page.keyboard.press("Space")
        expect(button).to_be_enabled()
        assert violations(page) == []
        button.focus()
        page.keyboard.press("Enter")
        page.locator("#loss .u-over").wait_for(timeout=15000)
        series = page.locator("#loss button.series")
        expect(series).to_have_count(2)
        label = page.locator("#loss .chart").get_attribute("aria-label") or ""
        assert "in 60 values" in label and "in 90 values" in label
        expect(page.locator("#side-a, #side-b").locator(".lead")).to_have_count(2, timeout=20000)
        expect(page.locator("tr.differs th").first).to_contain_text("program")
        assert violations(page) == []


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_accessible_and_fits(chromium: Browser, runs: Path, look: str) -> None:
    keep(runs, "one", tape([1.0, float("nan"), 0.5] * 10), started(["train.py", "--a-long-option", "x" * 200]))
    keep(runs, "killed", tape([0.0] * 30), started(["other.py"], dead_process()), ended=False)
    with Served(runs) as server:
        size = {"width": 390, "height": 800} if look == "phone" else {"width": 1100, "height": 850}
        context = chromium.new_context(viewport=size, color_scheme="dark" if look == "dark" else "light")  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(server.address)
        page.locator("tbody tr .dot").nth(1).wait_for(timeout=30000)
        for path in ("/", "/runs/one", "/runs/killed", "/compare?a=one&b=killed"):
            page.goto(server.origin + path)
            if path != "/":
                page.locator("#loss .u-over").wait_for(timeout=15000)
                page.locator(".lead").first.wait_for(timeout=20000)
            assert violations(page) == []
            assert overflow(page) <= 0, path
        context.close()


def test_hostile_text_is_text(page: Page, runs: Path) -> None:
    made = tape([0.0] * 20, source=f"loss.backward()  # {HOSTILE}")
    made.prints(f"{HOSTILE} loss 0.0000")
    made.value(1.0, kind="evaluation", name=HOSTILE)
    keep(runs, "hostile", made, started(["train.py", HOSTILE]))
    keep(runs, "a<b>&'\"", tape([1.0, 0.5]), started(["other.py"]))
    (runs / f"{HOSTILE.replace('/', '_')}.sqlite").write_text("nothing")
    with Served(runs) as server:
        page.goto(server.address)
        page.locator("tbody tr .dot").first.wait_for(timeout=30000)
        assert "<script>window.hurt=1</script>" in page.locator("tbody").inner_text()
        page.get_by_role("link", name="train.py").click()
        page.locator("#verdict .lead").wait_for(timeout=20000)
        page.locator("#loss .u-over").wait_for()
        assert "<script>" in page.locator("h1").inner_text()
        page.goto(server.address)
        page.get_by_role("link", name="other.py").click()
        expect(page.locator("h1")).to_have_text("other.py", timeout=15000)
        page.goto(f"{server.origin}/compare?a=hostile&b=a%3Cb%3E%26%27%22")
        page.locator("#loss .u-over").wait_for()
        assert page.evaluate("window.hurt") is None
        assert page.locator("img, main script").count() == 0


def test_green_is_only_a_training_that_was_not_cut_short(page: Page, runs: Path) -> None:
    falling = [1.0 - step / 100 for step in range(60)]
    crash = e.RunEnded(0, 60, "IndexError", None, None)
    keep(runs, "sound", tape(falling), started(["sound.py"]))
    keep(runs, "untrained", Tape(""), started(["untrained.py"]))
    keep(runs, "crashed", tape(falling), started(["crashed.py"]), crash, ended=False)
    keep(runs, "killed", tape(falling), started(["killed.py"], process=dead_process()), ended=False)
    with Served(runs) as server:
        page.goto(server.address)
        for name, kind in (("sound", "healthy"), ("untrained", "none"), ("crashed", "none"), ("killed", "none")):
            dot = page.locator("tr", has_text=f"{name}.py").locator(".dot")
            expect(dot).to_have_class(f"dot {kind}", timeout=20000)
        page.goto(server.origin + "/runs/crashed")
        expect(page.locator("#verdict .lead")).to_contain_text("no fault seen", timeout=10000)


def test_a_folder_without_runs_and_a_run_that_then_comes(page: Page, runs: Path) -> None:
    runs.rmdir()
    with Served(runs) as server:
        page.goto(server.address)
        expect(page.locator("#empty")).to_contain_text("flatline run PROGRAM")
        keep(runs, "bad", tape([1.0]))
        (runs / "bad.sqlite").write_text("no database at all " * 100)
        expect(page.locator("tbody .problem")).to_contain_text("damaged", timeout=10000)
        page.goto(server.origin + "/runs/bad")
        expect(page.locator("#problem")).to_contain_text("bad.sqlite", timeout=10000)


def test_another_origin_reads_nothing(page: Page, runs: Path) -> None:
    """A page on another port of this machine, in a browser that is signed in: SameSite does not part the two."""
    with Served(runs) as server, Served(runs.parent / "other-runs") as other:
        page.goto(server.address)
        page.locator("#empty").wait_for()
        page.route(
            f"{other.origin}/evil",
            lambda route: route.fulfill(body="<!doctype html><title>evil</title>", content_type="text/html"),
        )
        page.goto(f"{other.origin}/evil")
        tried = page.evaluate(
            """async (address) => {
                const result = [];
                for (const mode of ["cors", "no-cors"]) {
                    try { const r = await fetch(address, { mode, credentials: "include" }); result.push(r.type + (await r.text())); }
                    catch (error) { result.push("refused"); }
                }
                return result;
            }""",
            f"{server.origin}/api/runs",
        )
        assert tried == ["refused", "refused"] or tried == ["refused", "opaque"]
        page.complaints.clear()  # type: ignore[attr-defined]


def test_pictures_for_the_docs(chromium: Browser, images: Path | None) -> None:
    """Not a check: three real runs as docs/live.md shows them, when screenshots are asked for."""
    if images is None:
        pytest.skip("no screenshots are asked for")
    images.mkdir(exist_ok=True)
    # A path that is fit to be shown.
    home = Path(tempfile.mkdtemp(prefix="regression-"))
    runs, program = home / ".flatline", write(home, "train.py", PICTURED)
    command = [sys.executable, "-m", "flatline", "run", "--quiet", "--runs", str(runs), program.name]
    processes = [
        subprocess.Popen(
            [*command, "--lr", rate, "--steps", steps], cwd=home, env=environment(), stdout=subprocess.DEVNULL
        )
        for rate, steps in (("0.02", "3000"), ("0.05", "400"), ("1", "3000"))
    ]
    with Served(runs) as server:
        page = chromium.new_page(viewport={"width": 1100, "height": 620})
        page.goto(server.address)
        page.locator("tbody tr .dot").nth(2).wait_for(timeout=90000)
        processes[1].wait(120)
        end(processes[2])
        page.locator(".state.killed").wait_for(timeout=30000)
        time.sleep(8)
        page.screenshot(path=images / "live-runs.png")
        for box in page.get_by_role("checkbox").all()[:2]:
            box.check()
        high = page.get_by_role("link", name="--lr 1 ").get_attribute("href")
        page.get_by_role("button", name="Compare").click()
        page.locator(".lead").nth(1).wait_for(timeout=30000)
        page.set_viewport_size({"width": 1100, "height": 1100})
        page.screenshot(path=images / "live-compare.png")
        page.goto(server.origin + str(high))
        page.locator(".lead").wait_for(timeout=30000)
        page.locator("#loss .u-over").wait_for()
        page.set_viewport_size({"width": 1100, "height": 1500})
        page.screenshot(path=images / "live-run.png")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 1000})
        time.sleep(1)
        page.screenshot(path=images / "live-phone.png")
        page.close()
    end(processes[0])
