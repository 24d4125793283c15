"""A loopback TCP proxy that cuts the connection around one message, when told to."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

PLACES = ("request", "sent", "reply")


@dataclass(frozen=True)
class Cut:
    """Where to cut: in the request, after it was sent, or in the reply to it.

    `fraction` of the bytes still passes, 0 to 1; after `sent` it is milliseconds.
    """

    place: str
    fraction: float


def random_cut(rng: random.Random) -> Cut:
    return Cut(rng.choice(PLACES), rng.choice([0.0, 1.0, rng.random()]))


class Proxy:
    """Forwards one client at a time from 127.0.0.1 to a unix socket."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed: Cut | None = None
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
                with contextlib.suppress(OSError):
                    self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Pass bytes both ways until one side closes, or the cut is due."""
        is_cut_in_reply: float | None = None
        while True:
            readable, _, _ = select.select([client, server], [], [], 60)
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                if source is server:
                    if is_cut_in_reply is not None:
                        client.sendall(part(data, is_cut_in_reply))
                        return
                    client.sendall(data)
                    continue
                cut, self._armed = self._armed, None
                if cut is None:
                    server.sendall(data)
                elif cut.place == "request":
                    server.sendall(part(data, cut.fraction))
                    return
                elif cut.place == "sent":
                    server.sendall(data)
                    time.sleep(cut.fraction / 1000)
                    return
                else:
                    server.sendall(data)
                    is_cut_in_reply = cut.fraction
            if not readable:
                return


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
