"""Processes that begin with everything imported: forked by a server that did it once.

`python -c …` and `python -m …` of our commands import for seconds before they do anything:

    with Forked([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as process:

is `subprocess.Popen` but for that: the same pipes, environment, signals and exit status. Where
imports are what is tested (what is lazy, how much memory is used), take `subprocess`.

The server has one thread and opens nothing, so its children inherit no lock, no connection and no
file of the program. Each is a child of the process that asked for it, by way of Linux's
"subreaper"; elsewhere `Forked` is `Popen`.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import types
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAIN = "from assistant.cli import main; main()"
ASSISTANT = [sys.executable, "-c", MAIN]
"""The command `assistant`."""

SMALL_STEPS = """
import assistant.corpus.ingestion
import assistant.store.embeddings
assistant.store.embeddings.Embeddings.BATCH //= 8
assistant.corpus.ingestion.CHUNK_CHARACTERS //= 8
"""
"""Before the command: an import commits an eighth of the usual amount, that is eight times as soon."""

IMPORTED = """
    pytest tests.conftest assistant.cli babel.dates chromadb.api.rust chromadb.telemetry.product.events
    datasketch platformdirs py3langid sentence_transformers torch transformers.models.bert.modeling_bert
""".split()
PIPE_ENDS = "p2cread p2cwrite c2pread c2pwrite errread errwrite".split()
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2): orphans of our children become our own children."""


class Forked(subprocess.Popen):
    """A process as of `subprocess.Popen([sys.executable, "-c" or "-m", …])`.

    What starts it is replaced; all else is of the standard library.
    """

    def _execute_child(self, *values):
        given = signature(subprocess.Popen._execute_child).bind(self, *values).arguments
        python, *arguments = map(str, given["args"])
        assert python == sys.executable
        request = {
            "arguments": arguments,
            "cwd": str(given["cwd"] or Path.cwd()),
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "session": given["start_new_session"],
        }
        theirs = [given["p2cread"], given["c2pwrite"], given["errwrite"]]
        files = [own if pipe == -1 else pipe for own, pipe in enumerate(theirs)]
        server = _server()
        socket.send_fds(server, [json.dumps(request).encode()], files)
        self.pid = int(server.recv(100))
        self._child_created = True
        self._close_pipe_fds(*(given[end] for end in PIPE_ENDS))


if sys.platform != "linux":
    Forked = subprocess.Popen  # type: ignore[misc]


def run(args, timeout=300, capture_output=True, **options):
    """What `subprocess.run` gives."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Forked(args, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(args, process.returncode, out, err)


@cache
def _server() -> socket.socket:
    """The connection to this process's server, which ends with it."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())],
        cwd=ROOT,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # Libraries of linear algebra start their threads when they are imported.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    theirs.close()

    @atexit.register
    def end():
        ours.close()
        process.wait()

    return ours


def serve(requests: socket.socket) -> dict | None:
    """Forks a process for each request; returns in each with what it is to do, and None at the end."""
    while True:
        message, files, *_ = socket.recv_fds(requests, 1 << 20, 3)
        if not message:
            return None
        threads = list(Path("/proc/self/task").iterdir())
        assert len(threads) == 1, "a fork would copy the locks of other threads"
        told, tell = os.pipe()
        if not (between := os.fork()):
            if child := os.fork():
                os.write(tell, b"%d" % child)
                os._exit(0)
            os.close(told)
            os.close(tell)
            requests.close()
            for number, file in enumerate(files):
                os.dup2(file, number)
                os.close(file)
            return json.loads(message)
        os.waitpid(between, 0)  # from here on, the child is one of the process that asked
        requests.send(os.read(told, 100))
        for file in (told, tell, *files):
            os.close(file)


def become(arguments, cwd, environment, session):
    """Runs what `python …` would, and ends the process as that does.

    But for the modules, which are not torn down: each object that is freed copies a page.
    """
    if session:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    kind, what, *rest = arguments
    sys.argv = [kind, *rest]
    status = 0
    try:
        if kind == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            assert kind == "-c"
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), main.__dict__)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C ends who asked, and that ends this
    for name in IMPORTED:
        import_module(name)
    gc.freeze()
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        become(**wanted)
