"""Many tests at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.analysis.stats.intervals import Floats


def holm(p_values: npt.ArrayLike) -> Floats:
    """Holm's step-down adjustment (1979): with all adjusted p <= 0.05 called, a false call is a 5 % event at most.

    That holds for the whole array together and whatever the tests' dependence. NaNs are no tests and stay.
    """
    p = np.asarray(p_values, float)
    out = np.full(p.shape, np.nan)
    at = np.flatnonzero(~np.isnan(p))
    at = at[np.argsort(p.ravel()[at], kind="stable")]
    steps = p.ravel()[at] * np.arange(len(at), 0, -1)
    out.ravel()[at] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return out
