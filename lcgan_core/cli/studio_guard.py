"""The requests that ``lcgan studio`` answers: only those from its own page, at the addresses that it was started for."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES = 2**20
"""Maximum size of a request. Arbitrary: far more than any text that is worth editing."""
MOST_FILE_BYTES = 16 * 2**20
"""Maximum size of an uploaded file. Arbitrary: the size of a large photograph."""
API = "/gradio_api/"
UPLOAD = "upload"
UNUSED = ("api", "call", "component_server", "deep_link", "proxy=", "process_recording", "run", "stream", "vibe-")
"""Parts of gradio's interface that the page never uses, by the beginnings of their paths; ``run`` stands for ``runs`` too."""
CLOSED = ("/docs", "/monitoring", "/openapi.json", "/redoc")
"""Other pages of gradio and FastAPI, which describe the program."""


@dataclass
class Guard:
    """An ASGI application that passes on the requests of the page, and refuses all others.

    Any site open in the browser can send requests to this machine. Such requests have an ``Origin`` other than the page's or,
    if the site's own host name resolves to this machine, another ``Host``. Both are refused.
    """

    app: App
    hosts: frozenset[str]
    """Names and addresses of this program. A request's ``Host`` must be one of them. Its port may differ, as it does through a
    tunnel."""
    any_address: bool = False
    """Whether to accept every numeric address as its own, because it listens on all of them."""
    uploads: bool = False
    """Whether the page asks for files."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, reason = self.refused(scope.get("method", "WEBSOCKET"), scope["path"], headers)
        if not status:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": status, "headers": plain})
            await send({"type": "http.response.body", "body": f"{reason}\n".encode()})

    def refused(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """The HTTP status of a refusal and its reason; status 0 if the request is answered."""
        host = headers.get("host", "")
        if not self._own(host):
            return 421, "lcgan studio answers only at the address it was started for; see --host"
        changes = method not in ("GET", "HEAD")
        origin = headers.get("origin")
        if origin is None and changes:
            return 403, "lcgan studio takes only what its own page sends: there is no Origin"
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "lcgan studio takes only what its own page sends, not that of another Origin"
        elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if elsewhere and headers.get("sec-fetch-mode") != "navigate":  # a link to the page is no harm
            return 403, "lcgan studio answers only its own page"
        part = path.removeprefix(API) if path.startswith(API) else ""
        if part.startswith(UNUSED) or path.startswith(CLOSED) or (part.startswith(UPLOAD) and not self.uploads):
            return 404, "lcgan studio does not need this"
        length = headers.get("content-length", "")
        if changes and not (length.isdecimal() and len(length) < 20):
            return 411, "lcgan studio needs to know the length of what it is sent"
        most = MOST_FILE_BYTES if part.startswith(UPLOAD) else MOST_BYTES
        if changes and int(length) > most:
            return 413, f"lcgan studio takes at most {most} bytes"
        return 0, ""

    def _own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return "@" not in host and (name in self.hosts or (self.any_address and _address(name)))


def guard(app: App, given: str, bound: str, uploads: bool) -> Guard:
    """The guard of an application that was started for the host ``given``, and listens at the address ``bound``."""
    address = ip_address(bound)
    here = {"localhost", "127.0.0.1", "::1"} if address.is_loopback or address.is_unspecified else set()
    named = {socket.gethostname(), socket.getfqdn()} if address.is_unspecified else set()
    hosts = frozenset(name.lower() for name in {given, bound, *here, *named})
    return Guard(app, hosts, address.is_unspecified, uploads)


def _address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
