"""HTTP with a limit on how long a client may take: a slow one ends its own connection and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# From the opening of a connection, or the end of an answer, until the next request has come whole and its answer has
# been written. Pages ask every second or two; one that is hidden asks less often, over a new connection.
REQUEST_SECONDS = 10.0


class PatientOnce(H11Protocol):
    """Ends a connection that has not brought a request to its end in time.

    uvicorn limits how long a connection may be idle between requests, but neither how slowly a request may be sent nor
    how slowly its answer may be taken.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # What a client does not take is held in memory up to here, then its sender waits.
        transport.set_write_buffer_limits(high=256 * 1024)
        self._set_deadline()

    def on_response_complete(self) -> None:
        self._set_deadline()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        # Not close(), which would wait for the client to take what is left.
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)
