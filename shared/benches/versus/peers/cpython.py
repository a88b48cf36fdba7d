"""CPython's side of the comparison: reads "function items" a line, prints the seconds that it took, or what it counts.

Every function does the work of its namesake in Rust. Workers that are spawned import this file again, so everything
that acts stands under the guard at its end.
"""

import concurrent.futures
import dataclasses
import math
import multiprocessing
import subprocess
import sys
import time
from multiprocessing import forkserver

NUMBERS = [
    17977, 10619863, 106198, 6620830889, 80630964769, 228204732751, 1171432692373, 1398341745571, 10963707205259,
    15285151248481, 99999199999, 304250263527209, 30425026352720, 10657331232548839, 10657331232548830, 44560482149,
    1746860020068409,
]
PRIMES = 14
PIECE = 1 << 18
SKEWED = 10_000
STRIDE = 7919
WORKERS = int(sys.argv[1])


def identity(n):
    return n


def is_prime(n):
    if n < 3 or n % 2 == 0:
        return n == 2
    return not has_divisor(n, 3, math.isqrt(n))


def has_divisor(n, first, last):
    for divisor in range(first, last + 1, 2):
        if n % divisor == 0:
            return True
    return False


def pieces():
    for n in NUMBERS:
        if n % 2 == 1:
            root = math.isqrt(n)
            for first in range(3, root + 1, 2 * PIECE):
                yield n, first, min(root, first + 2 * PIECE - 1)


def composite(piece):
    return piece[0] if has_divisor(*piece) else None


def timed(work, check):
    start = time.perf_counter()
    outcome = work()
    taken = time.perf_counter() - start
    assert check(outcome), "a wrong result"
    return taken


def map_default(pool, items):
    return timed(lambda: pool.map(identity, range(items)), lambda found: len(found) == items)


def map_chunk1(pool, items):
    return timed(lambda: pool.map(identity, range(items), chunksize=1), lambda found: len(found) == items)


def imap_chunk1(pool, items):
    return timed(lambda: sum(1 for _ in pool.imap(identity, range(items))), lambda found: found == items)


def apply(pool, items):
    return timed(lambda: [pool.apply(identity, (n,)) for n in range(items)], lambda found: len(found) == items)


def echo(pool, size):
    payload = bytes(size)
    return timed(lambda: pool.apply(identity, (payload,)), lambda back: len(back) == size)


@dataclasses.dataclass
class Record:
    id: int
    price: float
    open: bool
    name: str


def structs(pool, items):
    records = [Record(n, n / 8, n % 2 == 0, f"record number {n}") for n in range(items)]
    return timed(lambda: pool.map(identity, records), lambda found: len(found) == items)


def submit(items, executor):
    executor.submit(identity, 0).result()
    return timed(lambda: [executor.submit(identity, n).result() for n in range(items)], lambda found: len(found) == items)


def submit_future(items):
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as executor:
        return submit(items, executor)


def submit_loky(items):
    from loky import get_reusable_executor

    return submit(items, get_reusable_executor(max_workers=WORKERS))


def primes(pool, _items):
    return timed(lambda: list(pool.imap(is_prime, NUMBERS)), lambda found: sum(found) == PRIMES)


def primes_split(pool, _items):
    def check(found):
        odd = sum(n % 2 for n in NUMBERS)
        return odd - len(set(found) - {None}) == PRIMES

    return timed(lambda: list(pool.imap_unordered(composite, pieces())), check)


def skewed_times(order):
    times = [int(5_000 * ((place + 0.5) / SKEWED) ** (-2 / 3)) for place in range(SKEWED)]
    if order == "mixed":
        return [times[task * STRIDE % SKEWED] for task in range(SKEWED)]
    return times if order == "falling" else times[::-1]


def burn(nanoseconds):
    end = time.thread_time_ns() + nanoseconds
    while time.thread_time_ns() < end:
        pass
    return nanoseconds


def skewed(pool, order):
    times = skewed_times(order)
    return timed(lambda: pool.map(burn, times), lambda found: found == times)


def fill(orders, queue):
    for items in iter(orders.recv, None):
        for n in range(items):
            queue.put(n)


def send(connection):
    for length, items in iter(connection.recv, None):
        message = bytes(length)
        for _ in range(items):
            connection.send_bytes(message)


def queue(items):
    numbers = multiprocessing.Queue()
    orders, theirs = multiprocessing.Pipe()
    return exchange(fill, (theirs, numbers), orders, items, numbers.get, items, sum(range(items)))


def fill_frames(orders, queue):
    for length, items in iter(orders.recv, None):
        for n in range(items):
            queue.put((n, bytes(length)))


