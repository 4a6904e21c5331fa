#!/usr/bin/env python3
"""What a client gets while slowhttptest's slow clients keep a proxy in front of gunicorn busy, through EdgeProxy and through nginx.

Usage: slow_clients.py [--seconds 20] [--connections 1000] [--binary artifacts/native/edgeproxy]

gunicorn has three sync workers. For each of the four modes of slowhttptest (slow headers, slow body, ranges, slow read) and each server, GETs of a small
page are timed, one after another with pauses of 5 ms, each on a new connection and from another address than the slow clients. A GET that takes longer than
10 s has failed. The p99 of a few hundred GETs is its two or three worst: 20 seconds give some 2,000. Both servers run at the same time, and are measured one
after the other. Needs the Debian packages gunicorn, nginx and slowhttptest, and a native binary (deploy/publish).
"""

import argparse
import http.client
import json
import subprocess
import tempfile
import time
from pathlib import Path

from servers import Process, free_port

WORKERS = 3
# "Slow read" and "ranges" ask for /large. A thousand of them fit into EdgeProxy's default budgets; beyond those it lets the app wait.
APP = '''
def app(environ, start_response):
    body = b"x" * (500_000 if environ["PATH_INFO"] == "/large" else 100)
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
'''

MODES = {
    'slow headers (-H)': ['-H', '-i', '5', '-x', '24'],
    'slow body (-B)': ['-B', '-i', '5', '-s', '8192', '-t', 'POST', '-x', '64'],
    'ranges (-R)': ['-R', '-t', 'HEAD', '-a', '5', '-b', '2000'],
    'slow read (-X)': ['-X', '-n', '2', '-w', '512', '-y', '1024', '-z', '32'],
}


def start_gunicorn(run: Path) -> tuple[Process, int]:
    (run / 'slow_app.py').write_text(APP)
    port = free_port()
    gunicorn = Process('gunicorn', ['gunicorn', '--workers', str(WORKERS), '--chdir', str(run), '--bind', f'127.0.0.1:{port}', 'slow_app:app'], run)
    gunicorn.start()
    gunicorn.wait_until(f'http://127.0.0.1:{port}/')
    return gunicorn, port


def start_edgeproxy(run: Path, binary: Path, app: int) -> tuple[Process, int]:
    port = free_port()
    (run / 'state').mkdir(mode=0o700)
    (run / 'edgeproxy.json').write_text(json.dumps({
        'EdgeProxy': {
            'Slots': {'Blue': {'Address': f'http://127.0.0.1:{app}'}, 'Green': {'Address': f'http://127.0.0.1:{free_port()}'}},
            'Units': {'Manager': 'Process', 'Process': {'Command': 'sleep 1{port}', 'WorkingDirectory': str(run)}},
            'Upstream': {'MaxConcurrent': WORKERS},
            'Admin': {'Socket': str(run / 'admin.sock'), 'Url': None},
            'State': {'Directory': str(run / 'state')},
            'AccessLog': {'Format': 'None', 'Path': None},
        },
        'Kestrel': {'Endpoints': {'Http': {'Url': f'http://127.0.0.1:{port}'}}},
    }))
    proxy = Process('edgeproxy', [str(binary), 'run', '--config', str(run / 'edgeproxy.json')], run, with_children=False)
    proxy.start()
    proxy.wait_until(f'http://127.0.0.1:{port}/')
    return proxy, port


def start_nginx(run: Path, app: int) -> tuple[Process, int]:
    port = free_port()
    paths = ' '.join(f'{kind}_temp_path {run}/nginx-{kind};' for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    (run / 'nginx.conf').write_text(
        f'daemon off; worker_processes 2; pid {run}/nginx.pid; error_log {run}/nginx.log; events {{ worker_connections 16384; }}\n'
        f'http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://127.0.0.1:{app}; }} }} }}\n')
    nginx = Process('nginx', ['nginx', '-c', str(run / 'nginx.conf')], run)
    nginx.start()
    nginx.wait_until(f'http://127.0.0.1:{port}/')
    return nginx, port


def get(port: int) -> bool:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10, source_address=('127.0.0.2', 0))
    try:
        connection.request('GET', '/')
        response = connection.getresponse()
        return response.status == 200 and len(response.read()) == 100
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def time_gets(port: int, seconds: float) -> tuple[list[float], int]:
    times, failed, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        failed += not get(port)
        times.append((time.monotonic() - begin) * 1000)
        time.sleep(0.005)
    return sorted(times), failed


def measure(port: int, mode: list[str], arguments: argparse.Namespace) -> str:
    path = '/' if mode and mode[0] in ('-H', '-B') else '/large'
    attack = mode and subprocess.Popen(
        ['slowhttptest', *mode, '-c', str(arguments.connections), '-r', '300', '-l', str(int(arguments.seconds) + 5), '-p', '3', '-v', '1',
         '-u', f'http://127.0.0.1:{port}{path}'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(5 if mode else 0)  # until its connections are open
        times, failed = time_gets(port, arguments.seconds)
    finally:
        if attack:
            attack.terminate()
            attack.wait()
    return f'{times[len(times) // 2]:.1f} / {times[int(len(times) * 0.99)]:.1f} ms, {failed} of {len(times)} failed'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=20)
    parser.add_argument('--connections', type=int, default=1000)
    parser.add_argument('--binary', type=Path, default=Path(__file__).resolve().parent.parent / 'artifacts/native/edgeproxy')
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        run = Path(directory)
        run.chmod(0o755)
        gunicorn, app = start_gunicorn(run)
        started = [gunicorn]
        try:
            servers = {'EdgeProxy': start_edgeproxy(run, arguments.binary, app), 'nginx': start_nginx(run, app)}
            started += [process for process, _ in servers.values()]
            for _, port in servers.values():
                time_gets(port, seconds=3)  # the first requests of a process are slower
            print(f'| p50 / p99 of a GET | {" | ".join(servers)} |\n|---|{"---|" * len(servers)}')
            for name, mode in {'nobody else': [], **MODES}.items():
                cells = [measure(port, mode, arguments) for _, port in servers.values()]
                print(f'| {name} | {" | ".join(cells)} |', flush=True)
        finally:
            for process in reversed(started):
                process.stop()


if __name__ == '__main__':
    main()
