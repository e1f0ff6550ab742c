"""The attack that knows the gradient, on detectors whose optimum is known, and on one of torch where that is there."""

import numpy as np
import pytest

from attacks.gradient import GradientAttack
from bench.detectors.base import Score
from bench.errors import CodedError, Unavailable
from bench.harness.quality import psnr
from bench.media import Media


class Linear:
    """A weighted mean: eps x mean |weight| is all that can be taken from it, and one step by the sign takes it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.weights = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)

    def score(self, batch):
        return [Score(self.gradient(media.pixels().astype(np.float32))[0]) for media in batch]

    def gradient(self, pixels):
        return float((pixels * self.weights).mean()), self.weights / self.weights.size


@pytest.fixture
def grey() -> Media:
    """Nothing in it is near the ends of the range."""
    return Media.from_pixels(np.random.default_rng(2).integers(80, 170, (40, 56, 3), np.uint8))


@pytest.mark.parametrize("eps", [1, 8])
def test_the_optimum_of_a_linear_detector_is_found_within_the_bound(grey: Media, eps: int) -> None:
    target = Linear(grey.pixels().shape)
    made = GradientAttack(target="linear", eps=eps).bind({"linear": target})(grey, np.random.default_rng(1))
    change = made.pixels().astype(int) - grey.pixels()
    assert np.abs(change).max() == eps
    assert psnr(grey.pixels(), made.pixels()) >= 20 * np.log10(255 / eps) - 1e-6
    fallen = target.score([grey])[0].value - target.score([made])[0].value
    assert fallen == pytest.approx(eps * np.abs(target.weights).mean(), rel=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_nothing_lower_leaves_the_picture(grey: Media) -> None:
    attack = GradientAttack(target="linear", steps=3).bind({"linear": Linear(grey.pixels().shape)})
    assert attack(grey, np.random.default_rng(4)).data == attack(grey, np.random.default_rng(4)).data

    class Flat(Linear):
        def gradient(self, pixels):
            return 0.5, np.zeros_like(pixels)

    flat = GradientAttack(target="flat").bind({"flat": Flat((1,))})
    assert np.array_equal(flat(grey, np.random.default_rng(1)).pixels(), grey.pixels())


def test_a_target_that_is_missing_or_has_no_gradient_is_said(grey: Media) -> None:
    with pytest.raises(Unavailable, match="E_NO_TARGET: detector spectrum is not among"):
        GradientAttack()(grey, np.random.default_rng(1))
    with pytest.raises(Unavailable, match=r"E_NO_GRADIENT: detector spectrum gives no gradient"):
        GradientAttack().bind({"spectrum": object()})(grey, np.random.default_rng(1))

    class Wrong(Linear):
        def gradient(self, pixels):
            return 1.0, np.full((2, 2), np.nan)

    with pytest.raises(CodedError, match="E_GRADIENT"):
        GradientAttack(target="w").bind({"w": Wrong((1,))})(grey, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"eps must be in 1\.\.64"):
        GradientAttack(eps=0)


def test_a_detector_of_torch_as_the_module_shows_it(grey: Media) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.LazyLinear(1))

    class Network:
        def gradient(self, pixels):
            x = torch.from_numpy(pixels).requires_grad_()
            score = model(x.permute(2, 0, 1)[None] / 255).squeeze()
            return float(score.detach()), torch.autograd.grad(score, x)[0].numpy()

    network = Network()
    before = network.gradient(grey.pixels().astype(np.float32))[0]
    scores = []
    for eps in (1, 4, 16):
        made = GradientAttack(target="n", eps=eps).bind({"n": network})(grey, np.random.default_rng(1))
        scores.append(network.gradient(made.pixels().astype(np.float32))[0])
    assert before > scores[0] > scores[1] > scores[2]
