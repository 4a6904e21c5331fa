"""Caddy's running configuration, through its admin API: caddy_admin.py ADAPTED get FILE | put FILE | route FILE ADDRESS HOST...

ADAPTED is what `caddy adapt` prints: it says where the API listens. `get` writes the configuration to FILE, `put` loads FILE; `route` loads it with one
thing more: what the authority asks of these hosts over HTTP goes to ADDRESS. Caddy responds to challenges of its own before any route.
"""

import json
import os
import sys
import urllib.error
import urllib.request

DEFAULT = "localhost:2019"  # https://caddyserver.com/docs/caddyfile/options#admin
CHALLENGES = "/.well-known/acme-challenge/*"


def admin_address(adapted):
    with open(adapted) as file:
        admin = json.load(file).get("admin", {})
    address = admin.get("listen", DEFAULT)
    if admin.get("disabled") or address.startswith("unix/"):
        sys.exit("it is off" if admin.get("disabled") else f"it listens on {address}, not on an address")
    return address


def call(address, path, body=None):
    request = urllib.request.Request(f"http://{address}{path}", data=body, headers={"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{address}{path}: {error.code} {error.read().decode(errors='replace').strip()}")
    except OSError as error:
        sys.exit(f"{address}{path}: {error}")


def with_route(configuration, address, hosts):
    """The same, with the route in front of all others on port 80.

    Caddy adds its redirects to https behind the last route that names hosts, so this one has to (autohttps.go).
    """
    servers = configuration["apps"]["http"]["servers"]
    plain = [server for server in servers.values() if any(listen.endswith(":80") for listen in server["listen"])]
    if not plain:  # there is only what Caddy adds by itself
        listens = sorted({listen[: -len("443")] + "80" for server in servers.values() for listen in server["listen"] if listen.endswith(":443")})
        servers["edgeproxy_challenges"] = {"listen": listens}
        plain = [servers["edgeproxy_challenges"]]
    route = {
        "match": [{"host": hosts, "path": [CHALLENGES]}],
        "handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": address}]}],
        "terminal": True,
    }
    for server in plain:
        server["routes"] = [route] + server.get("routes", [])
    return configuration


def main(adapted, order, file, address=None, *hosts):
    admin = admin_address(adapted)
    if order == "get":
        body = call(admin, "/config/")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as kept:  # it may hold secrets
            kept.write(body)
        return
    with open(file, "rb") as kept:
        body = kept.read()
    call(admin, "/load", json.dumps(with_route(json.loads(body), address, hosts)).encode() if order == "route" else body)


main(*sys.argv[1:])
