"""Gradient-boosted trees as plain arrays: fitted by scikit-learn, stored and evaluated without it (see ``forest``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.detectors.base import Arrays

if TYPE_CHECKING:
    import numpy as np


def fit(features: np.ndarray, is_ai: np.ndarray, trees: int = 200, seed: int = 0) -> Arrays:
    """Fit the trees, classes weighted alike; their nodes are laid end to end in one array per property.

    Args:
        features: ``(n, k)`` float.
        is_ai: ``(n,)`` bool, both classes present.
        trees: number of boosting steps.
        seed: of the binning.
    """
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=trees, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=10, max_features=0.2,
        l2_regularization=1.0, early_stopping=False, class_weight="balanced", random_state=seed,
    )  # fmt: skip
    model.fit(features, is_ai)
    parts = [tree.nodes for (tree,) in model._predictors]
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])])

    def shifted(name: str) -> np.ndarray:  # a leaf's child is itself
        pairs = zip(parts, starts, strict=True)
        own = [np.where(part["is_leaf"], np.arange(len(part)), part[name]) + start for part, start in pairs]
        return np.concatenate(own).astype(np.int32)

    nodes = np.concatenate(parts)
    return {
        "roots": starts.astype(np.int32), "left": shifted("left"), "right": shifted("right"),
        "feature": nodes["feature_idx"].astype(np.int32), "threshold": nodes["num_threshold"].astype(np.float64),
        "value": nodes["value"].astype(np.float64), "depth": np.array([max(part["depth"].max() for part in parts)]),
        "baseline": np.ravel(model._baseline_prediction).astype(np.float64),
    }  # fmt: skip
