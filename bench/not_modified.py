#!/usr/bin/env python3
"""What it costs that no connection to the app is used again after a 304 (docs/adr/0009): CPU of EdgeProxy per request, in microseconds.

Usage: not_modified.py [--binary PATH] [--rounds N] [--seconds S]

Three responses without a body from the same nginx, over TCP and over a Unix socket: a 200 on kept connections, a 304, and a HEAD. The difference between
the first and the others is what a connection for each of them costs. Needs nginx, wrk and openssl; as root bench/run installs them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import lay_out, start
from loads import Load, saturate
from servers import EdgeProxy, backend

LOADS = [
    Load("200 without a body", "/empty", connections=8),
    Load("304", "/not-modified", connections=8),
    Load("HEAD", "/empty", connections=8, method="HEAD"),
]


class OverUnix(EdgeProxy):
    name = "edgeproxy-unix"
    unit = "env SLOT={address} sleep infinity"

    def prepare(self) -> None:
        super().prepare()
        settings = self.run / "edgeproxy.json"
        settings.write_text(settings.read_text().replace(
            f"http://127.0.0.1:{self.site.blue}", f"unix:{self.site.run}/sink-{self.site.blue}.sock"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/not_modified.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=EdgeProxy.binary)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    EdgeProxy.binary = arguments.binary.resolve()
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeproxy-not-modified-")))
        site = lay_out(run)
        app = backend(run, site.files, site.blue)
        stack.callback(app.stop)
        app.start()
        app.wait_until(f"http://127.0.0.1:{site.blue}/health")
        servers = start([EdgeProxy, OverUnix], site, stack)
        samples = {(server.name, load.name): [] for server in servers for load in LOADS}
        for number in range(arguments.rounds + 1):
            for server in servers:
                for load in LOADS:
                    sample = saturate(server, load, arguments.seconds)
                    if number > 0:  # the first one warms up
                        samples[server.name, load.name].append(sample)
            print(f"round {number} of {arguments.rounds}", file=sys.stderr)

    for (server, load), measured in samples.items():
        costs = [sample.cpu_per_request for sample in measured]
        print(
            f"{server}, {load}: {statistics.median(costs):.0f} us of CPU a request ({min(costs):.0f} to {max(costs):.0f}), "
            f"{statistics.median(sample.rate for sample in measured):,.0f} a second")


if __name__ == "__main__":
    main()
