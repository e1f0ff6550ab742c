"""What signing and reading a C2PA manifest costs on a picture of a megabyte."""

import io
import statistics
import time

import numpy as np
import pytest
from PIL import Image

from bench.labels.base import Claim
from bench.labels.c2pa import C2PA
from bench.media import Media

pytestmark = pytest.mark.bench
SIZES = {"JPEG": {"quality": 90}, "PNG": {"compress_level": 1}, "WEBP": {"quality": 95}}


@pytest.mark.parametrize("kind", SIZES)
def test_sign_and_read_a_megabyte(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(
        0, 256, (920 if kind != "PNG" else 540, 1200 if kind != "PNG" else 640, 3)
    )
    out = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(out, kind, **SIZES[kind])
    media = Media.from_bytes(out.getvalue())
    label = C2PA()
    signed = label.write(media, Claim())
    times: dict[str, list[float]] = {"sign": [], "read": [], "read nothing": []}
    for _ in range(21):
        for name, call in (
            ("sign", lambda: label.write(media, Claim())),
            ("read", lambda: label.read(Media(signed.data, media.mime))),
            ("read nothing", lambda: label.read(Media(media.data, media.mime))),
        ):
            start = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - start))
    middle = {name: statistics.median(values) for name, values in times.items()}
    with capsys.disabled():
        figures = ", ".join(f"{name} {value:.1f} ms" for name, value in middle.items())
        print(f"\n  C2PA, {kind} of {len(media.data) / 1e6:.2f} MB: {figures} (targets: sign 15, read 8)")
    assert middle["sign"] <= 15
    assert middle["read"] <= 8
    assert middle["read nothing"] <= 8
