"""Nothing that could hold code is ever loaded: no pickle, no torch.load of more than weights, no eval of text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "flatline"
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
    "torch.load",
    "np.load",
    "numpy.load",
}
# flatline.prove(train) hands the user's own function to a process of its own, through a temporary folder that only the
# user can write to. It is written here, and loaded by the script in that folder: see SECURITY.md.
ALLOWED = {("proving.py", "import cloudpickle"), ("proving.py", "import pickle in text")}


def found_in(source: str) -> Iterator[str]:
    """What loads code in a source, in its strings too, which may be scripts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield f"import {node.module}"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            weights_only = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
            if name in CALLS and not (name == "torch.load" and weights_only):
                yield f"{name}()"
            if any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords):
                yield f"{name}(allow_pickle)"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if any(
                f"import {rest}{module}" in node.value for module in MODULES for rest in ("", "linecache, pathlib, ")
            ):
                yield "import pickle in text"


def test_no_source_loads_code() -> None:
    found = {(file.name, what) for file in SOURCE.rglob("*.py") for what in found_in(file.read_text(encoding="utf-8"))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from dill import loads", "torch.load(path)", "torch.load(path, weights_only=False)", "eval(x)",
     "np.load(f, allow_pickle=True)", "text = '''import pickle'''"],
)  # fmt: skip
def test_the_search_finds_each(source: str) -> None:
    assert list(found_in(source))
    assert not list(found_in("torch.load(path, weights_only=True)"))
