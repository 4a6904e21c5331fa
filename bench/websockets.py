"""WebSockets that speak: each sends a message when it has got the last one back. Run as a program it is the app that sends them back."""

from __future__ import annotations

import base64
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

from footprint import AT_REST, accept_key, own_directory, read_head
from loads import Sample
from servers import Server, Site, free_port, responds

#: Open at once, of which SPEAKING go on.
WEBSOCKETS = 1000
SPEAKING = 32

PAYLOAD = b"x" * 64
THERE = b"\x82" + bytes([0x80 | len(PAYLOAD)]) + bytes(4) + PAYLOAD  # a mask of zeros
BACK = b"\x82" + bytes([len(PAYLOAD)]) + PAYLOAD


class Talk:
    """A server of KIND in front of an app that echoes, and clients that have said one thing each."""

    def __init__(self, kind: type[Server], site: Site):
        self.stack = ExitStack()
        port = free_port()
        home = own_directory(site, kind)
        self.app = [sys.executable, __file__, str(port)]
        self.port = port
        self.server = kind(Site(home.run, home.files, port, free_port()))
        self.clients: list[socket.socket] = []

    def __enter__(self) -> Talk:
        app = subprocess.Popen(self.app, stdin=subprocess.DEVNULL)
        self.stack.callback(app.wait)
        self.stack.callback(app.terminate)
        while not responds(f"http://127.0.0.1:{self.port}/"):
            if app.poll() is not None:
                raise RuntimeError("the app of the WebSockets has ended")
            time.sleep(0.01)
        self.server.start()
        self.stack.callback(self.server.stop)
        time.sleep(AT_REST)
        self.before = self.server.process.memory_bytes()
        for _ in range(WEBSOCKETS):
            client = self.stack.enter_context(socket.create_connection(("127.0.0.1", self.server.http)))
            client.sendall(
                b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
            head = read_head(client)
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"{self.server.name} refuses a WebSocket: {head[:200]!r}")
            client.sendall(THERE)
            receive(client)
            self.clients.append(client)
        return self

    def memory_each(self) -> float:
        return (self.server.process.memory_bytes() - self.before) / WEBSOCKETS

    def __exit__(self, *_) -> None:
        self.stack.close()


def receive(client: socket.socket) -> None:
    """One message."""
    got = b""
    while len(got) < len(BACK):
        part = client.recv(len(BACK) - len(got))
        if not part:
            raise RuntimeError(f"a WebSocket was closed after {got!r}")
        got += part
    if got != BACK:
        raise RuntimeError(f"not what was sent: {got!r}")


def talk(one: Talk, seconds: float) -> Sample:
    took = []
    with select.epoll() as ready:
        speaking = {client.fileno(): client for client in one.clients[:SPEAKING]}
        sent = {}
        for number, client in speaking.items():
            ready.register(number, select.EPOLLIN)
            sent[number] = time.perf_counter()
            client.sendall(THERE)
        before, began = one.server.process.cpu_seconds(), time.perf_counter()
        while sent:
            for number, _ in ready.poll(20) or [(None, None)]:
                if number is None:
                    raise RuntimeError(f"{one.server.name}: nothing comes back")
                receive(speaking[number])
                now = time.perf_counter()
                took.append((now - sent.pop(number)) * 1e6)
                if now - began < seconds:
                    sent[number] = now
                    speaking[number].sendall(THERE)
        elapsed = time.perf_counter() - began
    took.sort()
    return Sample(
        len(took), elapsed, one.server.process.cpu_seconds() - before, 0, *(took[int(len(took) * part)] for part in (0.5, 0.99, 0.999)))


def echo(port: int) -> None:
    """Accepts every upgrade, and sends each message back. Ends with its process."""
    listening = socket.create_server(("127.0.0.1", port), backlog=4096)
    ready = select.epoll()
    ready.register(listening, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    heads: dict[int, bytes] = {}
    rest: dict[int, int] = {}
    while True:
        for number, _ in ready.poll():
            if number == listening.fileno():
                client, _ = listening.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()], heads[client.fileno()] = client, b""
                ready.register(client, select.EPOLLIN)
                continue
            client = clients[number]
            try:
                part = client.recv(65_536)
            except ConnectionError:
                part = b""
            if not part:
                clients.pop(number).close()
                heads.pop(number, None)
                rest.pop(number, None)
            elif number in rest:
                count, rest[number] = divmod(rest[number] + len(part), len(THERE))
                client.sendall(BACK * count)
            else:
                heads[number] += part
                if b"\r\n\r\n" in heads[number]:
                    greet(client, heads.pop(number), rest)


def greet(client: socket.socket, head: bytes, rest: dict[int, int]) -> None:
    if b"upgrade: websocket" not in head.lower():
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
        client.shutdown(socket.SHUT_WR)
        return
    key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n")
    rest[client.fileno()] = 0


if __name__ == "__main__":
    echo(int(sys.argv[1]))
