"""What is compared: each server as a process of its own, configured from config/ for the same backend."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "config"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fill(template: str, **values: object) -> str:
    """The file config/TEMPLATE with each @NAME@ replaced; a name that nobody gave is an error."""
    text = (CONFIG / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    left = [word for word in text.split("@")[1::2] if word.isupper()]
    if left:
        raise ValueError(f"{template}: nothing given for {left}")
    return text


def responds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False


def seconds(duration: str) -> float:
    """Of hh:mm:ss.fff."""
    hours, minutes, rest = duration.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@dataclass
class Process:
    """A started server. Its whole tree of processes is measured, unless only its own (EdgeProxy's units are its children)."""

    name: str
    command: list[str]
    run: Path
    with_children: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    popen: subprocess.Popen | None = None

    def start(self) -> None:
        log = open(self.run / f"{self.name}.out", "ab")
        self.popen = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | self.environment, start_new_session=True)

    def wait_until(self, url: str, seconds: float = 20) -> float:
        """Waits for the first good response; seconds since the call. Fails when the process ends or takes too long."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            if responds(url):
                return time.perf_counter() - began
            if self.popen.poll() is not None:
                break
            time.sleep(0.001)
        raise RuntimeError(f"{self.name} does not respond at {url}:\n{(self.run / f'{self.name}.out').read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def pids(self) -> list[int]:
        pids = [self.popen.pid]
        if self.with_children:
            for pid in pids:
                pids += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return pids

    def cpu_seconds(self) -> float:
        """User and system time of the measured processes, of all their threads, also the ended ones (proc(5), fields 14 and 15)."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def memory_bytes(self) -> int:
        """Proportional set size: pages shared between workers count once."""
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total


@dataclass
class Site:
    """What all servers share in one run: a directory, the site's files, a certificate, and the two backends."""

    run: Path
    files: Path
    blue: int
    green: int
    health: str = "/health"


