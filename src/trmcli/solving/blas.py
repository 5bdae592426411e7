"""One thread for NumPy's matrix products.

The products of one puzzle are small. Several threads wait for each other in each of them, and as soon as
something else runs on the machine they wait many times as long as they work.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

_FUNCTIONS = (
    *(
        (f"{name}_set_num_threads{bits}", f"{name}_get_num_threads{bits}")
        for name in ("scipy_openblas", "openblas")
        for bits in ("64_", "")
    ),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
    ("bli_thread_set_num_threads", "bli_thread_get_num_threads"),
)
"""Setter and getter of the libraries that NumPy is built with; wheels rename OpenBLAS's."""


def import_numpy() -> None:
    """Import NumPy so that its library of products never starts a second thread.

    The library asks the environment once, when it is loaded; what it finds there is put back afterwards, for
    torch and other processes read the same variables. Where NumPy is there already, this does nothing.
    """
    if "numpy" in sys.modules:
        return
    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    try:
        import numpy  # noqa: F401
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def one_thread() -> Iterator[None]:
    """Products within the block take one thread, in the whole process; afterwards as many as before.

    Where the library is unknown this does nothing.
    """
    controls = _controls()
    threads = controls[1]() if controls else 1
    if controls is None or threads == 1:
        yield
        return
    set_threads, _ = controls
    set_threads(1)
    try:
        yield
    finally:
        set_threads(threads)


@cache
def _controls() -> tuple[Callable[[int], Any], Callable[[], int]] | None:
    """How the library behind NumPy is told its threads, and asked for them."""
    for library in _libraries():
        for setter, getter in _FUNCTIONS:
            with contextlib.suppress(AttributeError):
                return getattr(library, setter), getattr(library, getter)
    return None


def _libraries() -> Iterator[ctypes.CDLL]:
    """NumPy's own module, through which a loader finds what it is linked with, and what lies beside it."""
    import numpy

    core = getattr(numpy, "_core", None) or numpy.core
    folder = Path(numpy.__file__).parent
    beside = (folder.parent / "numpy.libs", folder / ".libs", folder / ".dylibs")
    for path in (
        core._multiarray_umath.__file__,
        *(str(file) for libs in beside for file in libs.glob("*blas*")),
    ):
        with contextlib.suppress(OSError):
            yield ctypes.CDLL(path)
