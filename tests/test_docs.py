"""The pages: written for every cause, with links that lead somewhere and commands that exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import flatline
from flatline.causes.base import catalogue
from flatline.cli import main
from flatline.commands.causes import causes

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tests" / "README.md",
    ROOT / "bench" / "cases" / "README.md",
]  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def load_generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generate()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages") / "causes"
    folder.mkdir()
    (folder / "gone.md").write_text("a cause that is no more")
    generate.write(folder)
    return folder


@pytest.mark.parametrize("name", catalogue())
def test_each_cause_tells_its_whole_story(pages: Path, name: str) -> None:
    text = (pages / f"{name}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], (part.strip() for part in parts[2::2])))
    assert [h for h in found if h not in ("A run", "Cases")] == list(generate.HEADINGS)
    assert all(value for heading, value in found.items() if heading != "A run")
    assert text.startswith(f"# {name}\n")


@pytest.mark.parametrize("name", [name for name, cause in catalogue().items() if cause.choices])
def test_a_choice_stands_with_its_cost_on_the_page_and_in_explain(name: str) -> None:
    committed = (ROOT / "docs" / "causes" / f"{name}.md").read_text(encoding="utf-8")
    explained = CliRunner().invoke(causes, ["explain", name]).output
    for choice in catalogue()[name].choices:
        told = f"- {choice.what} Cost: {choice.cost}."
        assert told in explained and generate._linked(told) in committed, f"{told}: run `make docs`"


def test_there_is_a_page_for_each_cause_and_no_other(pages: Path) -> None:
    assert {p.stem for p in pages.glob("*.md")} == {"README", *catalogue()}
    table = (pages / "README.md").read_text(encoding="utf-8")
    assert all(f"[{name}]({name}.md)" in table for name in catalogue())


def test_the_page_of_a_new_cause_is_written_by_its_name(tmp_path: Path) -> None:
    generate.write(tmp_path, ["honest-fit"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "honest-fit.md"]


def test_the_committed_pages_have_the_same_headings(pages: Path) -> None:
    """`make docs` was run since a cause was added; the words may have changed since."""
    committed = ROOT / "docs" / "causes"
    for page in pages.glob("*.md"):
        other = committed / page.name
        assert other.exists(), f"docs/causes/{page.name} is missing: run `make docs`"
        headings = [re.findall(r"^#+ .*$", p.read_text(encoding="utf-8"), re.MULTILINE) for p in (page, other)]
        assert headings[0] == headings[1], f"docs/causes/{page.name} is old: run `make docs`"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://|#", target):
            continue
        file = (path.parent / target.partition("#")[0]).resolve()
        # Two pages are results of a bench, written by `make bench`.
        written = file.is_relative_to(ROOT) and f"--write {file.relative_to(ROOT)}" in MAKEFILE
        assert file.exists() or written, f"{path.name} links to {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+\.md)\)", text):
            waiting.append((page.parent / target).resolve())
        for tree in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            for name in re.findall(r"^[\w/*-]+$", tree, re.MULTILINE):
                waiting += page.parent.glob(f"{name}.md")
    docs = set((ROOT / "docs").rglob("*.md"))
    assert docs <= reached


def test_the_readme_is_short_and_opens_with_the_question() -> None:
    rows = README.splitlines()
    assert len(rows) < 150
    assert rows[2] == "**Why do loss functions consistently return zero after the first epoch?**"


def test_the_readme_names_commands_and_options_that_exist() -> None:
    commands = set(re.findall(r"(?:^|`|-m )flatline ([a-z]+)", README, re.MULTILINE))
    assert {"run", "report", "causes"} <= commands <= set(main.list_commands(click.Context(main)))
    options = set(re.findall(r"flatline run (?:[^\n]*?)(--[a-z]+|-m)\b", README)) - {"--its", "--nproc"}
    help_text = CliRunner().invoke(main, ["run", "--help"]).output
    assert {"--json", "--strict", "-m"} <= options
    assert all(option in help_text for option in options)
    assert set(re.findall(r"\bflatline\.([a-z]+)\(", README)) <= set(flatline.__all__)


def test_the_make_targets_named_in_pages_exist() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert {"demo", "test"} <= set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)) <= targets
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets


def test_files_named_in_pages_exist() -> None:
    for page in PAGES:
        if page.parent.name == "causes":
            continue
        for name in re.findall(r"`((?:src|bench|tests|docs|examples)/[\w./-]+\.\w+)`", page.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


@pytest.mark.parametrize("name", generate.WITH_OUTPUT)
def test_outputs_in_pages_are_of_programs_that_exist(name: str) -> None:
    blocks = generate.BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert blocks
    for _, _, program, shown, _ in blocks:
        assert (ROOT / program).exists() and len(shown.splitlines()) > 10
        assert max(len(line) for line in shown.splitlines() if line.startswith("│")) <= 100 if "│" in shown else True


def test_a_page_is_refreshed_from_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "output", lambda program, why=False: (f"ran {program}\n", "{}\n"))
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- run x.py -->\n```\nold\n```\nb\n<!-- verdict y.py -->\n```json\nold\n```\nc\n")
    generate.refresh(page)
    assert page.read_text() == (
        "a\n<!-- run x.py -->\n```\nran x.py\n```\nb\n<!-- verdict y.py -->\n```json\n{}\n```\nc\n"
    )


def test_the_licence_is_the_one_that_is_declared() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_doctests_of_the_package_hold() -> None:
    """Examples in docstrings are documentation, too."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "src/flatline",
         "--ignore", "src/flatline/startup", "--ignore", "src/flatline/integrations"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
