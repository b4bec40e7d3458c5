"""Makes Python's keyring ask os-secrets. Made by secrets setup python-keyring, whose --undo removes it."""

import json
import subprocess

from keyring import backend, credentials, errors

COMMAND = ["PROGRAM", "helper", "keyring"]


class Keyring(backend.KeyringBackend):
    """The credentials that os-secrets keeps."""

    priority = 9

    def get_password(self, service, username):
        if service == "python-poetry-check":
            # If this failed because the store is locked, Poetry would keep passwords in plain text.
            return None
        answer = _ask(errors.KeyringError, "--output=json", "get", "--", service, username)
        return answer and json.loads(answer)["password"]

    def get_credential(self, service, username):
        words = [service] if username is None else [service, username]
        answer = _ask(errors.KeyringError, "--mode=creds", "--output=json", "get", "--", *words)
        return answer and credentials.SimpleCredential(**json.loads(answer))

    def set_password(self, service, username, password):
        _ask(errors.PasswordSetError, "set", "--", service, username, text=f"{password}\n")

    def delete_password(self, service, username):
        _ask(errors.PasswordDeleteError, "del", "--", service, username)


def _ask(failure, *words, text=""):
    """The answer of os-secrets, or None if it has no such password."""
    try:
        done = subprocess.run([*COMMAND, *words], input=text.encode(), capture_output=True)
    except OSError as error:
        raise failure(f"os-secrets cannot be started: {error}") from error
    if done.returncode == 0:
        return done.stdout.decode()
    message = done.stderr.decode(errors="replace").strip()
    if done.returncode == 1 and not message:
        return None
    raise failure(message)
