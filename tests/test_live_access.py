"""Who may ask the live page, and for what: against the real server, over real sockets."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flatline.live.protocol import REQUEST_SECONDS
from flatline.live.stores import Stores
from recordings import Tape
from runs import plain
from serving import Served, eventually, keep

# One without a token. Making a client is dear: it reads the certificates of the system.
ANYONE = httpx.Client(verify=False)
PAGES = [
    "/",
    "/runs/one",
    "/compare",
    "/openapi.json",
    "/assets/run.js",
    "/api/runs",
    "/api/runs/one/curves",
    "/nothing",
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("access")
    tape = Tape("loss.backward()")
    tape.train([0.5, 0.25])
    keep(base / "runs", "one", tape)
    shutil.copy(base / "runs" / "one.sqlite", base / "outside.sqlite")
    (base / "runs" / "link.sqlite").symlink_to(base / "outside.sqlite")
    shutil.copy(base / "runs" / "one.sqlite", base / "runs" / "wal.sqlite")
    (base / "runs" / "wal.sqlite-wal").symlink_to(base / "outside.sqlite")
    os.mkfifo(base / "runs" / "pipe.sqlite")
    (base / "runs" / "folder.sqlite").mkdir()
    with Served(base / "runs") as server:
        yield server


@pytest.mark.parametrize("path", PAGES)
def test_nothing_without_the_token(served: Served, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Cookie": f"flatline-{served.port}=wrong"},
        {"Cookie": "\x01=;;"},
    ):
        answer = ANYONE.get(served.origin + path, headers=headers)
        assert answer.status_code == 401
        assert "one.sqlite" not in answer.text


def test_the_address_signs_in_and_hides_the_token(served: Served) -> None:
    with httpx.Client(verify=False) as browser:
        answer = browser.get(f"{served.origin}/runs/one?token={served.token}&x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs/one?x=1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and f"flatline-{served.port}=" in cookie
        assert browser.get(f"{served.origin}/api/runs").status_code == 200
    assert ANYONE.get(f"{served.origin}/?token={served.token}x").status_code == 401
    assert ANYONE.get(f"{served.origin}/api/runs?token={served.token}").status_code == 401


def test_signing_in_leads_nowhere_else(served: Served) -> None:
    for path in ("//evil.example/", "/\\evil.example/", "/%5C%5Cevil.example/"):
        with httpx.Client(verify=False) as browser:
            location = browser.get(f"{served.origin}{path}?token={served.token}").headers["location"]
            assert location.startswith("/") and location[1:2] not in ("/", "\\")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", ""])
def test_a_name_that_is_not_ours_is_refused(served: Served, host: str) -> None:
    with served.client(Host=host) as client:
        assert client.get("/api/runs").status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:1", "LOCALHOST"])
def test_loopback_names_are_ours_at_any_port(served: Served, host: str) -> None:
    with served.client(Host=host) as client:
        assert client.get("/api/runs").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_pages_of_another_origin_are_refused(served: Served, headers: dict[str, str]) -> None:
    with served.client(**headers) as client:
        answer = client.get("/api/runs")
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        assert client.options("/api/runs").status_code == 403


def test_our_own_pages_and_links_are_let_through(served: Served) -> None:
    with served.client(Origin=served.origin) as client:
        assert client.get("/api/runs").status_code == 200
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    with served.client(**link) as client:
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", [*PAGES, "/api/runs/none"])
def test_every_answer_carries_the_headers(served: Served, path: str) -> None:
    with served.client() as client:
        for answer in (client.get(path), ANYONE.get(served.origin + path), client.post(path, content=b"x")):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "server" not in answer.headers


@pytest.mark.parametrize(
    "name",
    ["../outside", "..%2Foutside", "%2e%2e%2foutside", "link", "wal", "pipe", "folder", "one.sqlite", "", "one%00",
     "/etc/passwd", "%2Fetc%2Fpasswd", "one%2F..%2Fone", "*", "%ff", "a" * 300],
)  # fmt: skip
def test_nothing_outside_the_folder_is_read(served: Served, name: str) -> None:
    with served.client() as client:
        for rest in ("", "/curves", "/verdict"):
            assert client.get(f"/api/runs/{name}{rest}").status_code == 404
        names = [run["id"] for run in client.get("/api/runs").json()["runs"]]
        assert names == ["one"]
        assert client.get(f"/assets/{name or 'x'}").status_code == 404


@pytest.mark.parametrize("name", ["../outside", "../runs/one", "./one", "one.sqlite/../one", "link", "wal"])
def test_a_name_is_never_made_into_a_path(served: Served, name: str) -> None:
    """Routes let no slash through; the stores do not rely on it."""
    stores = Stores(served.folder)
    assert stores.find(name) is None
    assert stores.find(str(served.folder / "one")) is None
    assert stores.find("one") is not None


@pytest.mark.parametrize(
    "path", ["/api/runs/..", "/api/runs/../outside", "/assets/../run.html", "/../../etc/passwd", "//", "*"]
)
def test_dots_are_taken_as_they_are(served: Served, path: str) -> None:
    """Straight over the wire: a client would have tidied them up."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as wire:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.token}\r\n\r\n"
        wire.sendall(head.encode())
        assert b" 404 " in wire.recv(4096).splitlines()[0]


