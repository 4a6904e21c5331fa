#!/usr/bin/env python3
"""How long requests take while clients that only send a ClientHello keep a server's TLS port busy.

Usage: handshakes.py NAME HTTP_PORT HTTPS_PORT PATH [SECONDS]

Three kinds of requests are timed, one after another every 50 ms: on a new plain connection, on one kept TLS connection, and on a new TLS connection. First
without a flood, then with 40 connections at a time from another address, then from the same one. A flooding client closes as soon as it has got a response.
Any server will do that listens on 127.0.0.1 and has a certificate for the name.
"""

import http.client
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable

CONNECTIONS = 40


def client_hello(name: str) -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def flood(name: str, port: int, source: str, end: float, responses: list[int]) -> None:
    hello = client_hello(name)
    while time.monotonic() < end:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=12, source_address=(source, 0)) as connection:
                connection.sendall(hello)
                if connection.recv(1) == b'\x16':
                    responses.append(1)
        except OSError:
            pass  # refused, or out of time: the next one


def get(connection: http.client.HTTPConnection, name: str, path: str) -> None:
    connection.request('GET', path, headers={'Host': name})
    connection.getresponse().read()


class To127(http.client.HTTPSConnection):
    """Connects to 127.0.0.1, whatever the name."""

    def connect(self) -> None:
        plain = socket.create_connection(('127.0.0.1', self.port), timeout=self.timeout)
        self.sock = ssl._create_unverified_context().wrap_socket(plain, server_hostname=self.host)


def timed(kind: str, once: Callable[[], None], end: float) -> None:
    times, errors = [], 0
    while time.monotonic() < end:
        begin = time.monotonic()
        try:
            once()
        except (OSError, http.client.HTTPException):
            errors += 1
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(0.05)
    times.sort()
    middle, late = times[len(times) // 2], times[int(len(times) * 0.95)]
    sys.stdout.write(f'  {kind:8} {len(times):4} requests, {errors} failed, p50 {middle:.1f} ms, p95 {late:.1f} ms, max {times[-1]:.1f} ms\n')


def measure(name: str, plain_port: int, tls_port: int, path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    kept = To127(name, tls_port, timeout=15)

    def new(connection: http.client.HTTPConnection) -> None:
        get(connection, name, path)
        connection.close()

    kinds: dict[str, Callable[[], None]] = {
        'plain': lambda: new(http.client.HTTPConnection('127.0.0.1', plain_port, timeout=15)),
        'kept TLS': lambda: get(kept, name, path),
        'new TLS': lambda: new(To127(name, tls_port, timeout=15)),
    }
    threads = [threading.Thread(target=timed, args=(kind, once, end)) for kind, once in kinds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(name: str, plain_port: int, tls_port: int, path: str, seconds: float = 8) -> None:
    print('no flood')
    measure(name, plain_port, tls_port, path, seconds)
    for source in ('127.0.0.9', '127.0.0.1'):
        print(f'flood from {source}')
        responses: list[int] = []
        end = time.monotonic() + seconds + 3
        floods = [threading.Thread(target=flood, args=(name, tls_port, source, end, responses)) for _ in range(CONNECTIONS)]
        for thread in floods:
            thread.start()
        time.sleep(2)
        measure(name, plain_port, tls_port, path, seconds)
        for thread in floods:
            thread.join()
        print(f'  {len(responses) / (seconds + 3):.0f} handshakes a second were completed')


if __name__ == '__main__':
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], *(float(argument) for argument in sys.argv[5:]))
