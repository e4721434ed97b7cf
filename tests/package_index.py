"""A package index on loopback, as pip reads one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class PackageIndex:
    """Serves the archives of a folder.

    Args:
        folder: it holds `dspy-VERSION.tar.gz` files.
        yanked: reasons by version.
        hashes: digests by version that the index states, where they are not those of the files.
        asked: paths that were asked for.
    """

    folder: Path
    url: str = ""
    yanked: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def page(self) -> str:
        """The project's page."""
        lines: list[str] = []
        for path in sorted(self.folder.glob("dspy-*.tar.gz")):
            version = path.name.removeprefix("dspy-").removesuffix(".tar.gz")
            sha256 = self.hashes.get(version) or hashlib.sha256(path.read_bytes()).hexdigest()
            yanked = f' data-yanked="{self.yanked[version]}"' if version in self.yanked else ""
            lines.append(f'<a href="/files/{path.name}#sha256={sha256}"{yanked}>{path.name}</a>')
        return "<!DOCTYPE html><html><body>" + "\n".join(lines) + "</body></html>"


@contextmanager
def serve(index: PackageIndex) -> Generator[PackageIndex]:
    """Serve it until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            file = index.folder / Path(self.path).name
            if self.path == "/simple/dspy/":
                self._send(index.page().encode(), "text/html")
            elif self.path.startswith("/files/") and file.is_file():
                self._send(file.read_bytes(), "application/octet-stream")
            else:
                self.send_error(404)

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