class Server:
    """One contestant on ports of its own."""

    name = ""
    serves_files = True

    #: Whether its child processes are parts of it, and counted.
    children_are_its_own = True

    def __init__(self, site: Site, access_log: bool = False):
        self.site = site
        self.access_log = access_log
        self.run = site.run / (self.name + ("-logged" if access_log else ""))
        self.run.mkdir()
        for shared in ("cert.pem", "key.pem", "both.pem"):
            shutil.copy(site.run / shared, self.run / shared)
        self.http, self.https = free_port(), free_port()
        self.prepare()
        self.process = Process(
            self.name, self.command(), self.run, with_children=self.children_are_its_own,
            environment={"XDG_CONFIG_HOME": str(self.run), "XDG_DATA_HOME": str(self.run)})

    def prepare(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def flip(self) -> None:
        """Moves new requests to the other backend, as an operator's script would do it."""
        raise NotImplementedError

    #: Seconds of each flip that were neither a backend's (its start, its probes, its last requests, its stop) nor the command's own start;
    #: None: it has none of these.
    added: list[float] | None = None

    def url(self, path: str, tls: bool = False) -> str:
        return f"https://localhost:{self.https}{path}" if tls else f"http://127.0.0.1:{self.http}{path}"

    def start(self) -> float:
        """Starts it; seconds until its first proxied response."""
        began = time.perf_counter()
        self.process.start()
        self.process.wait_until(self.url("/"))
        return time.perf_counter() - began

    def stop(self) -> None:
        self.process.stop()

    def values(self, **more: object) -> dict[str, object]:
        return dict(HTTP=self.http, HTTPS=self.https, RUN=self.run, SITE=self.site.files, **more)


class EdgeProxy(Server):
    name = "edgeproxy"
    children_are_its_own = False  # they are the app
    binary = HERE.parent / "artifacts/native/edgeproxy"

    #: What stands for the app's unit: the backend runs already, except where switches are measured. A port of seconds is day enough.
    unit = "sleep 1{port}"

    def prepare(self) -> None:
        (self.run / "edgeproxy-state").mkdir(mode=0o700)
        (self.run / "edgeproxy.json").write_text(fill("edgeproxy.json", **self.values(
            BLUE=self.site.blue, GREEN=self.site.green, HEALTH=self.site.health, UNIT=self.unit, ACCESS_LOG="Json" if self.access_log else "None")))

    def command(self) -> list[str]:
        return [str(self.binary), "run", "--config", str(self.run / "edgeproxy.json")]

    def flip(self) -> None:
        ended = json.loads(subprocess.run(
            [str(self.binary), "switch", "--json", "--socket", str(self.run / "edgeproxy.sock")],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).stdout)
        theirs = sum(seconds(phase["duration"]) for phase in ended["phases"] if phase["phase"] in ("StartIdle", "Probe", "Drain", "StopOld"))
        self.added = (self.added or []) + [seconds(ended["duration"]) - theirs]


class BareYarp(Server):
    """YARP with one route and nothing of EdgeProxy: what the framework itself costs."""

    name = "bare-yarp"
    serves_files = False
    binary = HERE.parent / "artifacts/bare-yarp/bare-yarp"

    def prepare(self) -> None:
        pass

    def command(self) -> list[str]:
        return [str(self.binary), str(self.http), str(self.site.blue)]


class Nginx(Server):
    name = "nginx"

    def prepare(self) -> None:
        self.point_to(self.site.blue)
        (self.run / "nginx.conf").write_text(fill("nginx.conf", **self.values(
            ACCESS_LOG=f"access_log {self.run}/access.log;" if self.access_log else "access_log off;")))

    def point_to(self, port: int) -> None:
        (self.run / "nginx-upstream.conf").write_text(f"server 127.0.0.1:{port};\n")
        self.active = port

    def command(self) -> list[str]:
        return ["/usr/sbin/nginx", "-p", str(self.run), "-c", str(self.run / "nginx.conf")]

    def flip(self) -> None:
        self.point_to(self.site.green if self.active == self.site.blue else self.site.blue)
        os.kill(self.process.popen.pid, signal.SIGHUP)


class Caddy(Server):
    name = "caddy"

    def prepare(self) -> None:
        self.point_to(self.site.blue)
        (self.run / "Caddyfile").write_text(fill("Caddyfile", **self.values(
            ACCESS_LOG=f"log {{\n\t\toutput file {self.run}/access.log\n\t}}" if self.access_log else "")))

    def point_to(self, port: int) -> None:
        (self.run / "caddy-upstream.txt").write_text(f"to 127.0.0.1:{port}\n")
        self.active = port

    def command(self) -> list[str]:
        return ["/usr/bin/caddy", "run", "--config", str(self.run / "Caddyfile"), "--adapter", "caddyfile"]

    def flip(self) -> None:
        self.point_to(self.site.green if self.active == self.site.blue else self.site.blue)
        subprocess.run(
            ["/usr/bin/caddy", "reload", "--config", str(self.run / "Caddyfile"), "--adapter", "caddyfile",
             "--address", f"unix/{self.run}/caddy.sock"],
            check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


class HAProxy(Server):
    name = "haproxy"
    serves_files = False

    def prepare(self) -> None:
        self.active = "blue"
        (self.run / "haproxy.cfg").write_text(fill("haproxy.cfg", **self.values(
            BLUE=self.site.blue, GREEN=self.site.green,
            LOG_TARGET="log stdout format raw local0" if self.access_log else "",
            ACCESS_LOG="log global\n  option httplog" if self.access_log else "")))

    def command(self) -> list[str]:
        return ["/usr/sbin/haproxy", "-db", "-f", str(self.run / "haproxy.cfg")]

    def flip(self) -> None:
        old, self.active = self.active, "green" if self.active == "blue" else "blue"
        for order in (f"set server app/{self.active} state ready", f"set server app/{old} state drain"):
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(str(self.run / "haproxy.sock"))
                admin.sendall(order.encode() + b"\n")
                admin.recv(4096)


def backend(run: Path, files: Path, port: int) -> Process:
    """The nginx that responds behind every proxy."""
    path = run / f"backend-{port}.conf"
    path.write_text(fill("backend.conf", RUN=run, SITE=files, PORT=port))
    return Process(f"backend-{port}", ["/usr/sbin/nginx", "-p", str(run), "-c", str(path)], run)


def django(run: Path, port: int) -> Process:
    """The sample project under gunicorn, as a user's backend is run: two workers of four threads."""
    return Process(
        f"django-{port}",
        ["/usr/bin/python3", "-m", "gunicorn", "--chdir", str(HERE.parent / "src/EdgeProxy/Demo/django"), "--bind", f"127.0.0.1:{port}",
         "--workers", "2", "--threads", "4", "--keep-alive", "300", "sample.wsgi"],
        run, environment={"PYTHONDONTWRITEBYTECODE": "1"})
