"""A random forest as plain arrays: fitted by scikit-learn, stored and evaluated without it.

A model file is then data and can hold no code, workers need not import scikit-learn (over a second each), and a
score does not depend on how scikit-learn pickles itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.detectors.base import Arrays

if TYPE_CHECKING:
    import numpy as np


def fit(features: np.ndarray, is_ai: np.ndarray, trees: int = 200, seed: int = 0) -> Arrays:
    """Fit a forest, classes weighted alike; the trees' nodes are laid end to end in one array per property.

    Args:
        features: ``(n, k)`` float.
        is_ai: ``(n,)`` bool, both classes present.
        trees: number of trees.
        seed: of the bootstrap and the choice of features.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(trees, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(features, is_ai)
    parts = [tree.tree_ for tree in forest.estimators_]
    starts = np.cumsum([0, *(part.node_count for part in parts[:-1])])
    shares = [part.value[:, 0, 1] / part.value[:, 0, :].sum(axis=1) for part in parts]

    def shifted(name: str) -> np.ndarray:  # children count from the tree's own first node; a leaf's child is itself
        own = [np.arange(part.node_count) for part in parts]
        child = [getattr(part, name) for part in parts]
        pairs = zip(own, child, starts, strict=True)
        return np.concatenate([np.where(c < 0, o, c) + start for o, c, start in pairs]).astype(np.int32)

    return {
        "roots": starts.astype(np.int32),
        "left": shifted("children_left"),
        "right": shifted("children_right"),
        "feature": np.concatenate([np.maximum(part.feature, 0) for part in parts]).astype(np.int32),
        "threshold": np.concatenate([part.threshold for part in parts]).astype(np.float64),
        "share": np.concatenate(shares).astype(np.float64),
        "depth": np.array([max(part.max_depth for part in parts)], np.int32),
    }


def score(model: Arrays, features: np.ndarray) -> np.ndarray:
    """The mean over trees of the AI share in the leaf that each row ends in, ``(n,)`` float64 in 0..1."""
    import numpy as np

    node = np.repeat(model["roots"][None, :], len(features), axis=0)
    rows = np.arange(len(features))[:, None]
    values = features.astype(np.float32)  # as scikit-learn compares
    for _ in range(int(model["depth"][0])):
        goes_left = values[rows, model["feature"][node]] <= model["threshold"][node]
        node = np.where(goes_left, model["left"][node], model["right"][node])
    scores: np.ndarray = model["share"][node].mean(axis=1)
    return scores
