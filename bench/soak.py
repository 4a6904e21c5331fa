#!/usr/bin/env python3
"""Keeps EdgeProxy busy with clients of every bad habit, and fails when a byte of a response is lost: bench/soak.py [--seconds 300] [--connections 1000].

Each client is one of: in order, pipelined, slow to read, slow to send, idle in between, half-closed (it sends no more while it waits: it counts as gone, and
what it gets must be a part of the response), reset while it reads, reset while it sends; a third of those that need no raw socket over TLS. Every response
that is to come whole is compared byte by byte; one that does not come in 60 seconds is lost. In the end the proxy must have given back its descriptors.
Needs the native binary, artifacts/native/edgeproxy.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import ssl
import struct
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from bench import lay_out
from servers import EdgeProxy, Site, free_port

PATIENCE = 60
BLOCK = random.Random(2).randbytes(1 << 20)
RESET = struct.pack("ii", 1, 0)


def content(start: int, size: int) -> bytes:
    return BLOCK[start:start + size]


class App:
    """GET /start/size: these bytes. POST: its own body."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
                if method == "POST":
                    body = await reader.readexactly(int(fields["content-length"]))
                else:
                    parts = path.strip("/").split("/")
                    body = content(int(parts[0]), int(parts[1])) if len(parts) == 2 else b"ok\n"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


class Lost(Exception):
    """A response that was to come whole did not."""


