"""What every page of flatline is made of: the look, the charts, data that markup cannot break, and a strict policy."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import metadata
from importlib.resources import files

# What HTML or a JavaScript parser could take for something else, inside a <script> element of data.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@cache
def asset(name: str) -> str:
    """The text of a file of ``report/assets``, as ``charts.js`` or ``uplot/uPlot.iife.min.js``."""
    return files("flatline.report").joinpath("assets", *name.split("/")).read_text(encoding="utf-8")


@cache
def version() -> str:
    """The version of flatline; asked of the installed package, because this one may not import what is above it."""
    return metadata.version("flatline")


def stylesheet() -> str:
    """All styles of a page: uPlot's, then ours."""
    return asset("uplot/uPlot.min.css") + "\n" + asset("flatline.css")


def chart_script() -> str:
    """The script that defines ``flatline.lossChart``, ``lineChart`` and ``heatMap``: uPlot with its licence, then ours."""
    licence = asset("uplot/LICENSE").replace("*/", "* /")
    return f"/*\n{licence}*/\n{asset('uplot/uPlot.iife.min.js')}\n{asset('charts.js')}"


def embedded(json: bytes) -> str:
    """JSON that may stand in ``<script type="application/json">`` whatever its strings hold.

    >>> embedded(b'{"name": "</script>"}')
    '{"name": "\\\\u003c/script\\\\u003e"}'
    """
    text = json.decode()
    for character, escape in _UNSAFE.items():
        text = text.replace(character, escape)
    return text


def policy(scripts: list[str], styles: list[str]) -> str:
    """A Content-Security-Policy under which only these inline scripts and styles run, and nothing is fetched.

    >>> policy(["1"], []).split("; ")[0]
    "default-src 'none'"
    """
    parts = ["default-src 'none'", f"script-src {_hashes(scripts)}", f"style-src {_hashes(styles)}", "img-src data:",
             "base-uri 'none'", "form-action 'none'"]  # fmt: skip
    return "; ".join(parts)


def _hashes(texts: list[str]) -> str:
    made = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{one}'" for one in made) or "'none'"
