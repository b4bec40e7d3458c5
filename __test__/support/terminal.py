"""Runs a command on its own terminal and types into it.

Standard input is JSON: the command, its environment and directory, and steps [text to wait for, text to type]. Prints
JSON: what the terminal showed, how the command ended, and whether the terminal's settings are unchanged.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios

task = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.chdir(task["cwd"])
    # Waits until the parent has read the terminal's settings.
    os.read(0, 1)
    os.execvpe(task["command"][0], task["command"], task["env"])

fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
before = termios.tcgetattr(terminal)
os.write(terminal, b"\n")
shown, start = b"", 0
steps = [[wait.encode(), text.encode()] for wait, text in task["steps"]]
while True:
    if steps and (at := shown.find(steps[0][0], start)) >= 0:
        wait, text = steps.pop(0)
        start = at + len(wait)
        os.write(terminal, text)
        continue
    ready, _, _ = select.select([terminal], [], [], 60)
    try:
        chunk = os.read(terminal, 1 << 16) if ready else b""
    except OSError:
        chunk = b""
    if not chunk:
        break
    shown += chunk
if not ready:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
print(json.dumps({
    "shown": shown.decode("utf-8", "backslashreplace"),
    "code": os.waitstatus_to_exitcode(status),
    "kept": termios.tcgetattr(terminal) == before,
    "untyped": len(steps),
}))
