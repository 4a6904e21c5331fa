"""How a unit runs its program, for `systemd-run`: prints, each with a NUL behind it, the working directory, the program of ExecStart=, then options.

busctl's JSON is exact where the text of `systemctl show` would have to be unquoted.
"""
import json
import subprocess
import sys

MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
PROPERTIES = ("User", "Group", "SupplementaryGroups", "UMask", "Environment", "EnvironmentFiles", "WorkingDirectory", "ExecStart")


def busctl(*arguments):
    run = subprocess.run(("busctl", "--json=short") + arguments, check=True, stdout=subprocess.PIPE)
    return [json.loads(line)["data"] for line in run.stdout.splitlines()]


def options(unit):
    for name in ("User", "Group"):
        if unit[name]:
            yield "--property={}={}".format(name, unit[name])
    if unit["SupplementaryGroups"]:
        yield "--property=SupplementaryGroups=" + " ".join(unit["SupplementaryGroups"])
    yield "--property=UMask={:04o}".format(unit["UMask"])
    for path, optional in unit["EnvironmentFiles"]:
        yield "--property=EnvironmentFile={}{}".format("-" if optional else "", path)
    for variable in unit["Environment"]:
        yield "--setenv=" + variable


def main(name):
    try:
        (path,) = busctl("call", *MANAGER, "LoadUnit", "s", name)[0]
        (state,) = busctl("get-property", MANAGER[0], path, "org.freedesktop.systemd1.Unit", "LoadState")
        values = busctl("get-property", MANAGER[0], path, "org.freedesktop.systemd1.Service", *PROPERTIES) if state == "loaded" else []
    except subprocess.CalledProcessError:
        sys.exit("restart_app.sh: systemd does not tell of {}".format(name))
    unit = dict(zip(PROPERTIES, values))
    directory = unit.get("WorkingDirectory", "").lstrip("!")
    if not directory.startswith("/"):
        sys.exit("restart_app.sh: {} is {}{}".format(name, state, ", but has no WorkingDirectory=, so where its code is is not known" if unit else ""))
    program = unit["ExecStart"][0][0] if unit["ExecStart"] else ""
    sys.stdout.write("".join(field + "\0" for field in (directory, program, *options(unit))))


main(sys.argv[1])
