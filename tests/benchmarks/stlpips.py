"""ST-LPIPS, a learned perceptual distance that forgives small shifts, from the weights in the wheel of its authors.

Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric" (ECCV 2022, https://arxiv.org/abs/2207.13686): AlexNet
whose strides are blurred subsampling, channels weighted by a fit to people's judgements. The weights are read here by
``bench.neural.pth`` and the network is built anew, since the package ``stlpips-pytorch`` (0.0.2, BSD-2-Clause) imports
what it does not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.neural import pth
from bench.tools import distribution_folder

WEIGHTS = "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"
#: Side of the middle of the pictures that is compared: the first layer runs at full resolution.
SIDE = 256


@dataclass(frozen=True)
class Distance:
    """Call it with two pictures of one size, ``(height, width, 3)`` uint8."""

    arrays: dict[str, Any]
    name: str = f"AlexNet, shift-tolerant, stlpips-pytorch 0.0.2, on the middle {SIDE} x {SIDE} pixels"

    @classmethod
    def load(cls) -> Distance | None:
        """With the weights of the installed package, or None without it or without torch."""
        folder = distribution_folder("stlpips-pytorch")
        try:
            import torch
        except ImportError:
            return None
        if folder is None or not (folder / WEIGHTS).is_file():
            return None
        torch.set_num_threads(1)
        return cls({name: torch.from_numpy(np.array(values)) for name, values in pth.read(folder / WEIGHTS).items()})

    def __call__(self, one: np.ndarray, other: np.ndarray) -> float:
        """0 for equal pictures; larger is more different."""
        import torch

        with torch.no_grad():
            first, second = self._features(one), self._features(other)
            parts = [
                torch.nn.functional.conv2d((a - b) ** 2, self.arrays[f"lin{i}.model.1.weight"]).mean()
                for i, (a, b) in enumerate(zip(first, second, strict=True))
            ]
            return float(sum(parts))

    def _features(self, pixels: np.ndarray) -> list[Any]:
        """The five layers, each pixel's channels of unit length."""
        import torch

        top, left = ((size - SIDE) // 2 if size > SIDE else 0 for size in pixels.shape[:2])
        middle = pixels[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1)[None].astype(np.float32)
        arrays = self.arrays
        x = (torch.from_numpy(middle) / 127.5 - 1 - arrays["scaling_layer.shift"]) / arrays["scaling_layer.scale"]
        x = self._subsampled(self._conv(x, "net.slice1.0", 2), "net.slice1.1").relu()
        layers = [x]
        x = self._subsampled(_pooled(x), "net.slice2.4")
        layers.append(x := self._conv(x, "net.slice2.5", 2).relu())
        x = self._subsampled(_pooled(x), "net.slice3.8")
        layers.append(x := self._conv(x, "net.slice3.9", 1).relu())
        layers.append(x := self._conv(x, "net.slice4.11", 1).relu())
        layers.append(self._conv(x, "net.slice5.13", 1).relu())
        return [layer / ((layer**2).sum(1, keepdim=True).sqrt() + 1e-10) for layer in layers]

    def _conv(self, x: Any, key: str, padding: int) -> Any:
        import torch

        weights, bias = self.arrays[f"{key}.weight"], self.arrays[f"{key}.bias"]
        return torch.nn.functional.conv2d(x, weights, bias, padding=padding)

    def _subsampled(self, x: Any, key: str) -> Any:
        """Blurred with the mirrored border that the authors give it, then every other pixel."""
        import torch

        padded = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
        return torch.nn.functional.conv2d(padded, self.arrays[f"{key}.filt"], stride=2, groups=x.shape[1])


def _pooled(x: Any) -> Any:
    import torch

    return torch.nn.functional.max_pool2d(x, 3, 1)
