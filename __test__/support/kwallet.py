"""Becomes kwalletd5, its wallet opened as PAM opens it when somebody logs in: without a dialog.

pam_kwallet hands over a key that it made of the password, on a pipe, and the session's environment,
on a socket. Both fit into the kernel's buffers, so all of it is written before kwalletd5 runs.
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
