"""What JPEG leaves in the pixels: block edges, quantised DCT coefficients, the quality of an earlier save.

It reads pixels, never the file's own tables, so that a JPEG that was saved as PNG shows what it was, and a picture that
never was a JPEG shows that. Its parts:

- blocking at all 64 offsets of the 8 x 8 grid, and how near the coefficients lie to multiples of a step, from which the
  quality follows: Fan and de Queiroz, "Identification of Bitmap Compression History", IEEE TIP 2003;
- the same for all steps, which shows a second, other save: double quantisation makes histograms periodic (Popescu and
  Farid, "Statistical Tools for Digital Forensics", IH 2004);
- the first digits of the coefficients: Fu, Shi and Su, "A Generalized Benford's Law for JPEG Coefficients", SPIE 2007;
  Bonettini et al., "On the Use of Benford's Law to Detect GAN-Generated Images", ICPR 2020;
- the energy of each frequency: Giudice, Guarnera and Battiato, "Fighting Deepfakes by Detecting GAN DCT Anomalies",
  J. Imaging 2021.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING

from bench.containers import jpeg_tables
from bench.detectors import common, linear
from bench.detectors.base import Arrays, DetectorInfo, Score
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np

BLOCK = common.BLOCK
#: AC coefficients in zigzag order whose histograms are made.
HISTOGRAMS = 15
#: Largest coefficient that a histogram holds; the few larger ones are left out.
LARGEST = 160
#: Quantisation steps that are looked for.
STEPS = range(2, 33)
#: Qualities that are looked for; 98 and more quantise most of these coefficients by 1, which leaves nothing.
QUALITIES = (*range(30, 90, 5), *range(90, 98))
#: Coefficients that are added to each count as if they lay nowhere, so that a handful proves nothing.
WEAK = 20.0
#: Cross-differences above this are edges of the scene, not of blocks.
EDGE = 24
#: First digits are counted in these ranges of the zigzag.
BANDS = ((1, 6), (6, 15), (15, 28))


def blocking(media: Media) -> np.ndarray:
    """How much the cross-difference stands out at each place of the 8 x 8 grid, ``(8, 8)``, mean 1.

    The corners of blocks that start at the picture's own corner lie at ``[7, 7]``.
    """
    import numpy as np

    cross = media.once(common.cross_difference)
    rows, columns = cross.values.shape[:2]
    low = np.minimum(cross.values, np.int16(EDGE)).reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK * 3)
    folded = low.sum(axis=0, dtype=np.int32).sum(axis=1).reshape(BLOCK, BLOCK, 3).sum(axis=2)
    placed = np.roll(folded, (cross.top % BLOCK, cross.left % BLOCK), axis=(0, 1))
    strength: np.ndarray = (placed + 1.0) / (placed.mean() + 1.0)
    return strength


def coefficients(media: Media) -> np.ndarray:
    """The DCT of every 8 x 8 block of the centre's luma, ``(64, blocks)`` float32, in zigzag order."""
    import numpy as np

    grey = media.once(common.luma)
    rows, columns = grey.shape[0] // BLOCK, grey.shape[1] // BLOCK
    # (columns of blocks, rows of a block, columns of a block, blocks down) matter only in that each axis of 8 is
    # transformed; the level shift of 128 changes the first coefficient alone, which is not used.
    blocks = grey.reshape(rows, BLOCK, columns, BLOCK).transpose(1, 3, 0, 2).reshape(BLOCK * BLOCK, -1)
    transform = np.kron(_dct_matrix(), _dct_matrix())[_zigzag()]
    found: np.ndarray = transform.astype(np.float32) @ blocks.astype(np.float32)
    return found


@functools.cache
def _dct_matrix() -> np.ndarray:
    """The orthonormal DCT-II of length 8 (T.81 A.3.3)."""
    import numpy as np

    k, n = np.mgrid[:BLOCK, :BLOCK]
    matrix: np.ndarray = np.sqrt(2 / BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * BLOCK))
    matrix[0] /= np.sqrt(2)
    return matrix


@functools.cache
def _zigzag() -> np.ndarray:
    """Row-major index of each coefficient in zigzag order (T.81 figure A.6), ``(64,)``."""
    import numpy as np

    row, column = np.divmod(np.arange(BLOCK * BLOCK), BLOCK)
    diagonal = row + column
    return np.lexsort((np.where(diagonal % 2, row, column), diagonal))


def histograms(rounded: np.ndarray) -> np.ndarray:
    """Counts of the values -160..160 of the first 15 AC coefficients, ``(15, 321)``."""
    import numpy as np

    counts = []
    for values in rounded[1 : HISTOGRAMS + 1]:
        inside = values[np.abs(values) <= LARGEST]
        counts.append(np.bincount(inside + LARGEST, minlength=2 * LARGEST + 1))
    return np.stack(counts)


@functools.cache
def _combs() -> tuple[np.ndarray, np.ndarray]:
    """For each value and step: the cosine that is 1 on multiples of the step, and whether the value says anything."""
    import numpy as np

    values = np.arange(-LARGEST, LARGEST + 1)[:, None]
    steps = np.array(STEPS)[None, :]
    speaks = np.abs(values) > steps / 2  # smaller ones are rounded to zero by any such step
    return np.cos(2 * np.pi * values / steps) * speaks, speaks.astype(float)


