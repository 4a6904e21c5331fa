"""What a flip costs those who are served meanwhile: a fixed rate of requests while each server is switched over and over."""

from __future__ import annotations

import time
from dataclasses import dataclass

from loads import median, steady, steady_result, steady_start
from servers import Server


@dataclass
class SwitchCost:
    switches: int
    requests: int
    failed: int

    #: Microseconds: without and with switches.
    steady_p999: float
    p999: float

    #: Seconds of the operator's command, median: a reload, two runtime orders, or EdgeProxy's whole switch.
    command: float


def switch_cost(server: Server, path: str, rate: int, switches: int, every: float) -> SwitchCost:
    """Switches as often as SWITCHES, at least EVERY seconds apart, while the load runs; a command that takes longer makes them fewer."""
    calm = steady(server, path, rate, max(5.0, switches * every / 4))
    seconds = switches * every + 3
    client = steady_start(server, path, rate, seconds)
    began = time.perf_counter()
    took = []
    while len(took) < switches and time.perf_counter() - began < seconds - 1:
        time.sleep(max(0.0, 1 + len(took) * every - (time.perf_counter() - began)))
        start = time.perf_counter()
        server.flip()
        took.append(time.perf_counter() - start)
    under = steady_result(client, server, server.process.cpu_seconds())
    return SwitchCost(len(took), under.requests, under.failed, calm.p999, under.p999, median(took))
