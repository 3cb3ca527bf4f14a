"""Interrupts a command that waits with open outputs, once by each signal: its temporaries must be gone, and its status
must tell the signal."""
import os
import signal
import subprocess
import sys

signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU, signal.SIGPIPE]


def heed_signals():
    """A background job inherits SIGINT as ignored, and then it stays so."""
    for number in signals:
        signal.signal(number, signal.SIG_DFL)


failed = False
for number in signals:
    command = subprocess.Popen([sys.argv[1], "old", "new.h", "pause"], stdout=subprocess.PIPE,
                               preexec_fn=heed_signals)
    command.stdout.readline()
    before = [name for name in os.listdir(".") if ".tmp." in name]
    command.send_signal(number)
    try:
        status = command.wait(timeout=20)
    except subprocess.TimeoutExpired:
        command.kill()
        status = command.wait()
    after = [name for name in os.listdir(".") if ".tmp." in name]
    if len(before) != 2 or after or status != -number:
        print(f"{number.name}: status {status}, before {before}, after {after}")
        failed = True
sys.exit(failed)
