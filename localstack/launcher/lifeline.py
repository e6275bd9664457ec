"""How a local cloud's process hangs on to the program that started it: by its standard input.

owned: when the other end of standard input closes, because its owner let go of it or died in whatever way, this process and all it has started end.
detached: a session of its own. It goes on only after a first line has come, which its starter sends once it has recorded the process, so that no
server runs that nobody knows of."""

import os
import shutil
import signal
import sys
import threading


def hold(arguments, before_end):
    """Takes `owned FOLDER` or `detached` off the arguments. `before_end` ends what has been started; it may take its time."""
    mode = arguments.pop(1)
    if mode == "detached":
        os.setsid()
        if sys.stdin.readline().strip() != "go":
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(null)
        return
    folder = arguments.pop(1)

    def watch():
        while os.read(0, 4096):
            pass
        # Should ending take too long, the process group is still ended.
        threading.Timer(5, end, [folder]).start()
        try:
            before_end()
        finally:
            end(folder)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def end(folder):
    if folder != "-":
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)
