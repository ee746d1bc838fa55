"""Who may ask: the one that holds the token, from a page of ours, at an address of ours. Everything else is refused.

Another site that the user visits can send requests to this server, but holds no token (the cookie is SameSite), is
told apart by its Origin and Sec-Fetch-Site, and may read nothing (no CORS). A name that an attacker points at
127.0.0.1 (DNS rebinding) is told apart by the Host header.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flatline.live.reply import refuse

# No inline script or style, nothing from elsewhere, in no frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_PATH = 1_000
MOST_QUERY = 2_000
MOST_HEADER_BYTES = 16_384
SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>flatline live: no access</title>
<main><h1>This address is not complete</h1>
<p>Open the whole address that <code>flatline live</code> printed; it ends in <code>?token=…</code>.
A server that was started anew with another token prints a new one.</p></main></html>"""


class Access:
    """An ASGI middleware that lets through what may be let through, and puts our headers on every answer.

    ``hosts``: names by which the server may be called, besides its loopback ones. ``port`` names the cookie, since
    cookies of all ports of a host are kept together.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int, hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = hosts
        self._cookie = f"flatline-{port}"
        self._once: list[bytes] = []

    def token_for_once(self) -> str:
        """A token that works once: the command that opens a browser can be read by everyone on this machine."""
        made = secrets.token_urlsafe(32)
        self._once.append(made.encode())
        return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers) or self._sign_in(scope, headers)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if len(scope["path"]) > MOST_PATH or len(scope["query_string"]) > MOST_QUERY:
            return refuse(414, "The address is too long.")
        if sum(len(name) + len(value) for name, value in headers.raw) > MOST_HEADER_BYTES:
            return refuse(431, "The headers are too long.")
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            # Left unread: the connection ends with it.
            return refuse(413, "Requests with a body are not taken.", {"Connection": "close"})
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return refuse(421, "This server is not called by that name; use the address that it printed.")
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{hosts[0]}":
            return refuse(403, "Pages of another origin may not ask here.")
        site = headers.get("sec-fetch-site", "none")
        follows_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if site not in ("none", "same-origin") and not follows_link:
            return refuse(403, "Pages of another origin may not ask here.")
        return None

    def _is_ours(self, host: str) -> bool:
        """A loopback name, at any port (it may be forwarded by ssh); or one that was named at the start."""
        name = host.lower()
        if name.startswith("["):
            name = name[1:].partition("]")[0]
        elif name.count(":") == 1:
            name = name.partition(":")[0]
        if name == "localhost" or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # A number cannot be pointed elsewhere, as a name can.
        return address.is_loopback or "*" in self._hosts

    def _sign_in(self, scope: Scope, headers: Headers) -> Response | None:
        """None when the token is there. A page that was asked for with the token is sent on without it."""
        try:
            query = parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True)
        except UnicodeDecodeError:
            return refuse(400, "The address holds bytes that are not ASCII.")
        given = [value for name, value in query if name == "token"]
        api = scope["path"].startswith("/api/") or scope["path"] == "/openapi.json"
        if given and not api and scope["method"] in ("GET", "HEAD") and self._is_token(given[0], once=True):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # One slash: two of them would name another host.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(self._cookie, self._token.decode(), httponly=True, samesite="strict", path="/")
            return answer
        if self._is_token(self._bearer(headers)) or self._is_token(self._from_cookie(headers)):
            return None
        if api or scope["path"].startswith("/assets/"):
            return refuse(401, "The token is missing or wrong.", {"WWW-Authenticate": "Bearer"})
        return HTMLResponse(SIGN_IN, 401, {"WWW-Authenticate": "Bearer"})

    def _is_token(self, given: str, once: bool = False) -> bool:
        held = given.encode("utf-8", "replace")
        if hmac.compare_digest(held, self._token):
            return True
        for token in self._once if once else []:
            if hmac.compare_digest(held, token):
                self._once.remove(token)
                return True
        return False

    def _bearer(self, headers: Headers) -> str:
        kind, _, value = headers.get("authorization", "").partition(" ")
        return value.strip() if kind.lower() == "bearer" else ""

    def _from_cookie(self, headers: Headers) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found is not None else ""
