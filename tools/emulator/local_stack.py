"""Starts and stops `lazaret local`."""

import contextlib
import ctypes
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_WITHIN = 60  # seconds; an idle computer needs one
STOP_WITHIN = 10

_PR_SET_PDEATHSIG = 1


def _end_with_this_program():
    """Makes the kernel end the process when this program is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def running(template_file, functions_endpoint, parameters):
    """Runs a local stack with these parameters, whose functions call AWS at functions_endpoint. Yields its endpoint."""
    data = tempfile.mkdtemp(prefix="lazaret-emulator-")
    command = [
        ROOT / "bin" / "lazaret",
        "local",
        "--port",
        "0",
        "--data",
        data,
        "--template",
        template_file,
        "--functions-endpoint",
        functions_endpoint,
        "--parameter-overrides",
        *(f"{name}={value}" for name, value in parameters.items()),
    ]
    if not parameters:
        command.pop()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_end_with_this_program,
    )
    try:
        yield _endpoint(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _remove(data)


def _endpoint(process):
    output, ready = [], queue.Queue()

    def read():  # until the end of the process, which would wait for a reader otherwise
        for line in process.stdout:
            output.append(line)
            if line.startswith("ready "):
                ready.put(line.split()[1])
        ready.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        endpoint = ready.get(timeout=READY_WITHIN)
    except queue.Empty:
        endpoint = None
    if endpoint is None:
        raise RuntimeError(f"lazaret local is not ready (run make build first):\n{''.join(output)}")
    return endpoint


def _remove(data):
    """Removes the data folder, in which folders of published definitions are read-only."""
    for folder, _, _ in os.walk(data):
        os.chmod(folder, 0o755)
    shutil.rmtree(data)
