"""What the watermarks share: writing marked pixels in the carrier's format, and turning a decoder into a reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.errors import CodedError, NotApplicable, coded, state_of
from bench.labels.base import Claim, Label, Reading
from bench.media import Media

if TYPE_CHECKING:
    import numpy as np

#: Formats that a marked picture is written in.
MIMES = ("image/jpeg", "image/png", "image/webp")

#: Marked pixels are encoded as a service that wants its mark read would do it. Chroma subsampling alone undoes dwtDct,
#: which lives in the U plane; the lossy WebP always subsamples, so a WebP is written losslessly.
JPEG_QUALITY = 95

#: Bits of ``Claim.message``.
MOST_BITS = 256


def check_length(length: int) -> None:
    """Refuse a message that a claim cannot fill.

    Raises:
        ValueError: it is outside 1..256.
    """
    if not 1 <= length <= MOST_BITS:
        raise ValueError(f"length must be in 1..{MOST_BITS}, got {length}")


def write(label: Label, media: Media, claim: Claim, embed: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Media:
    """The picture with the claim's message in its pixels, as a new file of the same format.

    Metadata are not carried over: the mark is put in before a file is made, so it comes before every other label.
    JPEG at quality 95 without chroma subsampling, WebP and PNG losslessly.

    Args:
        label: whose ``expected`` gives the bits.
        media: any picture of a format that applies.
        claim: what to embed.
        embed: ``(pixels, bits)`` -> marked pixels.

    Raises:
        CodedError: ``E_NOT_APPLICABLE``, ``E_TOO_SMALL``, ``E_ENCODE``, or as ``Media.pixels``.
    """
    import numpy as np

    if not label.applies(media.mime):
        raise NotApplicable("E_NOT_APPLICABLE", f"{label.name} is written into {', '.join(MIMES)}, not {media.mime}")
    bits = np.array([int(bit) for bit in label.expected(claim)["bits"]])
    return encoded(embed(media.pixels(), bits), media.mime)


def read(label: Label, media: Media, extract: Callable[[np.ndarray], np.ndarray]) -> Reading:
    """The decoder's bits as a reading; whatever goes wrong is a reading too.

    Args:
        label: whose reading it is.
        media: any file.
        extract: pixels -> bits.
    """
    try:
        bits = extract(media.pixels())
    except Exception as error:  # a reading never ends a run
        failure = coded(error)
        return Reading(label.name, label.position, state_of(failure), code=failure.code, detail=failure.detail)
    text = "".join("01"[int(bit)] for bit in bits)
    return Reading(label.name, label.position, "present", fields={"bits": text})


def rows(votes: np.ndarray, length: int) -> np.ndarray:
    """The votes of the blocks, which name the message's bits in turn, as ``(votes per bit, bits)`` float64.

    What is left of the last turn is left out, so that every bit has equally many.
    """
    import numpy as np

    return votes[: len(votes) // length * length].reshape(-1, length).astype(np.float64)


def check_area(pixels: np.ndarray, smallest: int) -> None:
    """Refuse a picture that the scheme's own package refuses.

    Raises:
        NotApplicable: ``E_TOO_SMALL``: fewer than ``smallest`` pixels.
    """
    height, width = pixels.shape[:2]
    if height * width < smallest:
        raise NotApplicable("E_TOO_SMALL", f"{width}x{height} pixels; the scheme needs {smallest:,}")


def encoded(pixels: np.ndarray, mime: str) -> Media:
    """Marked pixels as a file: JPEG at quality 95 without chroma subsampling, WebP and PNG losslessly.

    Raises:
        CodedError: ``E_ENCODE``.
    """
    import cv2

    if mime == "image/png":
        return Media.from_pixels(pixels)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    parameters += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    extension = ".jpg"
    if mime == "image/webp":
        extension, parameters = ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]  # above 100 = lossless
    try:
        done, data = cv2.imencode(extension, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), parameters)
    except cv2.error as error:
        raise CodedError("E_ENCODE", f"{mime}: {error}") from None
    if not done:
        raise CodedError("E_ENCODE", f"{mime} cannot hold {pixels.shape[1]}x{pixels.shape[0]} pixels")
    return Media(data.tobytes(), mime)