def test_sizes(served: Served) -> None:
    with served.client() as client:
        assert client.post("/api/runs", content=b"x" * 10).status_code == 413
        assert client.request("GET", "/api/runs", content=b"x").status_code == 413
        assert client.get("/api/runs/" + "a" * 2_000).status_code == 414
        assert client.get("/api/runs", params={"x": "a" * 3_000}).status_code == 414
        assert client.get("/api/runs", headers={"X": "a" * 40_000}).status_code in (400, 431)
        assert client.post("/api/runs").status_code == 405


def test_an_endless_body_ends_the_connection(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=15) as wire:
        wire.sendall(b"POST /api/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 413 " in wire.recv(4096)

        def cut() -> bool:
            try:
                wire.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            except OSError:
                return True
            return False

        eventually(cut, 5)


def test_slow_clients_stall_nobody_and_are_cut_off(tmp_path: Path) -> None:
    """Some never finish their request, some never take their answers; one that just asks does not feel it."""
    tape = Tape("loss.backward()")
    tape.train([float(value) for value in range(1, 5_000)])
    keep(tmp_path / "runs", "long", tape)
    with Served(tmp_path / "runs") as server, server.client() as client:
        size = len(client.get("/api/runs/long/curves").content)
        request = f"GET /api/runs/long/curves HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
        slow = [_wire(server, (request + "X: ").encode()) for _ in range(40)]
        # Far more than the buffers on the way can hold.
        deaf = [_wire(server, (request + "\r\n").encode() * 100) for _ in range(4)]
        began = time.monotonic()
        for _ in range(20):
            assert client.get("/api/runs/long/curves").status_code == 200
        assert time.monotonic() - began < 5
        until = time.monotonic() + 3 * REQUEST_SECONDS
        for wire in slow:
            wire.settimeout(max(0.1, until - time.monotonic()))
            assert _rest(wire) == 0
        time.sleep(max(0.0, began + REQUEST_SECONDS + 3 - time.monotonic()))
        for wire in deaf:
            assert 0 < _rest(wire) < 100 * size


def _wire(server: Served, data: bytes) -> socket.socket:
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.settimeout(5)
    wire.connect(("127.0.0.1", server.port))
    wire.sendall(data)
    return wire


def _rest(wire: socket.socket) -> int:
    """Reads until the other side has ended the connection, and counts."""
    count = 0
    with wire:
        try:
            while data := wire.recv(1 << 16):
                count += len(data)
        except ConnectionError:
            pass
    return count


def test_too_many_connections_are_told_so(served: Served) -> None:
    wires = [socket.create_connection(("127.0.0.1", served.port), timeout=5) for _ in range(270)]
    try:
        eventually(lambda: ANYONE.get(served.origin, timeout=5).status_code == 503)
    finally:
        for wire in wires:
            wire.close()
    eventually(lambda: ANYONE.get(served.origin, timeout=5).status_code == 401)


def test_the_token_is_kept_for_the_next_server_and_for_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with Served(tmp_path / "runs") as server:
        before = server.address
        server.stop()
        (kept,) = (tmp_path / "runs-state" / "flatline").iterdir()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert not list((tmp_path / "runs").iterdir()), "nothing is written into the runs folder"
        server.start()
        assert server.address == before
        server.stop()
        kept.chmod(0o644)
        server.start()
        assert server.token not in before, "a token that others could read is not used again"


def test_other_machines_need_a_flag_and_a_warning(folder: Path) -> None:
    refused = plain(folder, "-m", "flatline", "live", "--host", "0.0.0.0")
    assert refused.status == 2
    assert b"--allow-remote" in refused.err and b"Traceback" not in refused.err
    with Served(folder / "runs", "--host", "0.0.0.0", "--allow-remote") as server:
        # A number names this machine as well as any; a name could be pointed here by anyone.
        with server.client(Host="192.0.2.7:80") as client:
            assert client.get("/api/runs").status_code == 200
        with server.client(Host="evil.example") as client:
            assert client.get("/api/runs").status_code == 421
        assert "not encrypted" in server.stop()


def test_a_taken_port_and_a_file_for_a_folder(served: Served, folder: Path) -> None:
    taken = plain(folder, "-m", "flatline", "live", "--port", str(served.port))
    assert taken.status == 2
    assert b"try another --port" in taken.err and b"Traceback" not in taken.err
    (folder / "file").write_text("")
    assert plain(folder, "-m", "flatline", "live", "--runs", "file").status == 2
