"""mpi4py's side of the comparison: started as `mpirun -n 3 python3 -m mpi4py.futures futures.py ROW ITEMS`, prints the seconds
that an item took.

The module that starts this script has rank 0 run it, and the other ranks serve.
"""

import sys
import time

from mpi4py.futures import MPIPoolExecutor


def identity(n):
    return n


def map_chunk1(executor, items):
    return list(executor.map(identity, range(items), chunksize=1))


def submit_all(executor, items):
    futures = [executor.submit(identity, n) for n in range(items)]
    return [future.result() for future in futures]


def submit(executor, items):
    return [executor.submit(identity, n).result() for n in range(items)]


def echo_64mib(executor, items):
    value = bytes(64 << 20)
    for n in range(items):
        assert executor.submit(identity, value).result() == value, "a wrong result"
    return list(range(items))


def main():
    row, items = globals()[sys.argv[1]], int(sys.argv[2])
    with MPIPoolExecutor() as executor:
        executor.bootup()
        row(executor, min(items, 1000))
        start = time.perf_counter()
        results = row(executor, items)
        taken = time.perf_counter() - start
    assert results == list(range(items)), "a wrong result"
    print(taken / items)


if __name__ == "__main__":
    main()
