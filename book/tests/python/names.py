"""Prints the public names of multiprocessing and concurrent.futures, as names.txt has them.

The newest version's library is what counts, and the interpreter may be an older one:

    PYTHONPATH=FOLDER python3 names.py 3.14.2 > names.txt

where FOLDER has the `multiprocessing` and `concurrent` of version 3.14.2. Without arguments it
takes the interpreter's own. A module that the interpreter cannot import is named on standard error,
and left out: an interpreter before 3.14 has no `concurrent.futures.interpreter`, whose names are
then read in its source.
"""

import importlib
import inspect
import sys

# The documented ones first: a class is listed where it is met first.
MODULES = [
    "multiprocessing",
    "multiprocessing.pool",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "multiprocessing.sharedctypes",
    "multiprocessing.shared_memory",
    "multiprocessing.managers",
    "multiprocessing.connection",
    "multiprocessing.process",
    "multiprocessing.context",
    "multiprocessing.reduction",
    "multiprocessing.util",
    "concurrent.futures",
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "concurrent.futures.interpreter",
]

# Methods that objects get when they are made, which no class shows.
OF_OBJECTS = {
    "SemLock": ["acquire", "release"],
    "Condition": ["acquire", "release"],
    "Finalize": ["__call__"],
}


def public(module):
    """Returns the names that the module exports: `__all__`, and the classes and functions that it
    defines itself under a public name."""
    own = [
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]
    return {name for name in [*getattr(module, "__all__", []), *own] if not name.startswith("_")}


def members(kind):
    """Returns the public methods and properties of a class: its own, and those of bases of these
    modules that are not in the list themselves."""
    names = set(OF_OBJECTS.get(kind.__name__, []))
    for base in kind.__mro__:
        listed = base is not kind and (base.__module__, base.__name__) in LISTED
        if not base.__module__.startswith(("multiprocessing", "concurrent", "threading")) or listed:
            continue
        names.update(name for name, value in vars(base).items() if not inspect.isclass(value))
    return {name for name in names if not name.startswith("_") or name == "__call__"}


def main():
    version = sys.argv[1] if len(sys.argv) > 1 else sys.version.split()[0]
    print(f"# CPython {version}: printed by names.py")
    modules = []
    for path in MODULES:
        try:
            modules.append(importlib.import_module(path))
        except ImportError as error:
            print(f"left out: {path}: {error}", file=sys.stderr)
    for module in modules:
        classes = [value for name in public(module) if inspect.isclass(value := getattr(module, name))]
        LISTED.update((value.__module__, value.__name__) for value in classes)
    seen = []
    for module in modules:
        lines = set()
        for name in public(module):
            value = getattr(module, name)
            if any(value is other for other in seen):
                continue
            seen.append(value)
            lines.add(f"{module.__name__} {name}")
            if inspect.isclass(value):
                lines.update(f"{module.__name__} {name}.{member}" for member in members(value))
        print("\n".join(sorted(lines)))


LISTED = set()
main()
