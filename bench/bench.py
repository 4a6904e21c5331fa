"""Measures EdgeProxy beside nginx, Caddy, HAProxy and bare YARP. Run it as bench/run, which installs what it needs."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import goals
import report
from compare import edgeproxy_at
from footprint import footprint
from loads import HUGE, LOADS, Load, misfit, saturate, steady
from servers import BareYarp, Caddy, EdgeProxy, HAProxy, Nginx, Server, Site, backend, django, free_port
from switches import switch_cost
from websockets import Talk, talk

CONTESTANTS = [EdgeProxy, BareYarp, Nginx, Caddy, HAProxy]
TINY = LOADS[0]

Tables = list[tuple[str, str]]


def main() -> int:
    arguments = parse()
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeproxy-bench-")))
        site = lay_out(run)
        for port in (site.blue, site.green):
            process = backend(run, site.files, port)
            stack.callback(process.stop)
            process.start()
            process.wait_until(f"http://127.0.0.1:{port}/health")

        kinds = [kind for kind in CONTESTANTS if kind.name in arguments.servers]
        if arguments.compare:
            kinds.insert(1, edgeproxy_at(arguments.compare))
        parts = []
        aims = []
        for name, measure in PARTS.items():
            if name in arguments.parts:
                tables, reached = measure(arguments, site, kinds)
                parts += tables
                aims += reached
        parts = [("Machine", report.machine() + "\n"), ("Goals", goals.goals(aims)), *parts]

    text = "\n".join(f"## {title}\n\n{body}" for title, body in parts)
    print(text)
    if arguments.out:
        kept = by_hand(arguments.out)
        arguments.out.write_text(f"# What bench/run measured\n\n`bench/run {' '.join(sys.argv[1:])}`; how to read it: bench/README.md.\n\n{text}{kept}")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds of everything, under 8 minutes")
    parser.add_argument("--rounds", type=int, help="default 5; 2 with --quick")
    parser.add_argument("--seconds", type=int, help="of one load on one server in one round; default 4, 1 with --quick")
    parser.add_argument("--rate", type=int, default=2000, help="requests per second of the fixed rate; default 2000")
    parser.add_argument("--only", default="", help="loads whose name contains this")
    parser.add_argument("--servers", nargs="+", choices=[kind.name for kind in CONTESTANTS])
    parser.add_argument(
        "--compare", metavar="COMMIT", help="EdgeProxy of this commit beside today's, in the same rounds; --servers is then edgeproxy alone unless given")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS], default=[*PARTS])
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    arguments = parser.parse_args()
    arguments.servers = arguments.servers or [kind.name for kind in (CONTESTANTS[:1] if arguments.compare else CONTESTANTS)]
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    arguments.seconds = arguments.seconds or (1 if arguments.quick else 4)
    return arguments


def by_hand(results: Path) -> str:
    """The last part of the results, which no run measures: figures that decision records refer to."""
    _, heading, rest = (results.read_text() if results.exists() else "").partition("\n# Measured once, for a decision\n")
    return heading + rest


def lay_out(run: Path) -> Site:
    """The site's files, made from a fixed seed, and a certificate for this run."""
    files = run / "files"
    files.mkdir()
    files.chmod(0o755)
    run.chmod(0o755)
    chance = random.Random(1)
    (files / "1k.bin").write_bytes(chance.randbytes(1024))
    (files / "1m.bin").write_bytes(chance.randbytes(1 << 20))
    with (files / "100m.bin").open("wb") as huge:
        huge.truncate(HUGE)
    words = [f"{chance.getrandbits(24):06x}" for _ in range(400)]
    rules = (
        f".{chance.choice(words)}-{i} {{ color: #{chance.choice(words)}; margin: {chance.randrange(40)}px auto; display: block; }}\n"
        for i in range(10_000))
    (files / "100k.css").write_text(take(rules, 102_400))
    items = (f'{{"id":{i},"name":"item {chance.choice(words)}","price":"{chance.randrange(1, 99999) / 100:.2f}","inStock":true}},' for i in range(1000))
    (files / "items.json").write_text(f'{{"items":[{take(items, 19_400).rstrip(",")}]}}')
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", run / "key.pem", "-out", run / "cert.pem"],
        check=True, capture_output=True)
    (run / "both.pem").write_bytes((run / "cert.pem").read_bytes() + (run / "key.pem").read_bytes())
    return Site(run, files, free_port(), free_port())


def take(pieces, size: int) -> str:
    """Whole pieces until there are SIZE characters."""
    text = ""
    for piece in pieces:
        if len(text) + len(piece) > size:
            break
        text += piece
    return text


def start(kinds: list[type[Server]], site: Site, stack: ExitStack, **options) -> list[Server]:
    servers = []
    for kind in kinds:
        server = kind(site, **options)
        stack.callback(server.stop)
        server.start()
        servers.append(server)
    return servers


def interleave(servers: list[Server], loads: list[Load], rounds: int, measure) -> report.Rounds:
    """Round by round, each load on each server in turn: a disturbance of the machine falls on all of them."""
    results = report.Rounds()
    fits = {}
    for load in loads:
        fits[load] = []
        for server in servers:
            why = misfit(server, load)
            if why is None:
                fits[load].append(server)
            elif why != "serves no files":
                print(f"{load.name}: {server.name} is left out: {why}", file=sys.stderr)
    for number in range(rounds + 1):
        for load in loads:
            for server in fits[load]:
                sample = measure(server, load, warm_up=number == 0)
                if number > 0:
                    results.add(load, server.name, sample)
        print(f"round {number} of {rounds}" + (" (warm-up, not counted)" if number == 0 else ""), file=sys.stderr)
    return results


