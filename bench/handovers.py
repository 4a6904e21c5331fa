#!/usr/bin/env python3
"""Whether a handover makes anybody wait: the longest GET of each round, in turn without and with handovers.

bench/handovers.py [--rounds N] [--seconds N] [--binary FILE]: one client each of HTTP/1.1 on a kept and on a new connection, of TLS on a new connection, and of
HTTP/2. They have the priority of a machine of their own where they may (root), so that what is seen is the proxy's wait and not theirs.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import signal
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench import lay_out
from servers import EdgeProxy, backend

BETWEEN = 0.01


class Gone(Exception):
    """The server has said goodbye before it has read the request."""


class Http1:
    def __init__(self, server: EdgeProxy, trust: ssl.SSLContext | None, keep: bool):
        self.server, self.trust, self.keep, self.connection = server, trust, keep, None

    def get(self) -> None:
        if self.connection is None:
            self.connection = http.client.HTTPSConnection("localhost", self.server.https, timeout=30, context=self.trust) if self.trust \
                else http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=30)
        try:
            self.connection.request("GET", "/")
            response = self.connection.getresponse()
            response.read()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as broken:
            self.close()
            raise Gone from broken
        if response.status != 200:
            raise OSError(response.status)
        if not self.keep or response.will_close:
            self.close()

    def close(self) -> None:
        self.connection.close()
        self.connection = None


class Http2:
    """As much of it as a GET takes: RFC 9113."""

    def __init__(self, server: EdgeProxy, trust: ssl.SSLContext):
        self.server, self.trust, self.socket = server, trust, None

    def get(self) -> None:
        if self.socket is None:
            plain = socket.create_connection(("localhost", self.server.https), 30)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket, self.read, self.stream = self.trust.wrap_socket(plain, server_hostname="localhost"), b"", -1
            self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        self.stream += 2
        try:
            self.socket.sendall(frame(1, 5, self.stream, b"\x82\x84\x87\x01\x09localhost"))
            self.respond()
        except (BrokenPipeError, ConnectionResetError) as broken:
            self.close()
            raise Gone from broken

    def respond(self) -> None:
        status, goodbye = b"", False
        while True:
            kind, flags, stream, body = self.next()
            if kind == 4 and not flags & 1:
                self.socket.sendall(frame(4, 1, 0))
            elif kind == 7:
                goodbye = True
                if int.from_bytes(body[:4], "big") & 0x7fffffff < self.stream:
                    self.close()
                    raise Gone
            elif kind == 3:
                raise OSError("RST_STREAM")
            elif stream == self.stream:
                status = body.lstrip(bytes(range(0x20, 0x40)))[:1] if kind == 1 else status  # behind changes of the table's size
                if flags & 1:
                    break
        if status != b"\x88":
            raise OSError(status)
        if goodbye:
            self.close()

    def next(self) -> tuple[int, int, int, bytes]:
        while len(self.read) < 9 or len(self.read) < 9 + int.from_bytes(self.read[:3], "big"):
            more = self.socket.recv(65536)
            if not more:
                self.close()
                raise Gone
            self.read += more
        end = 9 + int.from_bytes(self.read[:3], "big")
        found = self.read[3], self.read[4], int.from_bytes(self.read[5:9], "big") & 0x7fffffff, self.read[9:end]
        self.read = self.read[end:]
        return found

    def close(self) -> None:
        self.socket.close()
        self.socket = None


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


KINDS = {
    "plain, kept": lambda server, _: Http1(server, None, keep=True),
    "plain, new": lambda server, _: Http1(server, None, keep=False),
    "TLS, new": lambda server, trust: Http1(server, trust(["http/1.1"]), keep=False),
    "h2": lambda server, trust: Http2(server, trust(["h2"])),
}


def visit(kind: str, server: EdgeProxy, results) -> None:
    """Until it is told to end. Sends when the longest began and how long it took, how many there were, and what failed."""
    def trust(protocols: list[str]) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=server.run / "cert.pem")
        context.set_alpn_protocols(protocols)
        return context

    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass
    client = KINDS[kind](server, trust)
    while results.recv():  # a phase begins
        shots, failed = [], []
        while not results.poll(BETWEEN):
            began = time.monotonic()
            try:
                try:
                    client.get()
                except Gone:
                    client.get()  # as browsers do
            except (OSError, Gone) as fault:
                failed.append(repr(fault))
            shots.append((time.monotonic() - began, began))
        results.recv()
        results.send((shots, failed))


def phase(pipes: list, action) -> list:
    for pipe in pipes:
        pipe.send(True)
    action()
    for pipe in pipes:
        pipe.send(True)
    return [pipe.recv() for pipe in pipes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=10, help="of each half of a round; default 10")
    parser.add_argument("--every", type=float, default=1.5, help="seconds between handovers; default 1.5")
    parser.add_argument("--binary", type=Path, default=EdgeProxy.binary)
    parser.add_argument("--slow", type=float, help="lists GETs with handovers that took longer, in ms: when they began after the last handover did")
    arguments = parser.parse_args()
    EdgeProxy.binary = arguments.binary
    with tempfile.TemporaryDirectory(prefix="edgeproxy-bench-") as directory:
        site = lay_out(Path(directory))
        app = backend(site.run, site.files, site.blue)
        app.start()
        server = EdgeProxy(site)
        server.start()
        ours, theirs = zip(*(multiprocessing.Pipe() for _ in KINDS))
        clients = [multiprocessing.Process(target=visit, args=(kind, server, pipe)) for kind, pipe in zip(KINDS, theirs)]
        for client in clients:
            client.start()
        try:
            measure(ours, server, arguments)
        finally:
            for pipe in ours:
                pipe.send(False)
            for client in clients:
                client.join(60)
            os.killpg(server.process.popen.pid, signal.SIGKILL)  # all processes that followed the first one
            app.stop()


def measure(pipes: list, server: EdgeProxy, arguments) -> None:
    handovers = []

    def hand_over() -> None:
        until = time.monotonic() + arguments.seconds
        while (now := time.monotonic()) + arguments.every <= until:
            subprocess.run(
                [str(server.binary), "reload", "--socket", str(server.run / "edgeproxy.sock")],
                check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            handovers.append((now, time.monotonic()))
            time.sleep(max(0, now + arguments.every - time.monotonic()))

    phase(pipes, lambda: time.sleep(1))  # warm
    longest, count, failed = {kind: ([], []) for kind in KINDS}, 0, []
    for number in range(arguments.rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            for kind, (shots, faults) in zip(KINDS, phase(pipes, hand_over if which else lambda: time.sleep(arguments.seconds))):
                longest[kind][which].append(max(shots)[0] * 1000)
                count += len(shots)
                failed += faults
                for took, began in shots if which and arguments.slow else []:
                    if took * 1000 > arguments.slow:
                        last = max((handover for handover in handovers if handover[0] <= began + took), default=(began, began))
                        print(f"{kind}: {took * 1000:.0f} ms, {(began - last[0]) * 1000:.0f} ms after a call of {(last[1] - last[0]) * 1000:.0f} ms")
    longest["all"] = tuple([max(longest[kind][which][i] for kind in KINDS) for i in range(arguments.rounds)] for which in (0, 1))
    print(f"{count} requests, {len(failed)} failed {failed[:3]}, {len(handovers)} handovers")
    print("| | longest without, ms, median (worst) of the rounds | with | difference in a round, median (worst) |")
    print("|---|---|---|---|")
    for kind, (without, with_them) in longest.items():
        differences = [b - a for a, b in zip(without, with_them)]
        print("| " + " | ".join([kind, *(f"{statistics.median(row):.0f} ({max(row):.0f})" for row in (without, with_them, differences))]) + " |")


if __name__ == "__main__":
    main()
