"""orders.py LIBRARY HEADER X.npy Y.npy: the work items of one call in every order, on one thread and on several.

Whoever runs them, in whatever order, the bits of the result are those of a call without an executor. The workspace is
dirty each time. The serial result is written to Y.npy.
"""
import ctypes
import itertools
import random
import re
import sys
import threading

import numpy as np

ITEM = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)
PARALLEL_FOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ITEM, ctypes.c_void_p, ctypes.c_int32)


class Executor(ctypes.Structure):
    _fields_ = [("context", ctypes.c_void_p), ("threads", ctypes.c_int32), ("parallel_for", PARALLEL_FOR)]


def forwards(item, argument, count):
    for i in range(count):
        item(argument, i)


def backwards(item, argument, count):
    for i in reversed(range(count)):
        item(argument, i)


def shuffled(item, argument, count):
    for i in random.sample(range(count), count):
        item(argument, i)


def on_threads(threads):
    def run(item, argument, count):
        tickets = itertools.count()

        def work():
            while (i := next(tickets)) < count:
                item(argument, i)
        helpers = [threading.Thread(target=work) for _ in range(threads)]
        for helper in helpers:
            helper.start()
        for helper in helpers:
            helper.join()
    return run


def main():
    library, header = ctypes.CDLL(sys.argv[1]), open(sys.argv[2]).read()
    workspace_bytes = int(re.search(r"#define ORDERS_RUN_WORKSPACE_SIZE\D*(\d+)", header)[1])
    x, stages = np.load(sys.argv[3]), []

    def call(order):
        def parallel_for(_, item, argument, count):
            stages.append(count)
            order(item, argument, count)
        executor = Executor(None, 3, PARALLEL_FOR(parallel_for)) if order else None
        y, workspace = np.full((1, 300), np.nan, np.float32), np.full(workspace_bytes + 64, 0xff, np.uint8)
        place = workspace.ctypes.data + -workspace.ctypes.data % 64
        status = library.orders_run(x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p),
                                    ctypes.c_void_p(place), ctypes.byref(executor) if executor else None)
        assert status == 0, status
        return y

    wanted = call(None)
    np.save(sys.argv[4], wanted)
    orders = {"forwards": forwards, "backwards": backwards, "shuffled": shuffled}
    orders |= {f"{threads} threads": on_threads(threads) for threads in (2, 3, 7)}
    wrong = [name for name, order in orders.items() if call(order).tobytes() != wanted.tobytes()]
    print(f"{len(stages) // len(orders)} stages, of {min(stages)} to {max(stages)} items; other bits: {wrong or 'none'}")
    return int(bool(wrong) or not np.isfinite(wanted).all() or len(stages) < 6 * len(orders))


if __name__ == "__main__":
    sys.exit(main())