def frames(items):
    pairs = multiprocessing.Queue(8)
    orders, theirs = multiprocessing.Pipe()
    length = 1_000_000
    return exchange(fill_frames, (theirs, pairs), orders, (length, items), lambda: len(pairs.get()[1]), items, length * items)


def pipe(length, items):
    ours, theirs = multiprocessing.Pipe()
    return exchange(send, (theirs,), ours, (length, items), lambda: len(ours.recv_bytes()), items, length * items)


def exchange(producer, arguments, orders, order, receive, items, total):
    """Has another process send, and receives."""
    process = multiprocessing.Process(target=producer, args=arguments)
    process.start()

    def work():
        orders.send(order)
        return sum(receive() for _ in range(items))

    taken = timed(work, lambda found: found == total)
    orders.send(None)
    process.join()
    return taken


def start(method, pools, cold=False):
    """A pool of two, from nothing to nothing; a cold start takes down the fork server of an earlier one first."""
    taken = 0.0
    for _ in range(pools):
        if cold:
            forkserver._forkserver._stop()
        begin = time.perf_counter()
        pool = multiprocessing.get_context(method).Pool(2)
        found = pool.map(identity, [1, 2], chunksize=1)
        pool.close()
        pool.join()
        taken += time.perf_counter() - begin
        assert found == [1, 2], "a wrong result"
    return taken


def imap_memory(items):
    with multiprocessing.Pool(WORKERS) as pool:
        assert sum(pool.imap_unordered(identity, range(items), 1000)) == items * (items - 1) // 2
    return peak_kib() / 1024


def outstanding(items):
    with multiprocessing.Pool(WORKERS) as pool:
        before = kib("/proc/self/status", "VmRSS:")
        results = [pool.apply_async(identity, (n,)) for n in range(items)]
        assert [result.get() for result in results] == list(range(items))
        return (peak_kib() - before) * 1024 / items


def peak_kib():
    # Not getrusage: its peak counts what this process was before it executed Python.
    return kib("/proc/self/status", "VmHWM:")


def kib(path, name):
    with open(path) as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


def workers_256(count):
    start = time.perf_counter()
    pool = multiprocessing.Pool(count)
    found = pool.map(identity, range(count), chunksize=1)
    pool.close()
    pool.join()
    assert len(found) == count
    return (time.perf_counter() - start) / count


def worker_memory(count):
    with multiprocessing.Pool(count) as pool:
        pool.map(identity, range(10 * count), chunksize=1)
        workers = multiprocessing.active_children()
        return sum(kib(f"/proc/{worker.pid}/smaps_rollup", "Pss:") for worker in workers) / count


def fresh(name):
    def count(items):
        command = [sys.executable, __file__, str(WORKERS), name, str(items)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return float(done.stdout)

    return count


# What is counted in an interpreter of its own.
QUANTITIES = {function.__name__: function for function in (imap_memory, outstanding, workers_256, worker_memory)}
STARTS = {
    "start_fork": lambda items: start("fork", items),
    "start_spawn": lambda items: start("spawn", items),
    "start_forkserver": lambda items: start("forkserver", items, cold=True),
    "start_running": lambda items: start("forkserver", items),
}
CHANNELS = {
    "queue": queue,
    "pipe_small": lambda items: pipe(8, items),
    "frames": frames,
    "pipe_large": lambda items: pipe(8 << 20, items),
}
ALONE = STARTS | CHANNELS | {"submit": submit_future, "submit_loky": submit_loky}
ALONE |= {f"fresh_{name}": fresh(name) for name in QUANTITIES}
CALLS = {
    "map_default": map_default,
    "map_chunk1": map_chunk1,
    "imap_chunk1": imap_chunk1,
    "apply": apply,
    "echo": echo,
    "structs": structs,
    "primes": primes,
    "primes_split": primes_split,
    "skewed": lambda pool, _items: skewed(pool, "mixed"),
    "skewed_rising": lambda pool, _items: skewed(pool, "rising"),
    "skewed_falling": lambda pool, _items: skewed(pool, "falling"),
}


def serve():
    pool = None
    for line in sys.stdin:
        name, items = line.split()
        try:
            if name in ALONE:
                answer = ALONE[name](int(items))
            else:
                if pool is None:
                    pool = multiprocessing.Pool(WORKERS)
                    pool.map(identity, range(1000))
                answer = CALLS[name](pool, int(items))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(answer, flush=True)
    if pool is not None:
        pool.close()
        pool.join()


if __name__ == "__main__":
    if sys.argv[2:]:
        print(QUANTITIES[sys.argv[2]](int(sys.argv[3])))
    else:
        print(sys.version.split()[0], flush=True)
        serve()
