"""An attack whose tool is not installed here says so, and its tests are skipped with that sentence."""

from collections.abc import Generator

import pytest

from bench.errors import Unavailable


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    try:
        return (yield)
    except Unavailable as missing:
        pytest.skip(str(missing))
