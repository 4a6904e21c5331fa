"""What a flip costs the clients that are served meanwhile: a fixed rate of requests while each server is switched over and over."""

from __future__ import annotations

import http.client
import threading
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

    #: Seconds from the command to the first response of the other backend, median; EdgeProxy starts that backend and proves it first.
    visible: float

    #: Seconds of a switch that were EdgeProxy's own: without the start of the backend, its probes, the drain and the stop. Median; None: not a switch.
    added: float | None


class Client(threading.Thread):
    """Asks all the time which backend responds, on one kept connection, and notes when that changes. Ends with stop().

    A request that fails is the load's to count.
    """

    PAUSE = 0.001

    def __init__(self, server: Server):
        super().__init__(daemon=True)
        self.server = server
        self.changes: list[float] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http, timeout=10)
        responding = None
        while not self.stopping.wait(self.PAUSE):
            try:
                connection.request("GET", "/port")
                port = connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if responding not in (None, port):
                self.changes.append(time.perf_counter())
            responding = port

    def stop(self) -> None:
        self.stopping.set()
        self.join()


def switch_cost(server: Server, path: str, rate: int, switches: int, every: float) -> SwitchCost:
    """Switches as often as SWITCHES, at least EVERY seconds apart, while the load runs; a command that takes longer makes them fewer."""
    calm = steady(server, path, rate, max(5.0, switches * every / 4))
    seconds = switches * every + 3
    client = steady_start(server, path, rate, seconds)
    client = Client(server)
    client.start()
    began = time.perf_counter()
    took, starts = [], []
    while len(took) < switches and time.perf_counter() - began < seconds - 1:
        time.sleep(max(0.0, 1 + len(took) * every - (time.perf_counter() - began)))
        start = time.perf_counter()
        server.flip()
        took.append(time.perf_counter() - start)
        starts.append(start)
    under = steady_result(client, server, server.process.cpu_seconds())
    client.stop()
    seen = [min(change - start for change in client.changes if change > start) for start in starts]
    return SwitchCost(
        len(took), under.requests, under.failed, calm.p999, under.p999, median(took), median(seen), median(server.added) if server.added else None)
