"""The unit of a slot, made of the text of the app's single unit: derive_unit.py UNIT SLOT ADDRESS [SOCKET-UNIT...] < what `systemctl cat UNIT` shows

It means the same, but for where it listens: the options of the server that it starts, wherever in the command that is (a venv's gunicorn, `bash -c`, `uv run`),
or BIND in its environment where it starts a script, or uWSGI with a file, which has a place for that. Exit code 1 and a reason where neither is so: the last
line is what to paste, so nothing of a file's or the unit's text stands in it unquoted. What the unit really does is tried afterwards; this is no verdict.

  derive_unit.py config UNIT < ...    the same unit, in which its gunicorn prints its settings; exit code 1 where it is not gunicorn
"""

import os
import re
import shlex
import sys

VALUE = r"""(?:'[^']*'|"[^"]*"|[^\s'"\\;&|]+)"""
GAP = r"(?:\s|\\\n)"
# Per server: its options that say where to listen, and what they are for an address and for a socket.
SERVERS = {
    "gunicorn": ("-b|--bind", "--bind {host}:{port}", "--bind unix:{path}"),
    "uvicorn": ("--host|--port|--uds|--fd", "--host {host} --port {port}", "--uds {path}"),
    "daphne": ("-b|--bind|-p|--port|-u|--unix-socket|--fd|-e|--endpoint", "-b {host} -p {port}", "-u {path}"),
    "hypercorn": ("-b|--bind|--insecure-bind", "--bind {host}:{port}", "--bind unix:{path}"),
    "uwsgi": ("--http|--http-socket", "--http-socket {host}:{port}", "--http-socket {path}"),
}
COMMAND = re.compile(r"""(?:(?<=[\s'"=/])|^)(%s)(?:-?3)?(?=[\s'"\\]|$)""" % "|".join(SERVERS))
BEFORE_A_COMMAND = re.compile(r"""(?:/bin/|-m\s+|\brun\s+|\bexec\s+|&&\s*|;\s*|=[-@:+!]*|['"])$""")
SETTINGS_FILE = re.compile(r"(?:^|\s)(?:--ini|--ini-paste|--yaml|--xml|--emperor|\S+\.(?:ini|ya?ml|xml)\b)")
PLACE = "BIND"
ADDRESS = re.compile(r"[\w.:/\[\]-]+", re.A)  # means itself in a shell, and in the text that sed puts in


def main(arguments):
    text = sys.stdin.read()
    if arguments[0] == "config":
        text = specified(text, arguments[1])
        start, end = exec_start(text)
        command = text[start:end]
        found = server_in(command)
        if not found or found.group(1) != "gunicorn":
            sys.exit("it is not gunicorn")
        print("%s\n[Service]\nExecStart=\nExecStart=%s" % (text, re.sub(r"\\\n", " ", inserted(command, found, "--print-config"))))
        return
    unit, slot, address = arguments[:3]
    text = without_sockets(own_files(specified(text, unit), slot), arguments[3:])
    start, end = exec_start(text)
    command, environment = listening(text[start:end], address, unit)
    text = text[:start] + command + text[end:]
    text = re.sub(r"^# (?=/)", "# From ", text, flags=re.M)
    text = re.sub(r"^(Description=.*)", r"\1 (%s)" % slot, text, flags=re.M)
    sys.stdout.write(text + ("\n[Service]\n%s\n" % environment if environment else ""))


def exec_start(text):
    """Where the last command stands, that counts; its lines may go on."""
    found = list(re.finditer(r"^ExecStart[ \t]*=[ \t]*((?:[^\n\\]|\\.|\\\n)*)", text, re.M))
    if not found or not found[-1].group(1).strip():
        sys.exit("there is no ExecStart= in it")
    return found[-1].span(1)


def server_in(command):
    """The server that is started; names of it elsewhere (--name gunicorn, cd /srv/gunicorn) come after one that stands where commands do."""
    found = list(COMMAND.finditer(command))
    placed = [one for one in found if BEFORE_A_COMMAND.search("=" + command[: one.start()])]
    return next(iter(placed + found), None)


def inserted(command, found, words):
    """Behind the server's word, and behind the quote that ends it where one began it."""
    at = found.end()
    quote = re.search(r"""(?:^|\s)(["'])(?:/[^"';&|]*/)?$""", command[:found.start()])
    if quote and command[at:].startswith(quote.group(1)):
        at += 1
    return "%s %s%s" % (command[:at], words, command[at:])


def listening(command, address, unit):
    """The command that listens there, and a line for the unit's environment, if it needs one."""
    place = {"path": address[5:]} if address.startswith("unix:") else dict(zip(("host", "port"), address.split("//", 1)[1].rstrip("/").rsplit(":", 1)))
    bind = address if address.startswith("unix:") else "{host}:{port}".format(**place)
    found = server_in(command)
    file = script_in(command) if not found else settings_in(command) if found.group(1) == "uwsgi" else None
    if file:
        demand_place(file, unit)
        return command, "Environment=%s=%s" % (PLACE, bind)
    if not found:
        sys.exit(
            "which server its ExecStart= starts is not to be seen, so it cannot be told to listen elsewhere; make the two units yourself, and name them:\n"
            "sudo cp {0} /etc/systemd/system/app-server-blue.service".format(shlex.quote(os.path.join("/etc/systemd/system", unit)))
        )
    options, on_address, on_socket = SERVERS[found.group(1)]
    head, tail = command[:found.end()], command[found.end():]
    tail = re.sub(r"[ \t]*(?<=[\s'\"])(?:%s)(?:=|%s+)%s" % (options, GAP, VALUE), "", tail)
    tail = re.sub(r"[ \t]*(?<=[\s'\"])-b(?=[\w.:\[])%s" % VALUE, "", tail) if "-b" in options.split("|") else tail
    return inserted(head + tail, found, (on_socket if "path" in place else on_address).format(**place)), ""


