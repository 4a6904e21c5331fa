"""The undo log of a run: what takes its changes back, as data.

  undo_log.py entry KIND ARGUMENT...   the line of one change: a JSON array of these words
  undo_log.py read FILE                what takes the changes back, last change first, as words that end with NUL; how many words comes first of each

KINDS is all that there is. A line that is no whole entry was the last of a run whose power was cut, and its change was not made: it is named on standard
error and left out. Exit code 1 where another version has written the log: half of it done would be worse than nothing.
"""

import json
import sys

ANY = None
# KIND: what runs it (a program, or a function of the scripts), and how many arguments it has at least and at most.
KINDS = {
    "put_back": (["put_back"], 2, 2),  # COPY FILE
    "remove": (["rm", "-f"], 1, 1),  # FILE
    "remove_tree": (["rm", "-rf"], 1, 1),  # DIRECTORY
    "remove_empty": (["remove_empty"], 1, 1),  # DIRECTORY
    "forget": (["forget"], 1, 1),  # FILE
    "rename": (["rename"], 2, 2),  # FROM TO
    "reload_units": (["systemctl", "daemon-reload"], 0, 0),
    "start": (["systemctl", "start"], 1, ANY),  # UNIT...
    "stop": (["systemctl", "stop"], 1, ANY),
    "restart": (["systemctl", "restart"], 1, ANY),
    "enable": (["systemctl", "--quiet", "enable"], 1, ANY),
    "disable": (["systemctl", "--quiet", "disable"], 1, ANY),
    "reset_failed": (["reset_failed"], 1, ANY),
    "remove_user": (["userdel"], 1, 1),  # NAME
    "leave_group": (["gpasswd", "--delete"], 2, 2),  # USER GROUP
    "restore_access": (["setfacl", "--restore"], 1, 1),  # FILE
    "take_access": (["take_access"], 1, 1),  # PATH
    "caddy_forgets": (["caddy_forgets"], 0, 0),
    "end_rehearsal": (["end_rehearsal"], 0, 0),
    "front_takes_ports": (["front_takes_ports"], 5, 5),  # FRONT UNIT HOST ADDRESS PATH
    "proxy_has_them_again": (["proxy_has_them_again"], 0, 1),  # FRONT
    "remove_product": (["remove_product"], 3, 3),  # SLOT-UNIT UPSTREAM-FILE PURGE
}


def check(entry):
    """Exits where this is not of KINDS."""
    kind, *arguments = entry
    if kind not in KINDS:
        sys.exit(f'"{kind}" is no kind of change that this version knows')
    least, most = KINDS[kind][1:]
    if len(arguments) < least or (most is not ANY and len(arguments) > most):
        sys.exit(f'"{kind}" has {len(arguments)} arguments: {json.dumps(arguments)}')
    for text in arguments:
        if "\0" in text or text.startswith("-"):  # all of them are paths and names
            sys.exit(f'"{kind}" has an argument that is no path and no name: {json.dumps(text)}')


def parse(line):
    """The entry of a line; None where that is not whole."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, list) and entry and all(isinstance(word, str) for word in entry) else None


def read(file):
    with open(file, encoding="utf-8", errors="surrogateescape") as lines:
        entries = [(line, parse(line)) for line in lines.read().splitlines()]
    for line, entry in entries:
        if entry is None:
            print(f"warning: this line of {file} is not whole, and was left out: {line}", file=sys.stderr)
        else:
            check(entry)
    for _, entry in reversed(entries):
        if entry is not None:
            yield KINDS[entry[0]][0] + entry[1:]


def main(order, *words):
    if order == "entry":
        check(words)
        print(json.dumps(words))
        return
    commands = list(read(words[0]))
    out = "".join(word + "\0" for command in commands for word in (str(len(command)), *command))
    sys.stdout.buffer.write(out.encode("utf-8", "surrogateescape"))


main(*sys.argv[1:])
