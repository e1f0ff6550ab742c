"""Photographs in memory, random crops of them, and PSNR over whole ones."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.neural.washvae import DOWNSCALE, LATENT_CHANNELS

if TYPE_CHECKING:
    import numpy as np

LIST = Path(__file__).with_name("photographs.csv")
# Larger ones are scaled down: their finest detail is the camera's demosaicing, and memory stays under half a gigabyte.
SHORT_SIDE = 720


def listed() -> list[dict[str, str]]:
    """The list of photographs: package, path, licence, author, evidence, sha256, split (train or heldout)."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def name(photograph: dict[str, str]) -> str:
    """The file name of a listed photograph in the folder it is gathered into."""
    return photograph["sha256"][:16] + Path(photograph["path"]).suffix.lower()


def load(folder: Path, split: str) -> list[np.ndarray]:
    """The listed photographs of a split, RGB uint8 ``(H, W, 3)``, at most 720 pixels on the short side.

    Raises:
        ClickException: one is not there.
    """
    missing = [one["path"] for one in listed() if not (folder / name(one)).is_file()]
    if missing:
        import click

        raise click.ClickException(
            f"{folder} lacks {len(missing)} photographs, {missing[0]} for one; "
            f"run: python -m bench.neural.washvae.photographs {folder}"
        )
    return [_scaled(read(folder / name(one))) for one in listed() if one["split"] == split]


def read(path: Path) -> np.ndarray:
    """An image file as RGB uint8 ``(H, W, 3)``, transparency dropped.

    Raises:
        ValueError: it cannot be decoded.
    """
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"cannot read {path} as an image")
    return np.ascontiguousarray(picture[:, :, ::-1])


def _scaled(picture: np.ndarray) -> np.ndarray:
    import cv2

    scale = SHORT_SIDE / min(picture.shape[:2])
    if scale >= 1:
        return picture
    smaller: np.ndarray = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return smaller


class Crops:
    """Random squares of photographs, most of them scaled down by up to 2.5, half of them mirrored."""

    def __init__(self, photographs: list[np.ndarray], seed: int) -> None:
        import numpy as np

        self.photographs = photographs
        self.rng = np.random.default_rng(seed)

    def batch(self, count: int, side: int) -> Any:
        """A ``torch`` tensor ``(count, 3, side, side)`` of RGB in [0, 1]."""
        import numpy as np
        import torch

        crops = np.stack([self._crop(side) for _ in range(count)])
        return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255

    def patches(self, count: int) -> np.ndarray:
        """Patches of 8x8 pixels, float64 in [0, 1], ``(count, 192)``: channel, row, column."""
        import numpy as np

        side = 4 * DOWNSCALE
        crops = np.stack([self._crop(side) for _ in range(-(-count // 16))])
        grid = crops.reshape(len(crops), 4, DOWNSCALE, 4, DOWNSCALE, 3)
        return grid.transpose(0, 1, 3, 5, 2, 4).reshape(16 * len(crops), -1)[:count] / 255.0

    def _crop(self, side: int) -> np.ndarray:
        import cv2

        scale = math.exp(self.rng.uniform(0, math.log(2.5))) if self.rng.random() < 0.7 else 1.0
        crop = self._square(int(side * scale))
        if crop.shape[:2] != (side, side):
            crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        return crop[:, ::-1] if self.rng.random() < 0.5 else crop

    def _square(self, side: int) -> np.ndarray:
        photograph = self.photographs[self.rng.integers(len(self.photographs))]
        height, width = photograph.shape[:2]
        side = min(side, height, width)
        y, x = self.rng.integers(height - side + 1), self.rng.integers(width - side + 1)
        return photograph[y : y + side, x : x + side]


def psnr(trained: Any, photographs: list[np.ndarray]) -> float:
    """Mean PSNR in dB of whole photographs against their round trip, both 8 bits, by the torch network."""
    import numpy as np
    import torch

    figures = []
    for picture in photographs:
        height, width = picture.shape[:2]
        padded = np.pad(picture, ((0, -height % DOWNSCALE), (0, -width % DOWNSCALE), (0, 0)), "edge")
        with torch.no_grad():
            latent = trained["encoder"](torch.from_numpy(padded).permute(2, 0, 1)[None] / 255)[:, :LATENT_CHANNELS]
            decoded = (trained["decoder"](latent).clamp(0, 1) * 255).round()
        result = decoded[0].permute(1, 2, 0).numpy()[:height, :width]
        figures.append(10 * math.log10(255**2 / np.mean((result - picture) ** 2)))
    return float(np.mean(figures))
