"""The loads, and what makes them: wrk as fast as it goes, SteadyLoad at a fixed rate."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

from servers import HERE, Server


@dataclass(frozen=True)
class Load:
    name: str
    path: str
    connections: int = 32
    method: str = "GET"
    body: int = 0
    headers: tuple[str, ...] = ()
    tls: bool = False
    static: bool = False

    #: More than 0: HTTP/2, with so many requests of a connection at once.
    streams: int = 0

    #: More than 0: a round is so many transfers, one after the other and each to its end, however long they take.
    transfers: int = 0

    #: The smallest and the largest number of body bytes that a right response may have.
    size: tuple[int, int] = (1, 1 << 30)
    encoded: bool = False


COMPRESSED = ("Accept-Encoding: zstd, br, gzip",)
GZIP = ("Accept-Encoding: gzip",)

HUGE = 100 * 1024 * 1024

LOADS = [
    Load("tiny GET, 32 connections", "/", size=(13, 13)),
    Load("tiny GET, 256 connections", "/", connections=256, size=(13, 13)),
    Load("19 KB JSON", "/items.json", size=(19_000, 20_000)),
    Load("19 KB JSON, gzip", "/items.json", headers=GZIP, size=(300, 12_000), encoded=True),
    Load("19 KB JSON, best encoding", "/items.json", headers=COMPRESSED, size=(300, 12_000), encoded=True),
    Load("64 KB POST", "/upload", method="POST", body=65_536),
    Load("1 MB upload", "/upload", connections=8, method="POST", body=1_048_576),
    Load("1 MB download", "/1m.bin", connections=8, size=(1_048_576, 1_048_576)),
    Load("static 1 KB", "/static/1k.bin", static=True, size=(1024, 1024)),
    Load("static 100 KB", "/static/100k.css", static=True, size=(100_000, 110_000)),
    Load("static 100 KB, gzip", "/static/100k.css", static=True, headers=GZIP, size=(300, 60_000), encoded=True),
    Load("static 100 KB, best encoding", "/static/100k.css", static=True, headers=COMPRESSED, size=(300, 60_000), encoded=True),
    Load("HTTPS tiny GET", "/", tls=True, size=(13, 13)),
    Load("TLS handshake and tiny GET", "/", tls=True, headers=("Connection: close",), size=(13, 13)),
    Load("HTTP/2 tiny GET, 8 streams each", "/", tls=True, streams=8, size=(13, 13)),
    Load("100 MB download", "/100m.bin", transfers=4, size=(HUGE, HUGE)),
    Load("100 MB upload", "/upload", method="POST", body=HUGE, transfers=4),
]


@dataclass(frozen=True)
class Sample:
    """One round of one load on one server."""

    requests: int
    seconds: float
    cpu_seconds: float
    failed: int
    p50: float
    p99: float
    p999: float

    @property
    def cpu_per_request(self) -> float:
        """Microseconds."""
        return self.cpu_seconds / max(self.requests, 1) * 1e6

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def misfit(server: Server, load: Load) -> str | None:
    """Why a server's response is not the one that the load asks for; null where it is. Checked before anything is measured."""
    if load.static and not server.serves_files:
        return "serves no files"
    command = ["curl", "-sk", "--max-time", "10", "-o", "/dev/null", "-X", load.method,
               "-w", "%{http_code} %{http_version} %{size_download} %{header_json}"]
    for header in load.headers:
        command += ["-H", header]
    with tempfile.NamedTemporaryFile() as body:
        if load.body:
            body.write(b"x" * load.body)
            body.flush()
            command += ["--data-binary", f"@{body.name}"]
        response = subprocess.run([*command, server.url(load.path, load.tls)], capture_output=True, text=True)
    if response.returncode != 0:
        return f"curl exit {response.returncode}"
    status, version, size, headers = response.stdout.split(" ", 3)
    if status != "200":
        return f"status {status}"
    if load.streams and version != "2":
        return f"HTTP/{version}"
    if not load.size[0] <= int(size) <= load.size[1]:
        return f"{size} bytes"
    if load.encoded and "content-encoding" not in json.loads(headers):
        return "not compressed"
    return None


def saturate(server: Server, load: Load, seconds: float) -> Sample:
    """As many requests as it responds, and what they cost its processes."""
    if load.transfers:
        return transfer(server, load)
    if load.streams:
        return multiplex(server, load, seconds)
    before = server.process.cpu_seconds()
    run = subprocess.run(
        ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds:g}s", "--timeout", "20s", "-s", str(HERE / "wrk.lua"),
         server.url(load.path, load.tls), "--", load.method, str(load.body), *load.headers],
        check=True, capture_output=True, text=True)
    cpu = server.process.cpu_seconds() - before
    line = next(line for line in run.stdout.splitlines() if line.startswith("JSON "))
    return Sample(cpu_seconds=cpu, **json.loads(line.removeprefix("JSON ")))


def multiplex(server: Server, load: Load, seconds: float) -> Sample:
    """HTTP/2 as fast as it goes."""
    with tempfile.NamedTemporaryFile("r") as log:  # a line for each request: when it began, its status, microseconds
        before = server.process.cpu_seconds()
        subprocess.run(
            ["h2load", "-t1", f"-c{load.connections}", f"-m{load.streams}", f"-D{seconds:g}", f"--log-file={log.name}", server.url(load.path, load.tls)],
            check=True, capture_output=True)
        cpu = server.process.cpu_seconds() - before
        ended = [line.split("\t") for line in log]
    good = sorted(float(took) for _, status, took in ended if status == "200")
    p50, p99, p999 = (good[int(len(good) * part)] if good else 0 for part in (0.5, 0.99, 0.999))
    return Sample(len(good), seconds, cpu, len(ended) - len(good), p50, p99, p999)


def transfer(server: Server, load: Load) -> Sample:
    """Each of them whole: at some ten in a round, those that the end of a time cuts off would count."""
    with tempfile.NamedTemporaryFile() as body:
        body.truncate(load.body)
        one = ["-o", "/dev/null", *(["-T", body.name, "-X", load.method, "-H", "Expect:"] if load.body else []), server.url(load.path, load.tls)]
        before, began = server.process.cpu_seconds(), time.perf_counter()
        run = subprocess.run(
            ["curl", "-sk", "-w", "%{http_code} %{time_total}\\n", *(word for _ in range(load.transfers) for word in one)],
            check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - began
        cpu = server.process.cpu_seconds() - before
    ended = [line.split() for line in run.stdout.splitlines()]
    took = sorted(float(took) * 1e6 for status, took in ended if status == "200")
    return Sample(len(took), seconds, cpu, load.transfers - len(took), took[len(took) // 2] if took else 0, took[-1] if took else 0, took[-1] if took else 0)


def steady(server: Server, path: str, rate: int, seconds: float) -> Sample:
    """A fixed rate below saturation: latencies in microseconds, from the moment at which each request was due."""
    before = server.process.cpu_seconds()
    return steady_result(steady_start(server, path, rate, seconds), server, before)


def steady_start(server: Server, path: str, rate: int, seconds: float) -> subprocess.Popen:
    return subprocess.Popen(
        [str(HERE.parent / "artifacts/steady-load/steady-load"), server.url(path), str(rate), f"{seconds:g}"], stdout=subprocess.PIPE, text=True)


def steady_result(client: subprocess.Popen, server: Server, cpu_before: float) -> Sample:
    line, _ = client.communicate()
    return Sample(cpu_seconds=server.process.cpu_seconds() - cpu_before, **json.loads(line))


def median(values) -> float:
    return statistics.median(values)
