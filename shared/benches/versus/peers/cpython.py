"""CPython's side of the comparison: reads "function items" a line, prints the seconds that it took.

Every function does the work of its namesake in Rust. Workers that are spawned import this file again, so everything
that acts stands under the guard at its end.
"""

import math
import multiprocessing
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


def primes(pool, _items):
    return timed(lambda: list(pool.imap(is_prime, NUMBERS)), lambda found: sum(found) == PRIMES)


def primes_split(pool, _items):
    def check(found):
        odd = sum(n % 2 for n in NUMBERS)
        return odd - len(set(found) - {None}) == PRIMES

    return timed(lambda: list(pool.imap_unordered(composite, pieces())), check)


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


STARTS = {
    "start_fork": lambda items: start("fork", items),
    "start_spawn": lambda items: start("spawn", items),
    "start_forkserver": lambda items: start("forkserver", items, cold=True),
    "start_running": lambda items: start("forkserver", items),
}
CHANNELS = {
    "queue": queue,
    "pipe_small": lambda items: pipe(8, items),
    "pipe_large": lambda items: pipe(8 << 20, items),
}
CALLS = {
    "map_default": map_default,
    "map_chunk1": map_chunk1,
    "imap_chunk1": imap_chunk1,
    "apply": apply,
    "primes": primes,
    "primes_split": primes_split,
}


def serve(workers):
    pool = None
    for line in sys.stdin:
        name, items = line.split()
        try:
            if name in STARTS or name in CHANNELS:
                answer = (STARTS | CHANNELS)[name](int(items))
            else:
                if pool is None:
                    pool = multiprocessing.Pool(workers)
                    pool.map(identity, range(1000))
                answer = CALLS[name](pool, int(items))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        print(answer, flush=True)
    if pool is not None:
        pool.close()
        pool.join()


if __name__ == "__main__":
    print(sys.version.split()[0], flush=True)
    serve(int(sys.argv[1]))
