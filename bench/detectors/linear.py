"""Logistic regression on standardised features as plain arrays: fitted by scikit-learn, evaluated without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.detectors.base import Arrays

if TYPE_CHECKING:
    import numpy as np


def fit(features: np.ndarray, is_ai: np.ndarray, strength: float) -> Arrays:
    """Fit the weights, classes weighted alike.

    Args:
        features: ``(n, k)`` float; constant ones get no weight.
        is_ai: ``(n,)`` bool, both classes present.
        strength: inverse of the L2 penalty on the weights of standardised features (``C`` of scikit-learn).
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    exact = features.astype(np.float64)
    mean, spread = exact.mean(axis=0), exact.std(axis=0)
    scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    model.fit((exact - mean) * scale, is_ai)
    weights = model.coef_[0] * scale
    return {"weights": weights, "bias": np.array([model.intercept_[0] - mean @ weights])}


def score(model: Arrays, features: np.ndarray) -> np.ndarray:
    """The log-odds of AI in a world of as many AI as human files, ``(n,)`` float64."""
    import numpy as np

    scores: np.ndarray = features.astype(np.float64) @ model["weights"] + model["bias"][0]
    return scores