def script_in(command):
    """The script that is started: the first word that is one."""
    for word in re.findall(VALUE, command):
        path = word.strip("'\"").lstrip("-@:+!")
        if path.startswith("/") and content(path).startswith("#!"):
            return path
    return None


def settings_in(command):
    if not SETTINGS_FILE.search(command):
        return None
    paths = [re.sub(r"^--[a-z-]+=", "", word.strip("'\"")) for word in re.findall(VALUE, command)]
    return next((path for path in paths if re.search(r"\.(ini|ya?ml|xml)$", path)), "its file")


def content(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(100_000)
    except OSError:
        return ""


def demand_place(file, unit):
    text = content(file)
    if re.search(r"\$[{(]?%s\b" % PLACE, text):
        return
    edit = "sudoedit " + shlex.quote(file)
    if re.search(r"\.(ini|ya?ml|xml)$", file):
        found = re.search(r"^[ \t]*http-socket[ \t]*=[ \t]*(\S+)", text, re.M)
        was = found.group(1) if found else "127.0.0.1:8000"
        directory = shlex.quote("/etc/systemd/system/%s.d" % unit)
        sys.exit(
            "%s says where uWSGI listens, and both slots read it; it has to speak HTTP, at $(%s), which each slot's unit sets:\n%s"
            % (
                file,
                PLACE,
                "sudo sed -Ei 's|^\\s*(http-)?socket\\s*=.*|http-socket = $({0})|' {1} && sudo mkdir -p {2} && "
                "printf '[Service]\\nEnvironment={0}={3}\\n' | sudo tee {2}/bind.conf && sudo systemctl daemon-reload && "
                "sudo systemctl restart {4}".format(PLACE, shlex.quote(file), directory, was, shlex.quote(unit))
                if ADDRESS.fullmatch(was)
                else edit,
            )
        )
    found = re.search(r"(?:--bind|-b|--port|-p|--uds|--unix-socket)(?:=|\s+)['\"]?([^\s'\"\\]+)", text)
    if not found:
        sys.exit("%s starts the server, and nothing in it says where it listens; have it listen at $%s where that is set:\n%s" % (file, PLACE, edit))
    was = found.group(1)
    change = "sudo sed -i 's|%s|${%s:-%s}|' %s" % (re.escape(was), PLACE, was, shlex.quote(file)) if ADDRESS.fullmatch(was) else edit
    sys.exit("%s says where its server listens, and both slots run it; have it listen at $%s where that is set:\n%s" % (file, PLACE, change))


def specified(text, unit):
    """What its name means in it stays the same: %i and its like are of the unit that it is made of."""
    name = unit.rsplit(".", 1)[0]
    prefix, _, instance = name.partition("@")
    plain = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code.group(1), 16)), instance.replace("-", "/"))
    values = {"%": "%%", "n": unit, "N": name, "p": prefix, "P": prefix, "i": instance, "I": plain, "j": prefix.rsplit("-", 1)[-1]}
    return re.sub("%(.)", lambda word: values.get(word.group(1), word.group(0)), text)


def own_files(text, slot):
    """What only one process can have gets a name of the slot's: directories that end with the unit, and files with a process's number."""
    names = {}
    for line in re.findall(r"^RuntimeDirectory[ \t]*=[ \t]*(.*)$", text, re.M):
        for name in line.split():
            names["/run/" + name] = "/run/%s-%s" % (name, slot)
            text = re.sub(r"^(RuntimeDirectory[ \t]*=.*?(?<![\w/.-]))%s(?![\w/.-])" % re.escape(name), r"\g<1>%s-%s" % (name, slot), text, flags=re.M)
    files = re.findall(r"^PIDFile[ \t]*=[ \t]*(\S+)", text, re.M)
    files += re.findall(r"(?<=[\s'\"])(?:--pid|--pidfile)(?:=|\s+)(%s)" % VALUE, text) + gunicorns_pid(text)
    for file in files:
        names.setdefault(file.strip("'\""), "%s-%s" % (file.strip("'\""), slot))
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(r"(?<![\w.-])%s(?![\w.-])" % re.escape(name), names[name], text)
    return text


def gunicorns_pid(text):
    start, end = exec_start(text)
    found = server_in(text[start:end])
    return re.findall(r"(?<=\s)-p(?:=|\s+)(%s)" % VALUE, text[start:end]) if found and found.group(1) == "gunicorn" else []


def without_sockets(text, sockets):
    """Nothing of the sockets that systemd holds for the unit: they are not the slot's."""

    def kept(line):
        words = [word for word in line.group(2).split() if word not in sockets]
        return line.group(1) + " ".join(words) if words else ""

    names = "Requires|Wants|After|Before|BindsTo|PartOf|Requisite|Sockets|Also"
    return re.sub(r"^((?:%s)[ \t]*=)[ \t]*(\S.*)$" % names, kept, text, flags=re.M) if sockets else text


main(sys.argv[1:])
