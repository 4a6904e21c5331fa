"""The tables of bench/RESULTS.md."""

from __future__ import annotations

import datetime
import platform
import subprocess
from collections import defaultdict

from footprint import Footprint
from loads import Load, Sample, median
from switches import SwitchCost
from websockets import WEBSOCKETS

OURS = "edgeproxy"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


class Rounds:
    """Every sample by load and server; and why a server has none."""

    def __init__(self):
        self.samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
        self.misfits: dict[tuple[str, str], str] = {}

    def add(self, load: Load, server: str, sample: Sample) -> None:
        self.samples[load.name][server].append(sample)

    def ratio(self, load: str, peer: str, figure) -> float | None:
        """The median over the rounds of ours divided by the peer's of the same round: what disturbs a round disturbs both."""
        pairs = list(zip(self.samples[load].get(OURS, []), self.samples[load].get(peer, [])))
        return median(figure(ours) / figure(theirs) for ours, theirs in pairs if figure(theirs)) if pairs else None

    def table(self, servers: list[str], figure, unit: str) -> str:
        peers = [server for server in servers if server != OURS]
        rows = []
        for load, samples in self.samples.items():
            row = [load]
            for server in servers:
                if server not in samples:
                    row.append("-")
                    continue
                failed = sum(sample.failed for sample in samples[server])
                row.append(f"{median(figure(sample) for sample in samples[server]):,.0f}" + (f" ({failed} failed)" if failed else ""))
            for peer in peers:
                ratio = self.ratio(load, peer, figure)
                row.append("-" if ratio is None else f"{ratio:.2f}")
            rows.append(row)
        return table([unit, *servers, *(f"/ {peer}" for peer in peers)], rows)


def latencies(rounds: Rounds, servers: list[str], heading: str = "ms at a fixed rate") -> str:
    rows = []
    for load, samples in rounds.samples.items():
        for server in servers:
            if server in samples:
                all_of_it = samples[server]
                rows.append([f"{load}: {server}"] + [
                    f"{median(figure(sample) for sample in all_of_it) / 1000:.2f}"
                    for figure in (lambda s: s.p50, lambda s: s.p99, lambda s: s.p999)] + [str(sum(s.failed for s in all_of_it))])
    return table([heading, "p50", "p99", "p99.9", "failed"], rows)


def footprints(measured: dict[str, Footprint], count: int) -> str:
    return table(
        ["server", "cold start, ms", "idle, MB", f"{count:,} idle connections, MB", "one idle WebSocket, KB"],
        [[name, f"{f.cold_start * 1000:.0f}", f"{f.idle / 1e6:.1f}", f"{f.connections / 1e6:.1f}",
          "-" if f.websocket is None else f"{f.websocket / 1000:.1f}"] for name, f in measured.items()])


def talks(measured: dict[str, list[Sample]], each: dict[str, float]) -> str:
    return table(
        ["server", "messages per second, there and back", "CPU of one, microseconds", "p50, ms", "p99, ms", f"KB each of {WEBSOCKETS:,}"],
        [[name, f"{median(s.rate for s in spoken):,.0f}", f"{median(s.cpu_per_request for s in spoken):.1f}", f"{median(s.p50 for s in spoken) / 1000:.2f}",
          f"{median(s.p99 for s in spoken) / 1000:.2f}", f"{each[name] / 1000:.1f}"] for name, spoken in measured.items()])


def switch_costs(measured: dict[str, SwitchCost]) -> str:
    return table(
        ["server", "switches", "requests", "failed", "p99.9 without, ms", "p99.9 with, ms", "ratio", "command, ms", "until seen, ms", "EdgeProxy's own, ms"],
        [[name, str(c.switches), f"{c.requests:,}", str(c.failed), f"{c.steady_p999 / 1000:.2f}", f"{c.p999 / 1000:.2f}",
          f"{c.p999 / c.steady_p999:.2f}", f"{c.command * 1000:.0f}",
          f"{c.visible * 1000:.1f}", "-" if c.added is None else f"{c.added * 1000:.1f}"] for name, c in measured.items()])


def machine() -> str:
    def first(command: list[str]) -> str:
        run = subprocess.run(command, capture_output=True, text=True)
        return (run.stdout or run.stderr).strip().splitlines()[0]

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    cores = sum(1 for line in open("/proc/cpuinfo") if line.startswith("processor"))
    versions = ", ".join([
        first(["git", "describe", "--always", "--dirty"]).join(["EdgeProxy ", ""]), first(["nginx", "-v"]).removeprefix("nginx version: "),
        "caddy " + first(["caddy", "version"]), first(["haproxy", "-v"]).split(" - ")[0], first(["wrk", "-v"]).split(" [")[0]])
    return f"{datetime.date.today()}, {model}, {cores} cores, Linux {platform.release()}. {versions}."
