"""A hub on this machine: the folders OWNER/NAME under a root, as huggingface_hub asks for them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What is served, and what was asked for."""

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url
        self.fetched: list[str] = []
        """The files of which the bytes were sent."""

    def environment(self, cache: Path) -> dict[str, str]:
        """Make huggingface_hub ask here, and keep what it gets in a folder."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def serve_hub(root: Path) -> Iterator[Hub]:
    """Serve data sets from `root/datasets/OWNER/NAME`, models from `root/OWNER/NAME`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            if parts[0] == "api":
                kind, repository, rest = parts[1], "/".join(parts[2:4]), parts[4:]
                folder = root / (kind if kind != "models" else "") / repository
            else:
                split = 3 if parts[0] == "datasets" else 2
                folder, rest = root.joinpath(*parts[:split]), parts[split:]
            if not folder.is_dir():
                self._send(404, b"", body, {"X-Error-Code": "RepoNotFound"})
            elif parts[0] == "api":
                found = self._tree(folder) if rest[:1] == ["tree"] else self._info(folder, parts)
                self._send(200, json.dumps(found).encode(), body, {})
            else:
                self._file(folder, "/".join(rest[2:]), body)

        def _info(self, folder: Path, parts: list[str]) -> dict[str, object]:
            siblings = [{"rfilename": entry["path"]} for entry in self._tree(folder)]
            name = "/".join(parts[2:4])
            return {"id": name, "sha": REVISION, "siblings": siblings, "private": False}

        def _tree(self, folder: Path) -> list[dict[str, object]]:
            paths = sorted(path for path in folder.rglob("*") if path.is_file())
            return [
                {
                    "type": "file",
                    "path": path.relative_to(folder).as_posix(),
                    "size": path.stat().st_size,
                    "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                }
                for path in paths
            ]

        def _file(self, folder: Path, name: str, body: bool) -> None:
            path = folder / name
            if not path.is_file():
                absent = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": REVISION}
                self._send(404, b"", body, absent)
                return
            content = path.read_bytes()
            if body:
                hub.fetched.append(path.relative_to(root).as_posix())
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            self._send(200, content, body, {"ETag": etag, "X-Repo-Commit": REVISION})

        def _send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub = Hub(root, f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
