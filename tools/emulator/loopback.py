"""Refuses every network address of this program except loopback.

A request that moto does not intercept would go to AWS. It fails instead, with
the address in the error.
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
        raise PermissionError(f"the program connects to {host}, which is not loopback")


def _is_loopback(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def only():
    """Refuses all other addresses from now on. An audit hook cannot be removed."""
    sys.addaudithook(_watch)
