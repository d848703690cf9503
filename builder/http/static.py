"""Serves built and static files ahead of Django: WhiteNoise's own middleware would need a thread per request."""

from __future__ import annotations

import mimetypes
from email.utils import formatdate
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

FOREVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=60"
MAX_FILE_BYTES = 16 * 1024 * 1024


class StaticFiles:
    """Answers GET /static/…; files that the build names by their content are kept by browsers for ever."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._roots = {"dist": Path(settings.FRONTEND_DIST)}
        self._own = [Path(path) for path in settings.STATICFILES_DIRS]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if not path.startswith(settings.STATIC_URL) or scope.get("method") not in {"GET", "HEAD"}:
            await self._inner(scope, receive, send)
            return
        found = await sync_to_async(self._find)(path.removeprefix(settings.STATIC_URL))
        if found is None:
            await _answer(send, 404, b"Not found", [(b"content-type", b"text/plain")])
            return
        body, headers = found
        if (b"if-none-match", dict(headers)[b"etag"]) in scope["headers"]:
            await _answer(send, 304, b"", headers)
            return
        await _answer(send, 200, b"" if scope["method"] == "HEAD" else body, headers)

    def _find(self, name: str) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
        root, _, rest = name.partition("/")
        candidates = (
            [(self._roots[root], rest)] if root in self._roots else [(own, name) for own in self._own]
        )
        for folder, relative in candidates:
            if not relative or "\x00" in relative:
                continue
            path = (folder / relative).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return _file(path, immutable=root == "dist" and "assets" in path.parts)
        return None


def _file(path: Path, *, immutable: bool) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    stat = path.stat()
    if stat.st_size > MAX_FILE_BYTES:
        return None
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix in {".js", ".mjs"}:
        kind = "text/javascript"
    headers = {
        "content-type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "content-length": str(stat.st_size),
        "cache-control": FOREVER if immutable else BRIEFLY,
        "etag": f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"',
        "last-modified": formatdate(stat.st_mtime, usegmt=True),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    return path.read_bytes(), [(name.encode(), value.encode()) for name, value in headers.items()]


async def _answer(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
