"""Start time and memory: at rest, under idle keep-alive connections, under idle WebSockets."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

from servers import Server, Site, free_port

#: Seconds after the first response until a server is at rest: EdgeProxy gives back what its start used.
AT_REST = 3


@dataclass
class Footprint:
    cold_start: float
    idle: int
    connections: int
    websocket: int | None


class WebSocketBackend:
    """Accepts every upgrade and then stays silent. Its owner closes it, which ends its thread."""

    def __init__(self):
        self.port = free_port()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=4096)
        self.open: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                client.close()
                return
            head += part
        if b"upgrade: websocket" in head.lower():
            key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                           + accept_key(key) + b"\r\n\r\n")
            self.open.append(client)
        else:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
            client.close()

    def close(self) -> None:
        self.listener.close()
        for client in self.open:
            client.close()


def accept_key(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def keep_alive(server: Server, count: int, stack: ExitStack) -> None:
    """COUNT connections, each of which had one request answered and stays open."""
    for _ in range(count):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.http)))
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read_head(client)


def websockets(server: Server, count: int, stack: ExitStack) -> None:
    for _ in range(count):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.http)))
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
        head = read_head(client)
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"{server.name} refuses a WebSocket: {head[:200]!r}")


def read_head(client: socket.socket) -> bytes:
    client.settimeout(20)
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(65_536)
        if not part:
            raise RuntimeError(f"closed after {head[:200]!r}")
        head += part
    return head


def footprint(kind: type[Server], site: Site, count: int, starts: int) -> Footprint:
    """Measures KIND in processes of its own. Cold start: the shortest of STARTS, as noise only ever adds."""
    cold = []
    for _ in range(starts):
        server = kind(own_directory(site, kind))
        cold.append(server.start())
        time.sleep(AT_REST)
        idle = server.process.memory_bytes()
        server.stop()

    with ExitStack() as stack:
        server = kind(own_directory(site, kind))
        server.start()
        stack.callback(server.stop)
        keep_alive(server, count, stack)
        connections = server.process.memory_bytes()

    with ExitStack() as stack:
        sockets = WebSocketBackend()
        stack.callback(sockets.close)
        home = own_directory(site, kind)
        server = kind(Site(home.run, home.files, sockets.port, sockets.port + 1))
        server.start()
        stack.callback(server.stop)
        before = server.process.memory_bytes()
        websockets(server, count, stack)
        each = (server.process.memory_bytes() - before) // count
    return Footprint(min(cold), idle, connections, each)


def own_directory(site: Site, kind: type[Server]) -> Site:
    """A directory in which a server of the same name does not run yet."""
    number = len(list(site.run.glob(f"alone-{kind.name}-*")))
    run = site.run / f"alone-{kind.name}-{number}"
    run.mkdir()
    for shared in ("cert.pem", "key.pem", "both.pem"):
        (run / shared).write_bytes((site.run / shared).read_bytes())
    return Site(run, site.files, site.blue, site.green)
