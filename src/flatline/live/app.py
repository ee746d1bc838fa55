"""The application: pages, and the JSON interface that they use."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flatline.live.answers import RunItem, RunList
from flatline.live.files import asset, page
from flatline.live.glance import Glances
from flatline.live.judge import Judge
from flatline.live.openapi import description
from flatline.live.reply import refuse, reply
from flatline.live.stores import Store, Stores
from flatline.live.watched import BusyError, WatchedRuns

LIMIT = 100
MOST_LIMIT = 500
# The newest runs of a list get a verdict without being opened.
JUDGED_IN_LIST = 20
_CURSOR = re.compile(r"[0-9a-f]{8}\.[0-9]{1,18}", re.ASCII)


class Live:
    """The handlers, and what they share: the stores, what has been read of them, and the verdicts."""

    def __init__(self, folder: Path) -> None:
        self.stores = Stores(folder)
        self.judge = Judge(self.stores)
        self._glances = Glances()
        self._watched = WatchedRuns()
        # Pages tell by it that the server has been started anew.
        self._server = secrets.token_hex(8)
        self._listing = asyncio.Lock()

    async def runs(self, request: Request) -> Response:
        limit = _parameters(request, "limit").get("limit", str(LIMIT))
        if not re.fullmatch("[0-9]{1,3}", limit, re.ASCII) or not 1 <= int(limit) <= MOST_LIMIT:
            raise HTTPException(400, f"limit is a whole number from 1 to {MOST_LIMIT}.")
        # One at a time: the second finds everything read.
        async with self._listing:
            answer, stores = await run_in_threadpool(self._list, int(limit))
        for item, store in zip(answer.runs[:JUDGED_IN_LIST], stores):
            if item.problem is None:
                self.judge.want(store, page=False)
        return reply(request, answer)

    def _list(self, limit: int) -> tuple[RunList, list[Store]]:
        stores = self.stores.all()
        items = [(self._item(store), store) for store in stores[:limit]]
        items.sort(key=lambda pair: pair[0].started or pair[1].changed / 1e9, reverse=True)
        runs = [item for item, _ in items]
        return RunList(self._server, str(self.stores.folder), len(stores), runs), [store for _, store in items]

    def _item(self, store: Store) -> RunItem:
        item = self._glances.item(store)
        item.headline = self.judge.headline(store)
        return item

    async def run(self, request: Request) -> Response:
        _parameters(request)
        store = await self._store(request)
        self.judge.want(store, page=True)
        return reply(request, await run_in_threadpool(self._item, store))

    async def curves(self, request: Request) -> Response:
        cursor = _parameters(request, "cursor").get("cursor", "0" * 8 + ".0")
        if not _CURSOR.fullmatch(cursor):
            raise HTTPException(400, "cursor is one that an answer before gave, or is left out.")
        store = await self._store(request)
        kept = self.judge.want(store, page=True)
        answer = await run_in_threadpool(self._progress, store, cursor, kept.version)
        return Response(answer, media_type="application/json")

    def _progress(self, store: Store, cursor: str, version: int) -> bytes:
        watched = self._watched.get(store)
        watched.refresh(store)
        if watched.replaced(store):
            watched = self._watched.get(store)
            watched.refresh(store)
        return watched.progress(store, cursor, self._server, version)

    async def verdict(self, request: Request) -> Response:
        _parameters(request)
        kept = self.judge.want(await self._store(request), page=True)
        return reply(request, kept.answer())

    async def _store(self, request: Request) -> Store:
        store = await run_in_threadpool(self.stores.find, request.path_params["id"])
        if store is None:
            raise HTTPException(404, "There is no record of that name in the runs folder; it may have been deleted.")
        return store

    async def openapi(self, request: Request) -> Response:
        return reply(request, description())

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        judging = asyncio.create_task(self.judge.run())
        try:
            yield
        finally:
            judging.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await judging


def application(folder: Path) -> Starlette:
    """The whole application for one runs folder; :class:`flatline.live.access.Access` stands before it."""
    live = Live(folder)
    app = Starlette(
        routes=[
            Route("/", page("runs.html")),
            Route("/runs/{id}", page("run.html")),
            Route("/compare", page("compare.html")),
            Route("/assets/{name}", asset),
            Route("/openapi.json", live.openapi),
            Route("/api/runs", live.runs),
            Route("/api/runs/{id}", live.run),
            Route("/api/runs/{id}/curves", live.curves),
            Route("/api/runs/{id}/verdict", live.verdict),
        ],
        exception_handlers={HTTPException: _refused, BusyError: _busy, Exception: _failed},
        lifespan=live.lifespan,
    )
    # They would name the host that the client named.
    app.router.redirect_slashes = False
    return app


def _parameters(request: Request, *known: str) -> dict[str, str]:
    """The parameters of the address, each given once and known."""
    given = request.query_params.multi_items()
    names = [name for name, _ in given]
    if len(set(names)) < len(names) or not set(names) <= set(known):
        raise HTTPException(400, f"The parameters here are: {', '.join(known) or 'none'}; each at most once.")
    return dict(given)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refuse(error.status_code, error.detail, error.headers)


async def _busy(_request: Request, _error: Exception) -> Response:
    return refuse(503, "The record is being read, and that takes long; ask again.", {"Retry-After": "1"})


async def _failed(_request: Request, error: Exception) -> Response:
    return refuse(500, f"A fault of flatline: {type(error).__name__}. Please report it.")
