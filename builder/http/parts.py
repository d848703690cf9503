"""Pages of which htmx asks a part again at the page's own address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_page_or_part(request: HttpRequest, page: str, part: str, context: dict[str, Any]) -> HttpResponse:
    """The page for a visitor, its part for htmx.

    Both have one address, so a browser that kept the part would show it bare at the press of Back.
    """
    wants_part = request.headers.get("HX-Request") == "true"
    response = render(request, part if wants_part else page, context)
    patch_vary_headers(response, ["HX-Request"])
    if wants_part:
        response["Cache-Control"] = "no-store"
    return response
