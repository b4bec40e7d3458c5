"""Starts kwalletd5 with its wallet unlocked, as PAM does at login: without a dialog.

pam_kwallet sends a key made from the password over a pipe, and the session's environment over a socket. Both fit
into the kernel's buffers, so this program writes them before it becomes kwalletd5.
"""

import os
import socket

KEY = b"k" * 56

reader, writer = os.pipe()
os.write(writer, KEY)
os.close(writer)
os.set_inheritable(reader, True)

path = os.environ["PAM_KWALLET5_LOGIN"]
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(1)
listener.set_inheritable(True)
with socket.socket(socket.AF_UNIX) as login:
    login.connect(path)
    login.sendall("".join(f"{name}={value}\n" for name, value in os.environ.items()).encode())

os.execvp("kwalletd5", ["kwalletd5", "--pam-login", str(reader), str(listener.fileno())])
