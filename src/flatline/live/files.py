"""The pages and what they load: fixed files of this package and of the report, read once."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from flatline.live.reply import reply_file

_OWN = "flatline.live/assets"
# Whatever else lies in those folders is not served.
_ASSETS = {
    "live.css": _OWN,
    "runs.js": _OWN,
    "run.js": _OWN,
    "compare.js": _OWN,
    "connection.js": _OWN,
    "curves.js": _OWN,
    "verdict.js": _OWN,
    "words.js": _OWN,
    "icon.svg": _OWN,
    "flatline.css": "flatline.report/assets",
    "charts.js": "flatline.report/assets",
    "uPlot.iife.min.js": "flatline.report/assets/uplot",
    "uPlot.min.css": "flatline.report/assets/uplot",
}


def page(name: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers with a page. The page is the same for all runs; its script asks for the rest."""

    async def handler(request: Request) -> Response:
        return reply_file(request, _page(name), "text/html; charset=utf-8")

    return handler


async def asset(request: Request) -> Response:
    """A handler for scripts, styles and the icon."""
    name = request.path_params["name"]
    folder = _ASSETS.get(name)
    if folder is None:
        raise HTTPException(404, "There is no such file.")
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "application/octet-stream"
    return reply_file(request, _content(folder, name), kind)


@cache
def _page(name: str) -> bytes:
    """What all pages have around them is in ``shell.html``."""
    from jinja2 import Environment, FunctionLoader

    loader = FunctionLoader(lambda file: _content(_OWN, file).decode())
    templates = Environment(loader=loader, autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    return templates.get_template(name).render().encode()


@cache
def _content(folder: str, name: str) -> bytes:
    package, _, rest = folder.partition("/")
    return files(package).joinpath(rest, name).read_bytes()
