import os

PARALLEL = "PYTEST_XDIST_WORKER" in os.environ
if PARALLEL:
    # Threads that wait for each other take longer than one does where other workers compute, too.
    # It is read when numpy and torch are imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
