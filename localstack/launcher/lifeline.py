"""How a local cloud's process hangs on to the program that started it: by its standard input.

owned: when the other end of standard input closes, because its owner let go of it or died in whatever way, this process
and all it has started end. detached: a session of its own. It goes on only after a first line has come, which its starter
sends once it has recorded the process, so that no server runs that nobody knows of."""

import collections
import os
import shutil
import signal
import subprocess
import sys
import threading


def hold(arguments):
    """Takes `owned FOLDER` or `detached` off the arguments. The folder is removed at the end, unless it is `-`."""
    if arguments.pop(1) == "detached":
        os.setsid()
        if sys.stdin.readline().strip() != "go":
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
    else:
        threading.Thread(target=end_with_input, args=[arguments.pop(1)], name="lifeline", daemon=True).start()


def end_with_input(folder):
    while os.read(0, 4096):
        pass
    try:
        kill(descendants(os.getpid()))
        if folder != "-":
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        # Whatever has been started meanwhile goes too.
        os.killpg(os.getpgrp(), signal.SIGKILL)


def kill(processes):
    for process in processes:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def descendants(process):
    """The ids of all that a process has started, and of what that has started in turn."""
    try:
        output = subprocess.run(["ps", "-A", "-o", "ppid=,pid="], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    children = collections.defaultdict(list)
    for line in output.splitlines():
        parent, child = line.split()
        children[int(parent)].append(int(child))
    found, waiting = [], [process]
    while waiting:
        more = children[waiting.pop()]
        found += more
        waiting += more
    return found
