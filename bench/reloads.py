#!/usr/bin/env python3
"""What a reload or an upgrade costs those who are served meanwhile: requests that fail, the longest wait, WebSockets that are cut.

bench/reloads.py [--reloads N] [--sockets N]: EdgeProxy, nginx (reload, and upgrade of the binary), HAProxy (master-worker) and Caddy, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import lay_out
from servers import Caddy, EdgeProxy, HAProxy, Nginx, Server

HELLO = b"hello, world\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (b"GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
    return (int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0), fields


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The backend: a short response, and a socket whose bytes come back."""
    try:
        while True:
            _, fields = await head(reader)
            if fields.get("upgrade", "").lower() == "websocket":
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
                while data := await reader.read(4096):
                    writer.write(data)
                    await writer.drain()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(HELLO), HELLO))
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class UpgradedNginx(Nginx):
    """The same, whose binary is replaced: it has to be a daemon for that. Once: it ignores SIGUSR2 while the process before still has connections."""

    name = "nginx-upgrade"
    most = 1

    def prepare(self) -> None:
        super().prepare()
        conf = self.run / "nginx.conf"
        conf.write_text(conf.read_text().replace("daemon off;", "daemon on;"))

    def master(self) -> int:
        return int((self.run / "nginx.pid").read_text())

    def start(self) -> float:
        subprocess.run(self.process.command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return 0  # it listens already

    def reload(self) -> None:
        old = self.master()
        os.kill(old, signal.SIGUSR2)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                if self.master() != old:
                    break
            except (OSError, ValueError):
                pass
            time.sleep(0.01)
        else:
            raise RuntimeError("nginx was not upgraded")
        time.sleep(0.2)  # its workers begin
        os.kill(old, signal.SIGQUIT)

    def stop(self) -> None:
        os.kill(self.master(), signal.SIGTERM)


class MasterHAProxy(HAProxy):
    def command(self) -> list[str]:
        return ["/usr/sbin/haproxy", "-W", "-db", "-f", str(self.run / "haproxy.cfg")]


def reload(server: Server) -> None:
    """As an operator or the server's package does it; returns when that does."""
    if isinstance(server, EdgeProxy):
        subprocess.run(
            [str(server.binary), "reload", "--socket", str(server.run / "edgeproxy.sock")],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    elif isinstance(server, UpgradedNginx):
        server.reload()
    elif isinstance(server, Nginx):
        os.kill(server.process.popen.pid, signal.SIGHUP)
    elif isinstance(server, HAProxy):
        os.kill(server.process.popen.pid, signal.SIGUSR2)
    else:
        subprocess.run(
            ["/usr/bin/caddy", "reload", "--force", "--config", str(server.run / "Caddyfile"), "--adapter", "caddyfile",
             "--address", f"unix/{server.run}/caddy.sock"],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


@dataclass
class Seen:
    requests: int = 0
    failed: int = 0

    #: On a kept connection that the server closed before a byte of the response: browsers ask again on a new one.
    repeated: int = 0
    longest: float = 0
    cut: int = 0


async def visit(port: int, keep: bool, seen: Seen, end: asyncio.Event) -> None:
    streams = None
    while not end.is_set():
        began = time.perf_counter()
        for attempt in (1, 2):
            kept = streams is not None
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", port)
                reader, writer = streams
                writer.write(GET)
                status, fields = await asyncio.wait_for(head(reader), 30)
                body = await reader.readexactly(int(fields["content-length"]))
                seen.failed += status != 200 or body != HELLO
                if not keep or fields.get("connection", "").lower() == "close":
                    writer.close()
                    streams = None
                break
            except asyncio.IncompleteReadError as broken:
                streams, again = None, kept and not broken.partial
            except (OSError, KeyError, asyncio.TimeoutError):
                streams, again = None, kept
            if not again or attempt == 2:
                seen.failed += 1
                break
            seen.repeated += 1
        seen.requests += 1
        seen.longest = max(seen.longest, time.perf_counter() - began)
        await asyncio.sleep(0.005)


async def talk(port: int, seen: Seen, end: asyncio.Event) -> None:
    """A message and its echo each second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE)
    status, _ = await head(reader)
    assert status == 101, status
    frame = b"\x82\x84\0\0\0\0ping"
    while not end.is_set():
        try:
            writer.write(frame)
            if await asyncio.wait_for(reader.readexactly(len(frame)), 30) != frame:
                raise OSError("another frame")
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            seen.cut += 1
            return
        await asyncio.sleep(1)
    writer.close()


async def load(server: Server, sockets: int, action) -> Seen:
    seen, end = Seen(), asyncio.Event()
    clients = [asyncio.create_task(visit(server.http, number < 8, seen, end)) for number in range(12)]
    talks = [asyncio.create_task(talk(server.http, seen, end)) for _ in range(sockets)]
    await asyncio.sleep(1)
    await action()
    end.set()
    await asyncio.gather(*clients, *talks)
    return seen


async def measure(server: Server, reloads: int, every: float, sockets: int) -> str:
    calm = await load(server, sockets, lambda: asyncio.sleep(reloads * every / 2))

    async def reload_all() -> None:
        for _ in range(min(reloads, getattr(server, "most", reloads))):
            await asyncio.gather(asyncio.to_thread(reload, server), asyncio.sleep(every))

    seen = await load(server, sockets, reload_all)
    return (f"| {server.name} | {seen.requests} | {seen.failed} | {seen.repeated} | {calm.longest * 1000:.0f} | {seen.longest * 1000:.0f} |"
            f" {seen.cut} of {sockets} |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=10)
    parser.add_argument("--every", type=float, default=1.5, help="seconds; default 1.5")
    parser.add_argument("--sockets", type=int, default=100, help="WebSockets; default 100")
    arguments = parser.parse_args()
    print("| server | requests | failed | repeated by the client | longest without, ms | longest, ms | WebSockets cut |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as directory:
        site = lay_out(Path(directory))
        backend = await asyncio.start_server(serve, "127.0.0.1", site.blue)
        for kind in (EdgeProxy, Nginx, UpgradedNginx, MasterHAProxy, Caddy):
            server = kind(site)
            await asyncio.to_thread(server.start)
            try:
                print(await measure(server, arguments.reloads, arguments.every, arguments.sockets), flush=True)
            finally:
                await asyncio.to_thread(server.stop)
        backend.close()


if __name__ == "__main__":
    asyncio.run(main())
