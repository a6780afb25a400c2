# SPDX-License-Identifier: MIT
"""IP packets made by hand, and a way to put them into an official node's tunnel as if its system had sent them."""

import ipaddress
import socket
import struct
import sys
from typing import Literal

from lab import Lab

type Host = Literal["a", "b"]

UDP, TCP, ICMP = 17, 6, 1
_PUT = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as s:
    for line in sys.stdin:
        packet = bytes.fromhex(line)
        s.sendto(packet, (sys.argv[1], 0x86DD if packet[0] >> 4 == 6 else 0x0800))
"""


def put(lab: Lab, host: Host, interface: str, *packets: bytes) -> None:
    """Send packets out of an interface exactly as they are."""
    argv = [sys.executable, "-c", _PUT, interface]
    lab.feed(host, "\n".join(packet.hex() for packet in packets) + "\n", *argv)


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(
    source: str, destination: str, protocol: int, body: bytes, *, fragment: int = 0, more: bool = False, number: int = 1
) -> bytes:
    """Return an IP packet; `fragment` is the offset in bytes, IPv4 only."""
    if ":" in source:
        head = struct.pack(">IHBB", 0x6000_0000, len(body), protocol, 64)
        return head + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + body
    flags = fragment // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, flags, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def _pseudo(source: str, destination: str, protocol: int, size: int) -> bytes:
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return packed + struct.pack(">IHBB", size, 0, 0, protocol)


def udp(source: str, destination: str, port: int, payload: bytes) -> bytes:
    """Return a UDP datagram, header and checksum included, without its IP header."""
    head = struct.pack(">HHHH", 40000, port, 8 + len(payload), 0)
    total = checksum(_pseudo(source, destination, UDP, 8 + len(payload)) + head + payload)
    return head[:6] + struct.pack(">H", total or 0xFFFF) + payload


def syn(source: str, destination: str, port: int, source_port: int = 40000) -> bytes:
    """Return a TCP segment that asks for a connection, without its IP header."""
    head = struct.pack(">HHIIBBHHH", source_port, port, 1, 0, 0x50, 2, 65535, 0, 0)
    total = checksum(_pseudo(source, destination, TCP, len(head)) + head)
    return head[:16] + struct.pack(">H", total) + head[18:]


def numbered(source: str, destination: str, port: int, number: int) -> bytes:
    """Return a whole UDP packet as the listener of test_robustness understands it."""
    return ip(source, destination, UDP, udp(source, destination, port, b"%08d" % number + bytes(number % 1000)))
