"""Keeps verdicts on the runs that are looked at: one diagnosis at a time, anew only when a store has grown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from flatline.live.answers import Headline, Judged, Opinion
from flatline.live.glance import explain
from flatline.live.stores import Store, Stores
from flatline.record.rows import last_row
from flatline.record.store import StoreError

# A verdict on a run that goes on is made anew at most this often,
PAUSE_SECONDS = 3.0
# and rests three times as long as it took; all diagnoses together take at most half of one core.
REST = 3.0
LOOK_SECONDS = 0.25
TIMEOUT_SECONDS = 120.0
# A page that is open asks every second or two; a list every two seconds.
WANTED_SECONDS = 15.0
MOST_KEPT = 64
MOST_ANSWER_BYTES = 64_000_000
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_decoder = msgspec.json.Decoder(Judged)


@dataclass
class Kept:
    """What is known of one run: the latest judgement, of which state of the store, and what it cost."""

    judged: Judged | None = None
    problem: str | None = None
    mark: tuple[int, int, int] = (0, 0, 0)
    version: int = 0
    began: float = -1e9
    took: float = 0.0
    wanted: float = -1e9
    page: bool = False
    encoded: tuple[int, bytes] = (-1, b"")

    def answer(self) -> bytes:
        """The opinion as JSON, encoded once for all viewers."""
        if self.encoded[0] != self.version:
            judged = self.judged or Judged(0, None)
            state: Literal["waiting", "ready", "failed"]
            state = "failed" if self.problem is not None else "waiting" if self.judged is None else "ready"
            opinion = Opinion(state, judged.row, self.problem, judged.verdict, judged.drawing, judged.titles)
            self.encoded = (self.version, msgspec.json.encode(opinion))
        return self.encoded[1]


class Judge:
    """Judges the runs that somebody looks at; those whose page is open before those that are only listed."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._process: asyncio.subprocess.Process | None = None

    def want(self, store: Store, page: bool) -> Kept:
        """Says that somebody looks at a run; returns what is known of it by now."""
        kept = self._kept.get(store.id)
        if kept is None:
            kept = self._kept[store.id] = Kept()
        kept.wanted = time.monotonic()
        kept.page = kept.page or page
        self._kept.move_to_end(store.id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept

    def headline(self, store: Store) -> Headline | None:
        kept = self._kept.get(store.id)
        verdict = kept.judged.verdict if kept is not None and kept.judged is not None else None
        return Headline(verdict.healthy, verdict.summary, verdict.run.steps) if verdict is not None else None

    async def run(self) -> None:
        """Judges until cancelled."""
        try:
            while True:
                chosen = self._next()
                if chosen is not None:
                    await self._judge(*chosen)
                await asyncio.sleep(chosen[1].took if chosen is not None else LOOK_SECONDS)
        finally:
            await self._end_process()

    def _next(self) -> tuple[Store, Kept] | None:
        """Of the wanted runs whose store has changed and that have rested, the one judged longest ago."""
        now = time.monotonic()
        due: list[tuple[bool, float, str]] = []
        for name, kept in self._kept.items():
            if now - kept.wanted > WANTED_SECONDS:
                kept.page = False
            elif now - kept.began >= max(PAUSE_SECONDS, REST * kept.took):
                due.append((not kept.page, kept.began, name))
        for _, _, name in sorted(due):
            store, kept = self._stores.find(name), self._kept[name]
            if store is not None and kept.mark != (store.inode, store.changed, store.size):
                return store, kept
        return None

    async def _judge(self, store: Store, kept: Kept) -> None:
        kept.began = began = time.monotonic()
        same_file = kept.mark[0] == store.inode
        kept.mark = (store.inode, store.changed, store.size)
        try:
            row = await asyncio.to_thread(last_row, store.path)
            if kept.judged is not None and same_file and kept.judged.row == row and kept.problem is None:
                return
            if self._process is None or self._process.returncode is not None:
                self._process = await _start()
                await asyncio.wait_for(_line(self._process), TIMEOUT_SECONDS)
                began = time.monotonic()
            judged = await asyncio.wait_for(_ask(self._process, store.path), TIMEOUT_SECONDS)
            kept.problem = judged.problem
            if judged.verdict is not None:
                kept.judged = judged
        except (TimeoutError, asyncio.TimeoutError):
            await self._end_process()
            kept.problem = f"The diagnosis took more than {TIMEOUT_SECONDS:.0f} seconds and was given up."
        except StoreError as error:
            kept.problem = explain(store, error)
        except Exception as error:
            # Whatever it was, other runs are to be judged.
            await self._end_process()
            kept.problem = f"The process that makes the diagnosis has ended ({type(error).__name__})."
        kept.version += 1
        kept.took = time.monotonic() - began

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            # Its pipes close in the turn after.
            await asyncio.sleep(0)


async def _ask(process: asyncio.subprocess.Process, path: Path) -> Judged:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(str(path.absolute())) + b"\n")
    await process.stdin.drain()
    return _decoder.decode(await _line(process))


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError("its output ended")
    return line


async def _start() -> asyncio.subprocess.Process:
    # -c puts the working folder first on the path: a file of the user's there may be called random.py.
    home = Path(__file__).resolve().parents[2]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from flatline.live.judging import main; main()",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=home,
        env={**os.environ, **dict.fromkeys(_THREADS, "1")},
        limit=MOST_ANSWER_BYTES,
        # Ctrl-C in the terminal is for the server, which then ends this process.
        start_new_session=True,
    )
