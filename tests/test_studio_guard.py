"""``lcgan studio`` answers its own page, at its own addresses, and nobody else."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from lcgan_core.cli.studio_guard import MOST_BYTES, MOST_FILE_BYTES, Guard, guard

JOIN = "/gradio_api/queue/join"
UPLOAD = "/gradio_api/upload"


def status(app: Guard, path: str, method: str = "GET", **headers: str) -> int:
    """The status of one request; 200 if the application behind the guard got it."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"host": "127.0.0.1:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw}
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})


def started(host: str = "127.0.0.1", bound: str = "127.0.0.1", uploads: bool = False) -> Guard:
    return guard(inner, host, bound, uploads)


def post(app: Guard, path: str = JOIN, **headers: str) -> int:
    own = {"origin": "http://127.0.0.1:7860", "content_length": "10"}
    return status(app, path, "POST", **{name: value for name, value in (own | headers).items() if value})


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860", "localhost:9000"])
def test_it_is_known_by_its_own_addresses(host: str) -> None:
    assert status(started(), "/", host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example:7860",
        "127.0.0.1.example",
        "localhost.example",
        "10.0.0.5:7860",
        "",
        "x@127.0.0.1",
        "[::1",
        "localhost@x",
    ],
)
def test_other_hosts_are_refused_for_every_request(host: str) -> None:
    for path in ("/", "/config", JOIN, "/assets/index.js"):
        assert status(started(), path, host=host) == 421
    assert post(started(), JOIN, host=host or "nobody", origin=f"http://{host}") == 421


def test_the_addresses_are_those_it_was_started_for() -> None:
    lan = started("studio.lan", "10.0.0.5")
    assert {status(lan, "/", host=host) for host in ("studio.lan:7860", "10.0.0.5:7860")} == {200}
    assert {status(lan, "/", host=host) for host in ("localhost", "127.0.0.1", "10.0.0.6")} == {421}
    everywhere = started("0.0.0.0", "0.0.0.0")
    assert {
        status(everywhere, "/", host=host) for host in ("localhost", "10.0.0.6:7860", "[fe80::1]", socket.gethostname())
    } == {200}
    assert status(everywhere, "/", host="rebound.example:7860") == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:8888", "http://localhost:7860", "https://127.0.0.1.evil.example", ""],
)
def test_only_its_own_page_may_send(origin: str) -> None:
    assert post(started()) == 200
    for path in (JOIN, UPLOAD, "/gradio_api/cancel", "/login"):
        assert post(started(uploads=True), path, origin=origin) == 403
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert status(started(), JOIN, method, origin=origin) == 403


def test_other_pages_may_link_to_it_but_not_read_it() -> None:
    assert status(started(), "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200
    assert status(started(), "/config", sec_fetch_site="same-origin", sec_fetch_mode="cors") == 200
    for site in ("cross-site", "same-site"):
        assert status(started(), "/config", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert status(started(), "/config", origin="http://evil.example") == 403


def test_uploads_are_for_pages_that_ask_for_files_and_have_a_limit() -> None:
    assert post(started(), UPLOAD) == 404
    asks = started(uploads=True)
    assert post(asks, UPLOAD, content_length=str(MOST_FILE_BYTES)) == 200
    assert post(asks, UPLOAD, content_length=str(MOST_FILE_BYTES + 1)) == 413
    assert post(asks, UPLOAD, content_length="9" * 400) == 411


def test_every_request_has_a_limit() -> None:
    assert post(started(), content_length=str(MOST_BYTES + 1)) == 413
    for length in ("", "-1", "many", "1e3"):
        assert post(started(), content_length=length) == 411
    assert post(started(), content_length="", transfer_encoding="chunked") == 411


@pytest.mark.parametrize(
    "part", ["call/edit", "run/predict", "api/predict", "proxy=http://x", "vibe-edit/", "process_recording"]
)
def test_what_the_page_does_not_use_is_closed(part: str) -> None:
    assert post(started(uploads=True), f"/gradio_api/{part}") == 404
    assert status(started(), f"/gradio_api/{part}") == 404


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/monitoring/summary"])
def test_it_tells_nothing_about_itself(path: str) -> None:
    assert status(started(), path) == 404
