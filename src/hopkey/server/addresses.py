"""The address a request really comes from, behind proxies that are trusted. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from hopkey.server.config import Network


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The nearest address in ``X-Forwarded-For`` that is no trusted proxy, seen from `peer`.

    Only what trusted proxies wrote is believed: the header is read from its end, and from a peer that is not trusted
    not at all.
    """
    address = peer
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()][-32:]
    while hops and trusted and is_within(address, trusted):
        candidate = hops.pop()
        if not is_address(candidate):
            break
        address = candidate
    return address


def is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


def is_address(text: str) -> bool:
    """Whether `text` is an address of the network: one with a zone means nothing to another machine."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def limit_key(address: str) -> str:
    """What attempts are counted by: an IPv4 address, or the /64 network of an IPv6 address, which one person has."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
    return address