def saturation(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    loads = [load for load in LOADS if arguments.only in load.name]
    names = [kind.name for kind in kinds]

    def measure(server, load, warm_up):
        return saturate(server, load, 1 if warm_up else arguments.seconds)

    parts = []
    aims = []
    for title, options, chosen in (("access log off", {}, loads), ("access log on", {"access_log": True}, [TINY])):
        with ExitStack() as own:
            logged = [kind for kind in kinds if not options or kind is not BareYarp]
            results = interleave(start(logged, site, own, **options), chosen, arguments.rounds, measure)
        measured = [n for n in names if any(k.name == n for k in logged)]
        parts.append((f"CPU per request, {title}", results.table(measured, lambda s: s.cpu_per_request, "microseconds")))
        parts.append((f"Requests per second at saturation, {title}", results.table(measured, lambda s: s.rate, "per second")))
        aims += [] if options else goals.of_saturation(results)
    return parts, aims


def fixed_rate(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    def measure(server, load, warm_up):
        return steady(server, load.path, arguments.rate, 1 if warm_up else max(2.0, arguments.seconds))

    with ExitStack() as own:
        load = replace(TINY, name="tiny GET")
        results = interleave(start(kinds, alone(site), own), [load], arguments.rounds, measure)
    tables = [(f"Latency at {arguments.rate:,} requests per second", report.latencies(results, [kind.name for kind in kinds]))]
    return tables, goals.of_rate(results, load.name, arguments.rate)


def behind_gunicorn(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    """What a user sees: most of the time is Django's, and what a proxy costs is taken from it."""
    load = Load("Django's JSON, 32 connections", "/", size=(20, 200))

    def measure(server, load, warm_up):
        return saturate(server, load, 1 if warm_up else arguments.seconds)

    with ExitStack() as own:
        ports = dict(blue=free_port(), green=free_port(), health="/v1/config/feature-flags/")
        for port in (ports["blue"], ports["green"]):
            process = django(site.run, port)
            own.callback(process.stop)
            process.start()
            process.wait_until(f"http://127.0.0.1:{port}/")
        results = interleave(start(kinds, alone(site, **ports), own), [load], arguments.rounds, measure)
    names = [kind.name for kind in kinds]
    tables = [
        ("gunicorn and Django: CPU per request of the proxy", results.table(names, lambda sample: sample.cpu_per_request, "microseconds")),
        ("gunicorn and Django: requests per second at saturation", results.table(names, lambda sample: sample.rate, "per second")),
        ("gunicorn and Django: latency at saturation", report.latencies(results, names, "ms")),
    ]
    return tables, goals.of_django(results, load.name)


def footprints(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    count = 1000
    measured = {kind.name: footprint(kind, site, count, starts=3 if arguments.quick else 7) for kind in kinds}
    return [("Start and memory", report.footprints(measured, count))], goals.of_footprint(measured)


def websockets(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    measured = {kind.name: [] for kind in kinds}
    with ExitStack() as own:
        talks = [own.enter_context(Talk(kind, site)) for kind in kinds]
        for number in range(arguments.rounds + 1):
            for one in talks:
                spoken = talk(one, 1 if number == 0 else arguments.seconds)
                if number > 0:
                    measured[one.server.name].append(spoken)
        each = {one.server.name: one.memory_each() for one in talks}
    return [("WebSockets that speak", report.talks(measured, each))], []


def switches(arguments, site, kinds) -> tuple[Tables, list[goals.Goal]]:
    measured = {}
    for kind in kinds:
        if kind is BareYarp:
            continue
        with ExitStack() as own:
            if issubclass(kind, EdgeProxy):
                server = type("Switched", (SwitchedEdgeProxy, kind), {})(alone(site, blue=free_port(), green=free_port()))
            else:
                server = kind(alone(site))
            own.callback(server.stop)
            server.start()
            measured[kind.name] = switch_cost(
                server, TINY.path, arguments.rate // 2, switches=8 if arguments.quick else 50, every=0.5 if arguments.quick else 1.0)
    return [("Switches under load", report.switch_costs(measured))], goals.of_switches(measured)


class SwitchedEdgeProxy(EdgeProxy):
    """The backends are its units: each switch starts one, proves it, drains the other and stops it."""

    def prepare(self) -> None:
        for port in (self.site.blue, self.site.green):
            backend(self.run, self.site.files, port)
        self.unit = f"/usr/sbin/nginx -p {self.run} -c {self.run}/backend-{{port}}.conf"
        super().prepare()


def alone(site: Site, **other) -> Site:
    """The same site with a directory of its own, for servers that are started once more."""
    run = Path(tempfile.mkdtemp(prefix="part-", dir=site.run))
    run.chmod(0o755)
    for shared in ("cert.pem", "key.pem", "both.pem"):
        (run / shared).write_bytes((site.run / shared).read_bytes())
    return replace(site, run=run, **other)


PARTS = {"loads": saturation, "rate": fixed_rate, "django": behind_gunicorn, "footprint": footprints, "websockets": websockets, "switches": switches}


if __name__ == "__main__":
    sys.exit(main())
