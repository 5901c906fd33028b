"""Keeps this program off every network but loopback.

Whatever the emulator does not recognise as its own would go to AWS. Here it
fails instead, with the address that was asked for.
"""

import ipaddress
import socket
import sys


def _watch(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        host = arguments[1][0]
    else:
        return
    if not _is_loopback(host):
        raise PermissionError(f"the emulator asked for {host}, which is not loopback")


def _is_loopback(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def only():
    """Refuses every other address from now on. There is no way back: an audit hook stays."""
    sys.addaudithook(_watch)
