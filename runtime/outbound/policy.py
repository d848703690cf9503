"""Which addresses the product may reach: a host is judged by every address that its name has at that moment."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import httpx2

from runtime.outbound.errors import Blocked

ADDRESSES_TRIED = 4
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Ranges that `is_global` takes for public (some only on older Pythons) and that lead to the machine itself,
# to its neighbours, or to a cloud's metadata.
_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "198.18.0.0/15",
        "fec0::/10",
        "64:ff9b:1::/48",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class OutboundPolicy:
    """Which private hosts may be reached all the same: by name (with or without port) or by network."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> OutboundPolicy:
        """From `host`, `host:port`, `[v6]:port` and CIDR entries, separated by commas."""
        hosts, networks = set(), []
        for entry in (part.strip().lower() for part in text.split(",")):
            if not entry:
                continue
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(entry.replace("[", "").replace("]", ""))
        return cls(frozenset(hosts), tuple(networks))

    def allows(self, host: str, port: int, addresses: Iterable[Address]) -> bool:
        """Whether every address of a host may be reached; one bad address refuses the host."""
        name = host.strip("[]").lower().rstrip(".")
        if name in self.hosts or f"{name}:{port}" in self.hosts:
            return True
        found = list(addresses)
        return bool(found) and all(self._allows_address(address) for address in found)

    def _allows_address(self, address: Address) -> bool:
        inner = _unwrapped(address)
        if any(inner in network or address in network for network in self.networks):
            return True
        refused = inner.is_multicast or inner.is_reserved or any(inner in network for network in _REFUSED)
        return inner.is_global and not refused


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside a mapped, 6to4, NAT64 or compatible IPv6 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    if address in _NAT64 or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def addresses_of(host: str, port: int) -> list[Address]:
    """Every address of a name; raises httpx2.ConnectError when it has none."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"the name {host} cannot be resolved") from error
    return list(dict.fromkeys(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos))


async def allowed_addresses(policy: OutboundPolicy, host: str, port: int) -> list[Address]:
    """The addresses to try, in order; raises Blocked, or httpx2.ConnectError when there are none."""
    addresses = await addresses_of(host, port)
    judge(policy, host, port, addresses)
    return addresses[:ADDRESSES_TRIED]


def judge(policy: OutboundPolicy, host: str, port: int, addresses: Iterable[Address]) -> None:
    """raises   Blocked"""
    if not policy.allows(host, port, addresses):
        raise Blocked(f"{host} leads to a private address")
