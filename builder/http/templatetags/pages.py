"""What templates need beyond Django: icons, states, the built frontend, and data in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nh3
from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from builder.http.odd_characters import parts

register = template.Library()

STATES: dict[str, tuple[str, str]] = {
    "queued": ("circle-dashed", "Queued"),
    "running": ("loader-circle", "Running"),
    "waiting": ("clock", "Waiting"),
    "needs_attention": ("triangle-alert", "Needs attention"),
    "paused": ("pause", "Paused"),
    "succeeded": ("check", "Done"),
    "failed": ("x", "Failed"),
    "cancelled": ("ban", "Cancelled"),
    "open": ("user-round", "Waiting for an answer"),
    "overdue": ("bell", "Reminder"),
    "answered": ("check", "Answered"),
    "expired": ("clock", "Expired"),
    "ok": ("check", "Connected"),
    "error": ("x", "Cannot connect"),
    "unknown": ("circle-dashed", "Not tried yet"),
    "live": ("check", "Live"),
    "draft": ("circle-dashed", "Draft"),
    "changed": ("triangle-alert", "Changed"),
    "blocked": ("ban", "Not allowed"),
    "skipped": ("circle-dashed", "Skipped"),
}
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable("image")


def _link_end(renderer: Any, tokens: Sequence[Token], position: int, options: Any, env: Any) -> str:
    """The end of a link, and where it leads: words of strangers must not hide an address."""
    opening = next(token for token in reversed(tokens[:position]) if token.type == "link_open")
    address = str(opening.attrGet("href") or "")
    said = "".join(token.content for token in tokens[tokens.index(opening) : position])
    return "</a>" if said == address else f"</a> ({escape(_host_of(address))})"


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or address
    except ValueError:
        return address


_MARKDOWN.add_render_rule("link_close", _link_end)
_TAGS = {
    "p",
    "br",
    "em",
    "strong",
    "ul",
    "ol",
    "li",
    "code",
    "pre",
    "blockquote",
    "a",
    "h1",
    "h2",
    "h3",
    "hr",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite that the frontend's build makes; it follows the text colour."""
    return format_html('<svg aria-hidden="true"><use href="/static/dist/icons.svg#{}"></use></svg>', name)


@register.simple_tag
def status_pill(status: str, word: str = "") -> SafeString:
    """A state: always icon and word."""
    name, usual = STATES.get(status, ("circle-dashed", status.replace("_", " ").capitalize()))
    return format_html(
        '<span class="status-pill" data-status="{}">{}{}</span>', status, icon(name), word or usual
    )


@register.simple_tag
def frontend_tags(entry: str, nonce: str = "") -> SafeString:
    """Stylesheets and the module script of an entry of the built frontend."""
    manifest = _manifest(_manifest_stamp())
    source = next((key for key in manifest if key.startswith(f"src/app/{entry}.")), None)
    if source is None:
        return mark_safe("<!-- The frontend is not built: run make setup. -->")
    styles, scripts = _files(manifest, source)
    links = format_html_join(
        "\n", '<link rel="stylesheet" href="/static/dist/{}">', ((name,) for name in styles)
    )
    preloads = format_html_join(
        "\n", '<link rel="modulepreload" href="/static/dist/{}">', ((name,) for name in scripts[1:])
    )
    module = format_html(
        '<script type="module" src="/static/dist/{}" nonce="{}"></script>', scripts[0], nonce
    )
    return mark_safe(f"{links}\n{preloads}\n{module}")  # noqa: S308  made of escaped parts


def _manifest_stamp() -> float:
    path = Path(settings.FRONTEND_DIST) / "manifest.json"
    return path.stat().st_mtime if path.exists() else 0.0


@lru_cache(maxsize=4)
def _manifest(stamp: float) -> dict[str, Any]:
    path = Path(settings.FRONTEND_DIST) / "manifest.json"
    manifest: dict[str, Any] = json.loads(path.read_text()) if stamp else {}
    return manifest


