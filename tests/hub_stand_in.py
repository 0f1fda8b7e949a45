"""A hub on this machine: what huggingface_hub asks of the real one to make, fill and fetch repositories of models.

Its addresses and answers follow the interface that huggingface_hub calls; contents are kept in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_writer"
READER = "hf_reader"


class Repository:
    """Its commits in order, each with all of its files."""

    def __init__(self, private: bool) -> None:
        self.private = private
        self.gated = False
        self.commits: list[tuple[str, dict[str, bytes]]] = [("0" * 40, {})]

    def commit(self, files: dict[str, bytes]) -> str:
        content = self.commits[-1][1] | files
        name = hashlib.sha1(repr(sorted(content.items())).encode()).hexdigest()
        self.commits.append((name, content))
        return name

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next(((name, files) for name, files in self.commits if name == revision), None)


class StandIn(ThreadingHTTPServer):
    """The hub; ``repositories`` are by USER/NAME, ``asked`` lists each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def hub() -> Iterator[StandIn]:
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, content: Any = None, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content if content is not None else {}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    @property
    def who(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"POST {path}")
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif self.who not in (TOKEN, READER):
            self.answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            asked = json.loads(content)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            if self.who == READER:
                self.answer(403, {"error": "Forbidden"})
            elif name in self.server.repositories:
                self.answer(409, {"error": "You already created this model repo", "url": f"{self.server.address}/{name}"})
            else:
                self.server.repositories[name] = Repository(asked.get("visibility") == "private" or bool(asked.get("private")))
                self.answer(200, {"url": f"{self.server.address}/{name}", "name": name, "id": name})
        else:
            _, _, _, user, name, what, *_ = path.split("/")
            repository = self.server.repositories[f"{user}/{name}"]
            if what == "preupload":
                files = [{"path": file["path"], "uploadMode": "regular"} for file in json.loads(content)["files"]]
                self.answer(200, {"files": [{**file, "shouldIgnore": False} for file in files]})
            else:
                lines = [json.loads(line) for line in content.splitlines()]
                added = [line["value"] for line in lines if line["key"] == "file"]
                made = repository.commit({file["path"]: base64.b64decode(file["content"]) for file in added})
                address = f"{self.server.address}/{user}/{name}/commit/{made}"
                self.answer(200, {"success": True, "commitOid": made, "commitUrl": address, "hookOutput": ""})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "whoami-v2"]:
            self.answer(200, {"type": "user", "name": "me"}) if self.who in (TOKEN, READER) else self.answer(401)
            return
        api = parts[:2] == ["api", "models"]
        user, name, *rest = parts[2:] if api else parts
        repository = self.server.repositories.get(f"{user}/{name}")
        if repository is None or (repository.private and not self.who):
            self.refuse(401, "RepoNotFound", "Repository not found")
            return
        revision = rest[1] if len(rest) > 1 else "main"
        found = repository.at(revision)
        if found is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        sha, files = found
        if api and rest and rest[0] == "tree":
            rows = [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in files.items()
            ]
            self.answer(200, rows)
        elif api:
            siblings = [{"rfilename": path} for path in files]
            self.answer(
                200, {"id": f"{user}/{name}", "modelId": f"{user}/{name}", "sha": sha, "siblings": siblings, "tags": []}
            )
        elif repository.gated and not self.who:
            self.refuse(401, "GatedRepo", "Access to this model is restricted.")
        else:  # USER/NAME/resolve/REVISION/PATH
            content = files["/".join(rest[2:])]
            self.answer(200, content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=sha)

    do_HEAD = do_GET
