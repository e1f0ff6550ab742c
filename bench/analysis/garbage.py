"""Python's search for garbage, held back while an analysis makes many objects that all stay."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """A chart or a page is tens of thousands of objects that live until it is saved: a search finds no garbage in them.

    Nor does looking through the libraries and tables that are there already, whose memory forked workers share.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
