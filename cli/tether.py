"""Starts one command that never outlives its parent: `python tether.py PARENT_PID COMMAND...`, run as a script, standard library only."""

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, command: list[str]) -> None:
    """Linux: the kernel kills us when the parent dies, whatever it died of; then turn into the command itself."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:  # else it died before the kernel knew of our wish
        os.execvp(command[0], command)  # noqa: S606 - a list, no shell


def watch(parent: int, command: list[str]) -> int:
    """Elsewhere: stay, pass signals on, and kill the whole process group once the parent is gone."""
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: child.send_signal(received))
    while True:
        try:
            code = child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                os.killpg(0, signal.SIGKILL)
        else:
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    start = become if sys.platform == "linux" else watch
    sys.exit(start(int(sys.argv[1]), sys.argv[2:]))
