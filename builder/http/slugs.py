"""Slugs: how a thing is named in graphs, addresses and commands; made once, never changed."""

import re
from collections.abc import Callable

from django.utils.text import slugify

from builder.http.errors import Invalid

PATTERN = re.compile(r"^[a-z][a-z0-9_-]{0,62}$")


def check_slug(slug: str) -> str:
    """The slug itself; raises Invalid (invalid_slug) when it does not fit the pattern."""
    if not PATTERN.fullmatch(slug):
        raise Invalid(
            "invalid_slug",
            "A short name begins with a letter and has up to 63 lower-case letters, digits, - and _.",
            {"fields": [{"field": "slug", "message": "letters a to z, digits, - and _"}]},
        )
    return slug


def free_slug(title: str, is_taken: Callable[[str], bool], *, fallback: str) -> str:
    """A slug made from a title that nothing else has."""
    base = slugify(title)[:56].strip("-") or fallback
    if not base[0].isalpha():
        base = f"{fallback}-{base}"[:56].rstrip("-")
    slug, number = base, 2
    while is_taken(slug):
        slug, number = f"{base}-{number}", number + 1
    return slug
