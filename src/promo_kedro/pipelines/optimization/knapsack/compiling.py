"""How functions are compiled, and when what was compiled before may be used again.

Numba keeps compiled functions on disk and finds them by the file they stand in. But compiled code
holds the functions it calls from other files too: after a change there it would be found, and be
wrong. So the name a function is kept under tells all the sources that compiled code is made of.
"""

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeVar

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

SOURCES = ("compiling.py", "curves.py", "kernels.py", "consumers.py", "printed.py")
"""Files with compiled functions; these call those of no others."""


def _sources() -> str:
    """Return a short name for the sources as they are."""
    folder = files(__package__)
    contents = [folder.joinpath(name).read_bytes() for name in SOURCES]
    return sha256(b"\0".join(contents)).hexdigest()[:16]


_KEPT_AS = _sources()


def compiled(function: F) -> F:
    """Compile a function that allocates nothing, see ``allocating``.

    Counting references to seventeen arrays at every call would take longer than the calls: these
    functions do not own what they read. Numpy's division, which never raises, lets loops be
    vectorised.
    """
    return _kept(function, error_model="numpy", _nrt=False)


def allocating(function: F) -> F:
    """Compile a function, or load what these very sources were compiled to before.

    Where nothing can be written, neither beside the sources nor for the user, it is compiled anew
    in every process.
    """
    return _kept(function)


def _kept(function: F, **options: Any) -> F:
    function.__qualname__ = f"{function.__qualname__}_{_KEPT_AS}"
    try:
        return njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:
        return njit(nogil=True, **options)(function)
