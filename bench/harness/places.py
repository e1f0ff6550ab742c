"""Folders in shared places and object stores, named as fsspec names them (https://filesystem-spec.readthedocs.io).

A place is a path, ``s3://bucket/run``, ``gs://``, ``sftp://``, ... Optional: ``pip install 'washtest[mirror]'`` brings
fsspec.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from bench.errors import UserError


def without_secrets(url: str) -> str:
    """The URL as it may be printed and published: without a user's name and password."""
    return re.sub(r"(://)[^/@\s]*@", r"\1", url)


def matching(url: str) -> list[str]:
    """The URLs that a pattern such as ``s3://bucket/run-*`` stands for; a URL without ``*`` is itself.

    Raises:
        UserError: nothing is there.
    """
    if "*" not in url:
        return [url]
    files, root = place(url)
    with reaching(without_secrets(url)):
        found = sorted(files.unstrip_protocol(path) for path in files.glob(root))
    if not found:
        raise UserError(f"nothing matches {without_secrets(url)}")
    return found


def place(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it.

    Raises:
        UserError: fsspec, or what it needs for this kind of URL, is missing; it knows no such kind.
    """
    try:
        import fsspec
    except ImportError:
        raise UserError(f"{without_secrets(url)} needs fsspec; run: pip install 'washtest[mirror]'") from None
    try:
        files, root = fsspec.url_to_fs(url)
    except Exception as error:  # a package that is missing, named in its words; an unknown kind; no such host
        raise UserError(f"{without_secrets(url)} cannot be reached: {_one_line(error)}") from None
    return files, str(root).rstrip("/")


def read(files: Any, path: str) -> bytes:
    """The content of a file as it is now.

    Raises:
        FileNotFoundError: it is missing.
    """
    files.invalidate_cache()  # s3fs looks for a file in listings that it kept, and other machines write there too
    return bytes(files.cat_file(path))


@contextlib.contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn the refusals of any file system, each with exceptions of its own, into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{url} cannot be reached ({type(error).__name__}: {_one_line(error)}); what is measured is on this disk, "
            "and the same command goes on"
        ) from None


def _one_line(error: object) -> str:
    return without_secrets(" ".join(str(error).split()))[:300]
