"""Answers gnome-keyring's prompts with libgcr's mock prompter.

Prints its bus name, then reads one line per answer: "password TEXT", "cancel" or "confirm". "delay MS" delays the
answers, and "shown" waits until a prompt is shown. It prints "expecting" after each line.
"""

import ctypes
import sys
import time

gcr = ctypes.CDLL("libgcr-base-3.so.1")
gcr.gcr_mock_prompter_start.restype = ctypes.c_char_p
print(gcr.gcr_mock_prompter_start().decode(), flush=True)

for line in sys.stdin:
    command, _, argument = line.rstrip("\n").partition(" ")
    if command == "password":
        gcr.gcr_mock_prompter_expect_password_ok(ctypes.c_char_p(argument.encode()), None)
    elif command == "cancel":
        gcr.gcr_mock_prompter_expect_password_cancel()
    elif command == "confirm":
        gcr.gcr_mock_prompter_expect_confirm_ok(None)
    elif command == "delay":
        gcr.gcr_mock_prompter_set_delay_msec(ctypes.c_uint(int(argument)))
    elif command == "shown":
        while not gcr.gcr_mock_prompter_is_prompting():
            time.sleep(0.01)
    else:
        sys.exit(f"no such command: {command}")
    print("expecting", flush=True)