def _files(manifest: dict[str, Any], source: str) -> tuple[list[str], list[str]]:
    """Styles and scripts of an entry and of everything that it imports, its own script first."""
    styles: list[str] = []
    scripts: list[str] = []
    pending, seen = [source], set()
    while pending:
        key = pending.pop(0)
        if key in seen:
            continue
        seen.add(key)
        chunk = manifest[key]
        scripts.append(chunk["file"])
        styles += [name for name in chunk.get("css", ()) if name not in styles]
        pending += chunk.get("imports", ())
    return styles, scripts


@register.filter
def ago(at: datetime | None) -> str:
    """ "5 minutes ago", with the day for what is older than a week."""
    if at is None:
        return ""
    seconds = (timezone.now() - at).total_seconds()
    if seconds < 0:
        return _span(-seconds, "in {}")
    if seconds > 7 * 86400:
        return at.strftime("%-d %b %Y")
    return "just now" if seconds < 10 else _span(seconds, "{} ago")


def _span(seconds: float, form: str) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return form.format(f"{count} {word}{'' if count == 1 else 's'}")
    return form.format("a moment")


@register.filter
def took(run: Any) -> str:
    """How long a run took, or nothing while it goes on."""
    if not run.started_at or not run.ended_at:
        return ""
    seconds = (run.ended_at - run.started_at).total_seconds()
    return (
        f"{seconds * 1000:.0f} ms"
        if seconds < 1
        else f"{seconds:.1f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
    )


@register.filter
def in_words(value: Any) -> SafeString:
    """Data as names and values; never raw JSON where words will do."""
    return _words(value, 0)


def _words(value: Any, depth: int) -> SafeString:
    if value in (None, ""):
        return mark_safe('<span class="sub">empty</span>')
    if isinstance(value, bool):
        return format_html("{}", "Yes" if value else "No")
    if isinstance(value, dict) and depth < 5:
        rows = ((_label(name), _words(item, depth + 1)) for name, item in value.items())
        return format_html('<dl class="kv">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))
    if isinstance(value, list) and depth < 5:
        if all(not isinstance(item, (dict, list)) for item in value):
            return format_html("{}", ", ".join(map(str, value)))
        return format_html(
            "<ol>{}</ol>", format_html_join("", "<li>{}</li>", ((_words(i, depth + 1),) for i in value))
        )
    return format_html("{}", value)


def _label(name: Any) -> str:
    text = str(name).replace("_", " ")
    return text[:1].upper() + text[1:]


@register.filter
def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def markdown(text: str) -> SafeString:
    """Text of an author or of a model: simple marks, no raw HTML, no remote image, links with their host beside them."""
    clean = nh3.clean(
        _MARKDOWN.render(text),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
    )
    return mark_safe(clean)  # noqa: S308  cleaned just before


@register.filter
def exactly(text: str) -> SafeString:
    """Text of strangers with every character that hides or pretends made visible."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<mark class="odd" title="{}">{}</mark>', what, what.split()[0]) if what else run,)
            for run, what in parts(text or "")
        ),
    )


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """mapping[key], or nothing."""
    return mapping.get(key) if isinstance(mapping, dict) else None


@register.filter
def address_parts(address: str) -> dict[str, Any]:
    """A stranger's address so that its host stands out; is_odd: the host has letters beyond ASCII."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    before, _, after = address.partition(parts.netloc)
    port = f":{parts.port}" if parts.port else ""
    ascii_host = host if host.isascii() else host.encode("ascii", "backslashreplace").decode()
    is_odd = not host.isascii() or "xn--" in host
    return {"before": before, "host": host, "after": port + after, "is_odd": is_odd, "ascii_host": ascii_host}


@register.filter
def grouped(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


@register.filter
def percent(share: float | None) -> str:
    """A share; one that is small is not none."""
    if not share:
        return "0 %"
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "under 1 %"


@register.filter
def milliseconds(value: float) -> str:
    """A time as people say it."""
    if value < 1000:
        return f"{value:.0f} ms"
    if value < 60_000:
        return f"{value / 1000:.1f} s"
    return f"{value / 60_000:.0f} min" if value < 7_200_000 else f"{value / 3_600_000:.0f} h"


@register.filter
def unlocalized(number: float) -> str:
    """As SVG reads it, whatever the language."""
    return f"{number:g}"
