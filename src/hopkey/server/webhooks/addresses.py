"""Which addresses a webhook may lead to. Judged on the address that is connected to, after the name was resolved. Pure.

Never: what only this machine's hypervisor or link would answer (link-local, and with it the metadata of clouds),
multicast, broadcast and reserved ranges. Private ranges and loopback by a setting.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254")
)
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_IETF = ipaddress.ip_network("192.0.0.0/24")


def refusal(address: Address, *, private: bool) -> str:
    """Why nothing is sent to this address, in words; empty if it may be."""
    for inner in _inside(address):
        why = _refusal(inner, private=private)
        if why:
            return why
    return ""


def _refusal(address: Address, *, private: bool) -> str:
    if address in _METADATA:
        return "it is where clouds keep the credentials of machines"
    if address.is_link_local:
        return "it is a link-local address"
    if address.is_multicast or address.is_unspecified:
        return "it is no address of one machine"
    if address.is_loopback:
        return "" if private else "it is this machine itself, and HOPKEY_WEBHOOK_PRIVATE does not allow that"
    if address.is_reserved or (address.version == 4 and address in ipaddress.ip_network("240.0.0.0/4")):
        return "it is a reserved address"
    if address in _IETF:
        return "it is a reserved address"
    if not address.is_global or (address.version == 6 and address.is_site_local):
        return "" if private else "it is a private address, and HOPKEY_WEBHOOK_PRIVATE does not allow that"
    return ""


def _inside(address: Address) -> list[Address]:
    """What is to be judged: the address, and any IPv4 address that packets to it may end at.

    Mapped and translated (NAT64) addresses are but another way to write the one inside, which alone counts.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None or any(address in network for network in _NAT64):
        return [low]
    found: list[Address] = [address]
    for inner in (address.sixtofour, *(address.teredo or ())):
        if inner is not None:
            found.append(inner)
    if int(address) >> 32 == 0 and int(address) > 1:
        found.append(low)  # IPv4-compatible, which nothing uses any more
    return found
