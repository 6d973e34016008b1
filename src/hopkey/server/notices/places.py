"""What counts as the same place a token is used from. Pure: the gate asks here too."""

from __future__ import annotations

import ipaddress

PLACES = 32
"""Networks that are remembered of a token. One that was used from so many roams: nothing is told about it any more."""


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 address, as text; empty for what is no address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 64), strict=False))
