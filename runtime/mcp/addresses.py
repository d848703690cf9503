"""Addresses of resources: fixed ones, and templates whose variables a step fills in.

source   RFC 6570, as far as `mcp.shared.uri_template` knows it
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

WITH_HOST = frozenset({"http", "https", "ws", "wss", "ftp"})
"""Schemes whose host says where a request would go; in others the server alone knows what the address means."""
_HOST = re.compile(r"(//[^/?#]*[/?#])|(?!/)")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")


class AddressUnusable(Exception):
    """An address that cannot be read; the text says why."""


@dataclass(frozen=True)
class Variable:
    """required   false in the query, where one that is not there is left out"""

    name: str
    required: bool


@lru_cache(maxsize=1024)
def variables_of(uri: str) -> tuple[Variable, ...]:
    """The variables of a template in their order, none for a fixed address; raises AddressUnusable."""
    template = _parsed(uri)
    optional = {part.name for part in template.variables if part.operator in {"?", "&"}}
    names = dict.fromkeys(template.variable_names)
    return tuple(Variable(name, name not in optional) for name in names)


def expanded(uri: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """The address with its variables filled in, each written as its place asks for; raises AddressUnusable."""
    if not UriTemplate.is_template(uri):
        return uri
    return _parsed(uri).expand(values)


def open_origin(uri: str) -> str:
    """Why the beginning of an address is not fixed, as a sentence; empty where it is.

    No expression may choose the scheme or the host. A variable may, where its scheme is the server's own: what such an
    address means only that server knows, and it is the one that offers the template.
    """
    fixed = uri.partition("{")[0]
    scheme = _SCHEME.match(fixed)
    if scheme is None:
        return "The address must begin with a fixed scheme, such as file: or orders:."
    if fixed == uri:
        return ""
    is_expression = uri[len(fixed) :].startswith("{{")
    rest = fixed[scheme.end() :]
    if (is_expression or scheme[1].lower() in WITH_HOST) and not _HOST.match(rest):
        return "The host of the address must be fixed; what varies may follow after it."
    return ""


@lru_cache(maxsize=1024)
def _parsed(uri: str) -> UriTemplate:
    try:
        return UriTemplate.parse(uri)
    except InvalidUriTemplate as error:
        raise AddressUnusable(str(error)) from error
