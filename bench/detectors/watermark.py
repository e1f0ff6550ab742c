"""A watermark's decoder as a detector: does the picture carry this mark?

Two questions can be asked. A provider that knows what it embeds gives the message, and the score is how well the votes
of the blocks agree with it. Without one (a run draws a random message for each sample) the score is what can be seen of
*any* message: in a marked picture all blocks of a bit say the same, whatever that is.

Neither score is turned into a probability by a formula. Blocks of a picture are no coin tosses: neighbours resemble one
another, and at widths of a multiple of 256 pixels a bit of 32 always falls on the same columns. The false-positive rate
is measured on (attacked) human files, with the threshold that the protocol freezes.

Such a detector means something where the AI files that detectors look at carry the mark, i.e. where its bundle is the
suite's first: ``washtest run quick --bundle dwtDctSvd --detector watermark-dwtDctSvd``. With other bundles no file is
marked, and its AUC is one half by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from bench.detectors.base import DetectorInfo, Score
from bench.errors import CodedError, NotApplicable, Unavailable, coded
from bench.labels import LABELS
from bench.labels.watermarks import is_watermark
from bench.media import Media
from bench.settings import settings

if TYPE_CHECKING:
    import numpy as np


class Voting(Protocol):
    """A watermark that says what each of its blocks votes for."""

    def votes(self, media: Media) -> np.ndarray:
        """``(votes per bit, bits)`` in 0..1."""


WATERMARKS = {label.name: label for label in LABELS if is_watermark(label)}


@settings
class WatermarkDetector:
    """How clearly a picture carries a watermark.

    Attributes:
        label: the scheme, by the name of its label.
        message: hexadecimal digits of what is embedded, as in ``Claim.message`` (its first bits are used); "" looks for
            any message.
    """

    label: str = "dwtDctSvd"
    message: str = ""

    def __post_init__(self) -> None:
        if self.label not in WATERMARKS:
            raise ValueError(f"label must be one of {', '.join(WATERMARKS)}, got {self.label!r}")
        if not set(self.message) <= set("0123456789abcdef") or len(self.message) % 2:
            raise ValueError(
                f"message must be an even number of hexadecimal digits in lower case, got {self.message!r}"
            )

    @property
    def info(self) -> DetectorInfo:
        """Named after the scheme."""
        return DetectorInfo(f"watermark-{self.label}", version="1", reads="pixels")

    def missing(self) -> str:
        """The command that gets what the scheme needs, or ""."""
        missing: str = getattr(WATERMARKS[self.label], "missing", str)()
        return missing

    def score(self, batch: Sequence[Media]) -> list[Score]:
        """``agreement`` with the message, or ``consistency`` where none is given; higher = marked.

        A picture too small for the scheme, which cannot have been marked, is abstained from.
        """
        return [self._score(media) for media in batch]

    def _score(self, media: Media) -> Score:
        try:
            votes = cast(Voting, WATERMARKS[self.label]).votes(media)
            return Score(agreement(votes, self.message) if self.message else consistency(votes))
        except NotApplicable as small:
            return Score(None, "abstain", small.code, small.detail)
        except Exception as error:  # of whatever decodes; one file's failure is not the batch's
            failure = coded(error)
            status = "unavailable" if isinstance(failure, Unavailable) else "error"
            return Score(None, status, failure.code, failure.detail)  # type: ignore[arg-type]


def consistency(votes: np.ndarray) -> float:
    """The share of the votes' variance that the bits explain, corrected for chance, up to 1.

    Kelley's epsilon squared (1935) of a one-way analysis of variance with the bits as groups. 1: all blocks of each bit
    agree. About 0: blocks know nothing of bits; also where all blocks of a flat picture say the same. It does not grow
    with the picture, as the p-value of an F test would. A single vote (a network's output) can be compared with none:
    there it is the mean distance from a half, times 2.

    Args:
        votes: ``(votes per bit, bits)`` in 0..1.
    """
    import numpy as np

    k, bits = votes.shape
    if k < 2 or bits < 2:
        return float(2 * np.abs(votes - 0.5).mean())
    total = ((votes - votes.mean()) ** 2).sum()
    if total <= 1e-12:
        return 0.0
    within = ((votes - votes.mean(axis=0)) ** 2).sum()
    return float(1 - within / total * (k * bits - 1) / (k * bits - bits))


def agreement(votes: np.ndarray, message: str) -> float:
    """Pearson's correlation of the votes' means with the message's bits, -1..1; 0 where either is constant.

    Unlike a count of equal bits it gives nothing for a picture that decodes to all zeros or all ones, which most
    unmarked pictures do under some schemes.

    Args:
        votes: ``(votes per bit, bits)`` in 0..1.
        message: hexadecimal digits, at least as many bits as there are votes for.

    Raises:
        CodedError: ``E_MESSAGE``: it is too short.
    """
    import numpy as np

    bits = votes.shape[1]
    if 4 * len(message) < bits:
        raise CodedError("E_MESSAGE", f"the message has {4 * len(message)} bits, the scheme {bits}")
    text = f"{int(message, 16):0{4 * len(message)}b}"[:bits]
    wanted = np.array([int(bit) for bit in text], float)
    means = votes.mean(axis=0)
    apart, signs = means - means.mean(), wanted - wanted.mean()
    spread = np.sqrt((apart**2).sum() * (signs**2).sum())
    return float(apart @ signs / spread) if spread > 1e-12 else 0.0
