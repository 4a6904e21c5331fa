"""Lets two servers listen on ports 80 and 443 for a while, and says which of the two new connections go to.

  share_ports.py share USER-ID   sockets of this user may join the listener there, which goes on to get all new connections
  share_ports.py steer 0|1       they go to the process that was there first (0), or to the one that has joined (1)
  share_ports.py own USER-ID     the sockets that listen are this user's, as if nobody had ever joined
  share_ports.py alone           they are root's, and nobody else may listen there
  share_ports.py lend COMMAND... the command, nginx's, with these very sockets: it takes what NGINX= names for its own, as in an upgrade of its binary

The kernel lets a second socket listen on a port when both have SO_REUSEPORT and belong to one user (socket(7)). The user of a socket is the owner of its
inode, which fchown(2) changes, as chown(2) does that of a file; and root may take hold of another process's socket (pidfd_getfd(2), Linux 5.6). A
program of one instruction picks among them (SO_ATTACH_REUSEPORT_CBPF); where the one that it picks has gone, the kernel takes the other. What has been
accepted, and the accepting server, notice nothing.

Exit code 1 where that is not to be had: an older kernel, a container, ptrace_scope 3. "share" has changed nothing then.
"""

import contextlib
import ctypes
import os
import socket
import struct
import sys
import time

PORTS = (80, 443)
LISTEN = "0A"  # in /proc/net/tcp
LOOKS = 10  # 20 ms apart
PIDFD_GETFD = 438  # the same number on every architecture
SO_ATTACH_REUSEPORT_CBPF = 51
SO_DETACH_REUSEPORT_BPF = 68
BPF_RET = 0x06  # | BPF_K, which is 0


def listening():
    """The inodes of the sockets that listen on PORTS, and the address of each."""
    for table in filter(os.path.exists, ("/proc/net/tcp", "/proc/net/tcp6")):
        with open(table) as lines:
            next(lines)
            for line in lines:
                field = line.split()
                if field[3] == LISTEN and int(field[1].rpartition(":")[2], 16) in PORTS:
                    yield field[9], field[1]


def holders(inodes):
    """For each inode a process and the descriptor that it has of it."""
    found = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        for descriptor in descriptors(pid):
            with contextlib.suppress(OSError):  # it has been closed meanwhile, as those of clients are all the time
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    found[target[8:-1]] = int(pid), int(descriptor)
    return found


def descriptors(pid):
    """Those of a process; none where it has ended."""
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []


def take(pid, descriptor):
    """The same socket, here."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    mine = libc.syscall(PIDFD_GETFD, process, descriptor, 0)
    os.close(process)
    if mine < 0:
        raise OSError(ctypes.get_errno(), f"process {pid}: {os.strerror(ctypes.get_errno())}")
    return socket.socket(fileno=mine)


def steer(listener, index):
    """New connections go to the socket that was the index-th to listen on this address."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RET, 0, 0, index))
    with contextlib.suppress(OSError):  # EINVAL: it is alone, and did not have SO_REUSEPORT when it began to listen
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack("HP", 1, ctypes.addressof(program)))


def let_share(listener, user):
    os.fchown(listener.fileno(), user, -1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    steer(listener, 0)


def give_back(listener, user, shared):
    with contextlib.suppress(OSError):  # ENOENT: there is no program
        listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    os.fchown(listener.fileno(), user, -1)


def listeners_here():
    """Each socket that listens, taken hold of, and how many there are at its address.

    Looked for until all are found: a server that has been reloaded closes what it had before, and systemd's children have its sockets until they are the
    program that they start.
    """
    problem = OSError("a process that listens is not to be seen from here")
    for _ in range(LOOKS):
        addresses = dict(listening())
        found = holders(addresses)
        if len(found) == len(addresses):
            at = list(addresses.values())
            try:
                return [(take(*holder), at.count(addresses[inode])) for inode, holder in found.items()]
            except OSError as error:
                problem = error
        time.sleep(0.02)
    raise problem


def lend(listeners, command):
    if not listeners:  # nginx would bind the ports itself, and everybody be refused until it has
        raise OSError("nobody listens on ports 80 and 443: there is nothing to lend")
    for listener, _ in listeners:
        listener.set_inheritable(True)
    os.environ["NGINX"] = "".join(f"{listener.fileno()};" for listener, _ in listeners)
    os.execv(command[0], command)


def main(order, *words):
    listeners = listeners_here()
    if order == "lend":
        lend(listeners, words)
    number = int(words[0]) if words else 0
    act = {
        "share": lambda listener, _: let_share(listener, number),
        # Who has joined is the last one; with "listen ... reuseport" nginx has one for each worker.
        "steer": lambda listener, count: steer(listener, count - 1 if number else 0),
        "own": lambda listener, _: give_back(listener, number, 1),
        "alone": lambda listener, _: give_back(listener, 0, 0),
    }[order]
    for listener, count in listeners:
        act(listener, count)


try:
    main(*sys.argv[1:])
except (OSError, AttributeError) as error:  # os.pidfd_open: Python 3.9
    sys.exit(str(error))