class Client:
    def __init__(self, server: EdgeProxy, counts: Counter, until: float, number: int):
        self.server, self.counts, self.until, self.chance = server, counts, until, random.Random(number)
        self.habits = [
            self.in_order, self.in_order, self.pipelined, self.slow_reader, self.slow_sender, self.idle, self.half_closed, self.reset_reader, self.reset_sender]

    async def run(self) -> None:
        await asyncio.sleep(self.chance.random() * 2)
        while time.monotonic() < self.until:
            habit = self.chance.choice(self.habits)
            writer = None
            try:
                async with asyncio.timeout(PATIENCE):
                    reader, writer = await self.connect(habit)
                    await habit(reader, writer)
                self.counts[habit.__name__] += 1
            except (Lost, TimeoutError, OSError, asyncio.IncompleteReadError) as lost:
                self.counts["LOST"] += 1
                if self.counts["LOST"] <= 20:
                    print(f"{habit.__name__}: {type(lost).__name__} {lost}", file=sys.stderr)
            finally:
                if writer is not None:
                    writer.transport.abort()

    async def connect(self, habit) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = habit.__name__ in ("in_order", "pipelined", "slow_sender", "idle") and self.chance.randrange(3) == 0
        client = socket.socket()
        client.setblocking(False)
        if habit == self.slow_reader:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.server.https if tls else self.server.http))
        if not tls:
            return await asyncio.open_connection(sock=client, limit=1 << 16)
        trust = ssl._create_unverified_context()
        return await asyncio.open_connection(sock=client, limit=1 << 16, ssl=trust, server_hostname="localhost")

    def ask(self, most: int = 200_000) -> tuple[bytes, bytes]:
        """A request, and the body that is due."""
        size = self.chance.choice((0, 13, 4096, self.chance.randrange(most)))
        start = self.chance.randrange(len(BLOCK) - most)
        if self.chance.randrange(3) == 0:
            body = content(start, size)
            return b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + body, body
        return b"GET /%d/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (start, size), content(start, size)

    @staticmethod
    async def head(reader: asyncio.StreamReader) -> int:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Lost(head[:200])
        return int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])

    async def whole(self, reader: asyncio.StreamReader, due: bytes) -> None:
        size = await self.head(reader)
        if size != len(due) or await reader.readexactly(size) != due:
            raise Lost(f"{size} bytes, not these {len(due)}")
        self.counts["responses"] += 1

    async def in_order(self, reader, writer) -> None:
        for _ in range(self.chance.randrange(1, 8)):
            request, due = self.ask()
            writer.write(request)
            await self.whole(reader, due)

    async def pipelined(self, reader, writer) -> None:
        asked = [self.ask(20_000) for _ in range(4)]
        writer.write(b"".join(request for request, _ in asked))
        for _, due in asked:
            await self.whole(reader, due)

    async def slow_reader(self, reader, writer) -> None:
        size = 400_000
        writer.write(b"GET /%d/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (7, size))
        due = content(7, await self.head(reader))
        at = 0
        while at < size:
            part = await reader.read(16_384)
            if not part or part != due[at:at + len(part)]:
                raise Lost(f"at {at} of {size}")
            at += len(part)
            await asyncio.sleep(0.02)
        self.counts["responses"] += 1

    async def slow_sender(self, reader, writer) -> None:
        request, due = self.ask(50_000)
        for at in range(0, len(request), 5000):
            writer.write(request[at:at + 5000])
            await writer.drain()
            await asyncio.sleep(0.05)
        await self.whole(reader, due)

    async def idle(self, reader, writer) -> None:
        for _ in range(2):
            request, due = self.ask(20_000)
            writer.write(request)
            await self.whole(reader, due)
            await asyncio.sleep(self.chance.random() * 3)

    async def half_closed(self, reader, writer) -> None:
        request, due = self.ask()
        writer.write(request)
        await writer.drain()
        writer.write_eof()
        try:
            received = await reader.read(-1)  # to the end, which must come
        except ConnectionResetError:
            return
        head, _, body = received.partition(b"\r\n\r\n")
        if received and (not head.startswith(b"HTTP/1.1 200") or not due.startswith(body)):
            raise Lost(received[:200])

    async def reset_reader(self, reader, writer) -> None:
        writer.write(b"GET /0/900000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.read(self.chance.randrange(1, 100_000))
        self.reset(writer)

    async def reset_sender(self, _, writer) -> None:
        writer.write(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\n" + content(0, self.chance.randrange(400_000)))
        await asyncio.sleep(self.chance.random() / 10)
        self.reset(writer)

    @staticmethod
    def reset(writer) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()


async def soak(server: EdgeProxy, port: int, seconds: float, connections: int) -> Counter:
    app = await asyncio.start_server(App().serve, "127.0.0.1", port, backlog=4096, limit=1 << 16)
    async with app:
        await asyncio.to_thread(server.start)
        counts = Counter()
        until = time.monotonic() + seconds
        clients = [Client(server, counts, until, number) for number in range(connections)]
        await asyncio.gather(*(client.run() for client in clients))
        left = Path(f"/proc/{server.process.popen.pid}/fd")
        for _ in range(100):
            if (count := len(list(left.iterdir()))) < max(100, connections / 2):
                break
            await asyncio.sleep(0.1)
        else:
            counts["LOST"] += 1
            print(f"{count} descriptors are still open", file=sys.stderr)
        counts["descriptors left"] = count
        await asyncio.to_thread(server.stop)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/soak.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--binary", type=Path, default=EdgeProxy.binary)
    arguments = parser.parse_args()
    EdgeProxy.binary = arguments.binary
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeproxy-soak-")))
        laid = lay_out(run)
        site = Site(run, laid.files, free_port(), free_port())
        server = EdgeProxy(site)
        stack.callback(server.stop)
        counts = asyncio.run(soak(server, site.blue, arguments.seconds, arguments.connections))
        log = (server.run / "edgeproxy.out").read_text(errors="replace").splitlines()
        bad = [at for at, line in enumerate(log) if line.startswith(("fail:", "crit:")) and "UnitAlignment" not in line]  # the unit is none
        errors = [" ".join(log[at:at + 3]) for at in bad]
    print(", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())), f"; errors in the log: {len(errors)}")
    print("\n".join(errors[:20]), end="")
    return 1 if counts["LOST"] or errors else 0


if __name__ == "__main__":
    sys.exit(main())
