"""The files that pages load. Their addresses hold their content's hash, so a browser keeps them for ever."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from services.dashboard.rendering import STATIC


class _Kept(StaticFiles):
    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def static_files() -> StaticFiles:
    return _Kept(directory=STATIC)
