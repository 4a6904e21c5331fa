"""A server under valgrind's callgrind, which counts the instructions of every function that runs."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from servers import Server

#: Done by the clock and not by the request: as slow as a request is here, it would count for a good part of it. Taken off the sum, not off what it calls.
BY_THE_CLOCK = "ProcessGroup__Memory"

#: valgrind cannot reserve the address space that the collector asks for. Collections would fall on the requests of one binary and not on those of another.
ENVIRONMENT = {
    "DOTNET_GCHeapHardLimit": "20000000", "DOTNET_GCRegionRange": "80000000", "DOTNET_GCgen0size": "8000000", "DOTNET_GCGen0MaxBudget": "8000000",
    "DOTNET_gcConcurrent": "0", "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit": "0"}


def start(server: Server, stack: ExitStack, *options: str) -> Path:
    """Starts it under callgrind and waits for its first response.

    Returns the path that callgrind's dumps begin with.
    """
    process = server.process
    process.environment |= ENVIRONMENT
    out = server.run / "callgrind.out"
    process.command = [
        "valgrind", "-q", "--tool=callgrind", *options, f"--callgrind-out-file={out}",
        str(readable(Path(process.command[0]), server.run)), *process.command[1:]]
    process.start()
    stack.callback(process.stop)
    process.wait_until(server.url("/"), seconds=300)
    return out


def readable(binary: Path, directory: Path) -> Path:
    """A copy with the names of its functions, without the debug information of today's compilers, which valgrind cannot read."""
    copy = Path(shutil.copy(binary, directory))
    symbols = copy.with_suffix(".symbols")
    subprocess.run(["objcopy", "--strip-debug", f"{binary}.dbg", symbols], check=True)
    subprocess.run(["objcopy", "--remove-section", ".gnu_debuglink", copy], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={symbols}", copy], check=True)
    return copy


def control(process, order: str) -> None:
    subprocess.run(["callgrind_control", order, str(process.popen.pid)], check=True, capture_output=True)


def dump(process, out: Path) -> Counter[str]:
    """What was counted so far, by function; from here on it counts from zero."""
    control(process, "--dump")
    while True:
        for file in out.parent.glob(out.name + ".*"):
            if "\ntotals:" in file.read_text():  # it is whole
                counts = read(file)
                file.unlink()
                return counts
        time.sleep(0.1)


def ask(server: Server, requests: int, connections: int = 8) -> None:
    """Plain sockets: wrk knows times, not numbers."""
    def work() -> None:
        with socket.create_connection(("127.0.0.1", server.http)) as client:
            for _ in range(requests // connections):
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                response = b""
                while not response.endswith(b"hello, world\n"):
                    more = client.recv(65536)
                    if not more:
                        raise RuntimeError(f"{server.name} hung up: {response!r}")
                    response += more

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def read(file: Path) -> Counter[str]:
    """The cost of each function by itself, in callgrind's format: fn= and cfn= name, calls= stands before the cost of a call."""
    names: dict[str, str] = {}
    own: Counter[str] = Counter()
    function = called = ""
    is_call = False
    for line in file.open():
        if named := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?", line):
            name = names.setdefault(named[2], named[3])
            function, called = (function, name) if named[1] else (name, called)
        elif line.startswith("calls="):
            is_call = True
        elif line[0] in "+-*0123456789":
            cost = int(line.split()[1])
            if not is_call:
                own[function] += cost
            elif called.endswith(BY_THE_CLOCK):
                own["(by the clock, not counted)"] -= cost
            is_call = False
    return own