def combs(counts: np.ndarray) -> np.ndarray:
    """How near the coefficients lie to multiples of each step 2..32, ``(15, 31)`` in -1..1; 0 says nothing.

    1: all of them on multiples, as after quantisation by it (or by a multiple of it).
    """
    cosine, speaks = _combs()
    found: np.ndarray = (counts @ cosine) / (counts @ speaks + WEAK)
    return found


@functools.cache
def _steps_of_qualities() -> np.ndarray:
    """Place in ``STEPS`` of each of the 15 steps of each quality, ``(qualities, 15)``; -1: not looked for."""
    import numpy as np

    tables = [jpeg_tables.ijg(quality)[1 : HISTOGRAMS + 1] for quality in QUALITIES]
    return np.array([[step - STEPS[0] if step in STEPS else -1 for step in table] for table in tables])


def qualities(counts: np.ndarray) -> np.ndarray:
    """How near all coefficients lie to the steps of each quality of the IJG's tables, ``(20,)`` in -1..1.

    Args:
        counts: of ``histograms``.
    """
    import numpy as np

    cosine, speaks = _combs()
    places = _steps_of_qualities()
    rows, sought = np.arange(HISTOGRAMS), places >= 0
    near, said = ((counts @ table)[rows, places] for table in (cosine, speaks))
    explained: np.ndarray = (near * sought).sum(axis=1) / ((said * sought).sum(axis=1) + WEAK)
    return explained


def estimated_quality(media: Media) -> tuple[int, float]:
    """The quality of the JPEG that the pixels were, with how well it explains them, 0..1.

    Near 0 there is no trace of one at this grid. Meant for the pixels of one save whose encoder used the IJG's tables.
    Of qualities that explain them about as well it is the lowest: multiples of a step are multiples of its divisors.
    """
    import numpy as np

    explained = qualities(histograms(np.rint(media.once(coefficients)).astype(np.int32)))
    best = _lowest_good(explained)
    return QUALITIES[best], max(0.0, float(explained[best]))


def _lowest_good(explained: np.ndarray) -> int:
    """Place in ``QUALITIES`` of the lowest that reaches 85 % of the best."""
    return int((explained >= explained.max() - 0.15 * abs(explained.max())).argmax())


@functools.cache
def _first_digits() -> np.ndarray:
    import numpy as np

    return np.array([0, *(int(str(n)[0]) for n in range(1, 2048))])


def digits(rounded: np.ndarray) -> np.ndarray:
    """Shares of the first digits 1..9 in three bands of frequencies, and their distance from Benford's law, ``(30,)``.

    The distance is the symmetric Kullback-Leibler divergence.
    """
    import numpy as np

    law = np.log10(1 + 1 / np.arange(1, 10))
    parts = []
    for start, stop in BANDS:
        first = _first_digits()[np.minimum(np.abs(rounded[start:stop]), 2047)]
        shares = np.bincount(first.ravel(), minlength=10)[1:] + 0.5
        shares = shares / shares.sum()
        parts += [shares, [((shares - law) * np.log(shares / law)).sum()]]
    return np.concatenate(parts)


def jpeg_features(media: Media) -> np.ndarray:
    """All of the above as one vector, float32.

    Raises:
        CodedError: ``E_TOO_SMALL`` under 32 pixels a side, or as ``Media.pixels``.
    """
    import numpy as np

    exact = media.once(coefficients)
    rounded = np.rint(exact).astype(np.int32)
    grid = np.log(blocking(media))
    rows, columns = grid.mean(axis=1), grid.mean(axis=0)
    energy = np.log(np.abs(exact[1:]).mean(axis=1) + 1e-2)
    counts = histograms(rounded)
    found = combs(counts)
    explained = qualities(counts)
    ordered = np.sort(found, axis=1)
    return np.concatenate([
        rows, columns, np.sort(grid.ravel())[[0, 8, 32, 55, 62, 63]], [grid[-1, -1]],
        energy - energy.mean(), [energy.mean()],
        digits(rounded),
        found.mean(axis=0), ordered[:, -1], ordered[:, -2], np.log2(found.argmax(axis=1) + STEPS[0]),
        explained, [explained.max(), QUALITIES[_lowest_good(explained)]],
    ]).astype(np.float32)  # fmt: skip


@settings
class JpegTraces:
    """A logistic regression on the traces of JPEG, fitted on the train split and on re-encoded copies of it.

    Attributes:
        copies: augmented copies of each training picture, 0..20: JPEG 60..100, every second one made smaller first.
    """

    copies: int = 4
    model: Arrays | None = field(default=None, repr=False, compare=False)

    info = DetectorInfo("jpeg", version="1", reads="pixels")

    def __post_init__(self) -> None:
        common.check_copies(self.copies)

    def training_rows(self, media: Media, rng: np.random.Generator) -> np.ndarray:
        """The picture as it is, and ``copies`` re-encoded ones."""
        return common.training_rows(media, jpeg_features, self.copies, True, rng)

    def fit(self, features: np.ndarray, is_ai: np.ndarray) -> JpegTraces:
        """The weights."""
        return replace(self, model=linear.fit(features, is_ai))

    def with_model(self, model: Arrays) -> JpegTraces:
        """With weights fitted earlier."""
        return replace(self, model=model)

    def values(self, rows: np.ndarray) -> np.ndarray:
        """The log-odds of AI of each row."""
        return linear.score(self.model or {}, rows)

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """The log-odds of AI; raw, not calibrated."""
        return common.scores(self, jpeg_features, batch)
