"""The unit that does what supervisor does for the app, as lines to be pasted: supervisor_unit.py THEN FILE...

Where there are several programs it is the one that starts a web server of Python. THEN is what to run when the unit serves.
"""

import configparser
import shlex
import sys

SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "uwsgi")
UNIT = "/etc/systemd/system/app-server-prod.service"


def programs(files):
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    parser.read(files)
    found = [name for name in parser.sections() if name.startswith("program:")]
    return [(name.partition(":")[2], {key: " ".join(value.split("\n")) for key, value in parser.items(name)}) for name in found]  # a line is a line of the unit


def variables(text):
    """KEY="value",KEY2=value."""
    words = shlex.shlex(text, posix=True, punctuation_chars=",")
    words.whitespace_split = True
    return [word for word in words if word != ","]


def unit(program):
    lines = ["[Unit]", "Description=%s" % program.get("command", "").split(" ")[0], "After=network.target", "[Service]"]
    if "user" in program:
        lines.append("User=" + program["user"])
    if "directory" in program:
        lines.append("WorkingDirectory=" + program["directory"])
    lines += ['Environment="%s"' % word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") for word in variables(program.get("environment", ""))]
    return lines + ["ExecStart=" + program.get("command", "").replace("%", "%%"), "Restart=on-failure", "[Install]", "WantedBy=multi-user.target"]


def main(then, *files):
    known = programs(files)
    found = [one for one in known if any(server in one[1].get("command", "") for server in SERVERS)] or known
    if not found:
        sys.exit("sudo systemctl edit --full --force app-server-prod.service")
    name, program = found[0]
    print("sudo tee %s << 'END'" % UNIT)
    print("\n".join(unit(program)))
    print("END")
    start = "sudo systemctl daemon-reload && sudo supervisorctl stop %s && sudo systemctl enable --now app-server-prod" % shlex.quote(name)
    print("%s && sudo %s --single app-server-prod" % (start, then))


main(*sys.argv[1:])
