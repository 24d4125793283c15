"""A loopback TCP proxy that cuts or delays around one message, when told to."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

PLACES = ("request", "sent", "reply", "anywhere")
# About what a request and its reply take, in both directions.
FAR = 1500
# Linger for no time: the kernel then sends a reset.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Cut:
    """Where to cut: in the request, after it was sent, in the reply, or anywhere.

    `fraction` of the bytes still passes, 0 to 1; after `sent` it is milliseconds, and
    `anywhere` is a share of FAR bytes, whichever way they go, from the request on.
    With `is_reset` the client's line ends with a TCP reset, and the request waits
    `delay` seconds before all this. The place `nowhere` only delays.
    """

    place: str
    fraction: float = 1.0
    is_reset: bool = False
    delay: float = 0.0


def random_cut(rng: random.Random) -> Cut:
    """Make a cut at a random place, in one of three a delay, and one of two a reset."""
    delay = rng.random() * 0.005 if rng.random() < 1 / 3 else 0.0
    fraction = rng.choice([0.0, 1.0, rng.random()])
    return Cut(rng.choice(PLACES), fraction, rng.random() < 0.5, delay)


class Proxy:
    """Forwards one client at a time from 127.0.0.1 to a unix socket."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed: Cut | None = None
        # How many bytes still pass, when it is decided.
        self._left: int | None = None
        self._is_reset = False
        self.resets = 0
        self.delays = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def arm(self, cut: Cut) -> None:
        """Cut at the next message from the client."""
        self._armed = cut

    def close(self) -> None:
        # Closing a socket does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as server:
                server.connect(self._upstream)
                self._left = None
                self._is_reset = False
                with contextlib.suppress(OSError):
                    if self._forward(client, server) and self._is_reset:
                        self.resets += 1
                        # Closing drops what is not sent yet, and says so.
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def _forward(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass bytes both ways until one side closes, or the cut is due: then true."""
        is_cut_in_reply: float | None = None
        while True:
            readable, _, _ = select.select([client, server], [], [], 60)
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return False
                if source is server:
                    if is_cut_in_reply is not None:
                        client.sendall(part(data, is_cut_in_reply))
                        return True
                    if not self._pass(data, client):
                        return True
                    continue
                cut, self._armed = self._armed, None
                if cut is not None:
                    self._prepare(cut)
                if cut is None or cut.place in ("anywhere", "nowhere"):
                    if not self._pass(data, server):
                        return True
                elif cut.place == "request":
                    server.sendall(part(data, cut.fraction))
                    return True
                elif cut.place == "sent":
                    server.sendall(data)
                    time.sleep(cut.fraction / 1000)
                    return True
                else:
                    server.sendall(data)
                    is_cut_in_reply = cut.fraction
            if not readable:
                return False

    def _prepare(self, cut: Cut) -> None:
        """Wait as long as a cut says, and note what is to come later."""
        if cut.delay:
            self.delays += 1
            time.sleep(cut.delay)
        self._is_reset = cut.is_reset
        if cut.place == "anywhere":
            self._left = int(cut.fraction * FAR)

    def _pass(self, data: bytes, to: socket.socket) -> bool:
        """Send on, but no more bytes than are left; say whether all went."""
        if self._left is not None and self._left < len(data):
            to.sendall(data[: self._left])
            return False
        if self._left is not None:
            self._left -= len(data)
        to.sendall(data)
        return True


def part(data: bytes, fraction: float) -> bytes:
    """Give the beginning of some bytes, never all of them."""
    return data[: min(int(len(data) * fraction), len(data) - 1)]


@contextlib.contextmanager
def proxy_to(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
