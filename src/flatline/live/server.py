"""Starts the server: its socket, its token, its address."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import stat
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import msgspec

from flatline.live.access import MOST_HEADER_BYTES, Access
from flatline.live.app import application
from flatline.live.protocol import PatientOnce

# Fifty viewers with two connections each, and room.
MOST_CONNECTIONS = 256


class Remembered(msgspec.Struct):
    """What a server that is started again takes from the one before it: open pages find it and may go on."""

    port: int
    token: str


@dataclass
class Place:
    """Where the server listens. ``names`` are further names by which it may be called; ``*`` stands for any number."""

    socket: socket.socket
    host: str
    port: int
    token: str
    names: frozenset[str] = frozenset()

    def address(self, token: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={token}"


def listen(folder: Path, host: str, port: int) -> Place:
    """Takes a port. With 0 the one that was used for this folder before, when it is free, else any.

    Raises:
        OSError: the address is not one of this machine, or the port is taken.
    """
    before = _recall(folder)
    token = before.token if before is not None else secrets.token_urlsafe(32)
    made = None
    if port == 0 and before is not None:
        try:
            made = _bind(host, before.port)
        except OSError:
            made = None
    made = made or _bind(host, port)
    port = made.getsockname()[1]
    _remember(folder, Remembered(port, token))
    names = frozenset() if is_loopback(host) else frozenset({"*", socket.gethostname().lower(), host.lower()})
    return Place(made, host, port, token, names)


def is_loopback(host: str) -> bool:
    """Whether every address of a host is of this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    import ipaddress

    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_loopback for entry in found)


def serve(folder: Path, place: Place, open_browser: bool) -> None:
    """Serves until it is interrupted."""
    import uvicorn

    app = Access(application(folder), token=place.token, port=place.port, hosts=place.names)
    config = uvicorn.Config(
        app,
        http=PatientOnce,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )
    if open_browser:
        once = place.address(app.token_for_once())
        Timer(0.5, webbrowser.open, [once]).start()
    # uvicorn ends in good order at Ctrl-C, and then passes it on.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[place.socket])


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # A port whose last connections still fade can be had again; on Windows this would share it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(256)
    except OSError:
        made.close()
        raise
    return made


def _state_file(folder: Path) -> Path | None:
    """A file of the user's alone, outside the runs folder: that one is copied and shared."""
    try:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    except RuntimeError:
        return None
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path(base) / "flatline" / f"live-{name}.json"


def _recall(folder: Path) -> Remembered | None:
    path = _state_file(folder)
    if path is None:
        return None
    try:
        found = os.lstat(path)
        own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
        if not stat.S_ISREG(found.st_mode) or not own:
            return None
        remembered = msgspec.json.decode(path.read_bytes(), type=Remembered)
    except (OSError, msgspec.MsgspecError):
        return None
    return remembered if len(remembered.token) >= 32 and 0 < remembered.port < 65536 else None


def _remember(folder: Path, what: Remembered) -> None:
    """Without it a restarted server has another token; nothing else is lost."""
    path = _state_file(folder)
    if path is None:
        return
    fresh = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(what))
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
