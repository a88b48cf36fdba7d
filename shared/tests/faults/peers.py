"""The same faults on CPython's process pools: `python3 shared/tests/faults/peers.py > shared/tests/faults/peers.md`.

Each cell runs in a process of its own and has a few seconds; what is not over by then counts as "hangs". A cell maps six numbers on two
workers; the fault strikes the third. Then the pool is asked for one more result.
"""

import concurrent.futures
import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 3
TASKS, DOOMED = 6, 2


def recurse(_):
    # Through a function in C: calls within Python do not use the stack.
    return max([0], key=recurse)


def allocate():
    limit = 1 << 30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return len(bytearray(4 << 30))


def overflow():
    sys.setrecursionlimit(1 << 30)
    threading.stack_size(64 << 10)
    thread = threading.Thread(target=recurse, args=(0,))
    thread.start()
    thread.join()


def refuse():
    raise TypeError("out of order")


def panic():
    raise ValueError("out of order")


FAULTS = {
    "serialization error": refuse,
    "exception": panic,
    "exit(0)": lambda: os._exit(0),
    "sys.exit(3)": lambda: sys.exit(3),
    "abort": os.abort,
    "memory fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSTOP": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "stack overflow": overflow,
    "out of memory": allocate,
}

IN_WORKERS = list(FAULTS)[1:]
PLACES = {
    "encoding an argument": ["serialization error", "exception"],
    "decoding an argument": list(FAULTS),
    "running a task": IN_WORKERS,
    "encoding a result": list(FAULTS),
    "decoding a result": ["serialization error", "exception"],
    "the initializer": IN_WORKERS,
    "a worker with nothing to do": ["exit(0)", "abort", "memory fault", "SIGKILL", "SIGSTOP"],
    "a callback": ["exception"],
    "the source of the items": ["exception"],
}


class Charged:
    """A number whose journey in one direction ends in a fault."""

    def __init__(self, number, encode=None, decode=None):
        self.number, self.encode, self.decode = number, encode, decode

    def __reduce__(self):
        if self.encode:
            FAULTS[self.encode]()
        return decoded, (self.number, self.decode)


def decoded(number, fault):
    if fault:
        FAULTS[fault]()
    return Charged(number)


def number_of(value):
    return value.number if isinstance(value, Charged) else value


def task(order):
    value, place, fault = order
    number = number_of(value)
    if place == "running a task" and fault:
        FAULTS[fault]()
    if place == "encoding a result" and fault:
        return Charged(number * number, encode=fault)
    if place == "decoding a result" and fault:
        return Charged(number * number, decode=fault)
    return number * number


def square(number):
    return number * number


def initialize(place, fault, folder):
    if place == "the initializer":
        try:
            os.close(os.open(folder + "/first", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            if fault != "exception":
                return
        FAULTS[fault]()


def arm(fault):
    thread = threading.Timer(0.2, FAULTS[fault])
    thread.start()


def orders(place, fault):
    for number in range(TASKS):
        doomed = number == DOOMED
        if doomed and place == "the source of the items":
            raise ValueError("the source fails")
        value = number
        if doomed and place == "encoding an argument":
            value = Charged(number, encode=fault)
        if doomed and place == "decoding an argument":
            value = Charged(number, decode=fault)
        yield value, place, fault if doomed else None


def outcome_of(results):
    try:
        values = [number_of(value) for value in results()]
        return "right" if values == [number * number for number in range(TASKS)] else f"wrong: {values}"
    except BaseException as error:
        return type(error).__name__


def mp_pool(place, fault, folder):
    with multiprocessing.Pool(2, initialize, (place, fault, folder)) as pool:
        if place == "a worker with nothing to do":
            pool.apply(arm, (fault,))
            time.sleep(0.5)
        if place == "a callback":

            def callback(_):
                raise ValueError("the callback fails")

            result = pool.map_async(task, orders(place, None), 1, callback)
            yield outcome_of(result.get)
        else:
            yield outcome_of(lambda: pool.map(task, orders(place, fault), 1))
        yield "usable" if pool.apply(square, (3,)) == 9 else "wrong"


def executor(place, fault, folder):
    with concurrent.futures.ProcessPoolExecutor(2, initializer=initialize, initargs=(place, fault, folder)) as pool:
        if place == "a worker with nothing to do":
            pool.submit(arm, fault).result()
            time.sleep(0.5)
        if place == "a callback":
            future = pool.submit(square, 3)

            def callback(_):
                raise ValueError("the callback fails")

            future.add_done_callback(callback)
            yield "right" if future.result() == 9 else "wrong"
        else:
            yield outcome_of(lambda: list(pool.map(task, orders(place, fault))))
        try:
            yield "usable" if pool.submit(square, 3).result() == 9 else "wrong"
        except BaseException as error:
            yield f"broken: {type(error).__name__}"


POOLS = {"multiprocessing.Pool": mp_pool, "ProcessPoolExecutor": executor}


def try_cell(pool, place, fault):
    """Runs a cell in a process of its own; says what was heard of it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, pool, place, fault, folder]
        cell = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )
        try:
            output, _ = cell.communicate(timeout=DEADLINE)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        # Whatever it has left, stopped or not, is in its session.
        try:
            os.killpg(cell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if not ended:
            output, _ = cell.communicate()
        heard = output.split("\n")[:-1]
        if ended and len(heard) == 3:
            return f"{heard[0]}; {heard[1]}"
        if not heard:
            return "hangs" if not ended else "the program dies"
        if len(heard) == 1:
            return f"{heard[0]}; then hangs" if not ended else f"{heard[0]}; then the program dies"
        return f"{heard[0]}; {heard[1]}; its end hangs"


def main():
    if len(sys.argv) > 1:
        _, pool, place, fault, folder = sys.argv
        for line in POOLS[pool](place, fault, folder):
            print(line, flush=True)
        print("ended", flush=True)
        return
    cells = [(place, fault) for place in PLACES for fault in PLACES[place]]
    print("| where | fault | " + " | ".join(f"`{pool}`" for pool in POOLS) + " |")
    print("|---|---|---|---|")
    hangs = dict.fromkeys(POOLS, 0)
    for place, fault in cells:
        row = []
        for pool in POOLS:
            outcome = try_cell(pool, place, fault)
            hangs[pool] += "hang" in outcome
            row.append(outcome)
        print(f"| {place} | {fault} | " + " | ".join(row) + " |", flush=True)
    counts = " and ".join(f"{count} with `{pool}`" for pool, count in hangs.items())
    method = multiprocessing.get_start_method()
    print()
    print(
        f"Made by `shared/tests/faults/peers.py` with CPython {platform.python_version()} (start method `{method}`) on "
        f"Linux with {os.cpu_count()} virtual CPUs: a map of {TASKS} tasks on two workers, the third of which suffers the fault, then "
        f"one more call; {DEADLINE} seconds a cell. Of {len(cells)} cells, those that hang: {counts}."
    )


if __name__ == "__main__":
    main()
