"""Attacks on a detector's score: what they find, what they may change, and what they cost."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from attacks.adversarial import BoundaryAttack, SquareAttack
from attacks.chain import Chain
from attacks.recompress import Jpeg
from bench.detectors.base import Score
from bench.detectors.spectrum import Spectrum
from bench.errors import CodedError, Unavailable
from bench.harness import registry
from bench.harness.quality import psnr
from bench.media import Media


class Linear:
    """A weighted mean of the values: its score can be brought down by eps x mean |weight| and not by more."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.weights = np.random.default_rng(5).normal(0, 1, shape)
        self.asked = 0

    def score(self, batch):
        self.asked += len(batch)
        return [Score(float((media.pixels() / 255 * self.weights).mean())) for media in batch]


class Edges:
    """The mean step from one value to the next: a blur brings it down."""

    asked = 0

    def score(self, batch):
        self.asked += len(batch)
        return [Score(float(np.abs(np.diff(media.pixels().astype(float), axis=1)).mean())) for media in batch]


class Halves:
    """How much lighter the left half is, or the right one."""

    def score(self, batch):
        means = [media.pixels().mean((0, 2)) for media in batch]
        return [Score(abs(float(mean[: len(mean) // 2].mean() - mean[len(mean) // 2 :].mean()))) for mean in means]


@dataclass
class Silent:
    score_: Score

    def score(self, batch):
        return [self.score_] * len(batch)


@pytest.fixture
def photo(tools) -> Media:
    return Media.from_pixels(tools.texture(3, 48, 64))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def score(detector, media: Media) -> float:
    return detector.score([media])[0].value


def test_square_attack_lowers_the_score_further_with_a_larger_budget(photo: Media) -> None:
    linear = Linear(photo.pixels().shape)
    left = [score(linear, photo)]
    left += [score(linear, SquareAttack(queries=n, detector=linear)(photo, rng())) for n in (1, 2, 10, 50, 200, 500)]
    assert left[0] == left[1]  # the first query is the untouched picture
    assert left == sorted(left, reverse=True) and left[-1] < left[3] < left[0]
    most = 8 / 255 * float(np.abs(linear.weights).mean())
    assert left[0] - left[-1] <= most


@pytest.mark.parametrize("eps", [1, 8, 64])
def test_square_attack_keeps_its_bound_exactly(photo: Media, eps: int) -> None:
    attacked = SquareAttack(eps=eps, queries=100, detector=Linear(photo.pixels().shape))(photo, rng())
    change = attacked.pixels().astype(int) - photo.pixels()
    assert np.abs(change).max() == eps
    inside = (attacked.pixels() > 0) & (attacked.pixels() < 255)
    assert set(np.unique(np.abs(change[inside]))) <= {0, eps}
    assert np.array_equal(Media.from_bytes(attacked.data).pixels(), attacked.pixels())


@pytest.mark.parametrize("attack", [SquareAttack(queries=37), BoundaryAttack(queries=37, threshold=5.0)], ids=repr)
def test_budget_is_kept_and_the_seed_decides(attack, photo: Media) -> None:
    edges = Edges()
    ready = replace(attack, detector=edges)
    first = ready(photo, rng(4)).data
    assert edges.asked == 37
    assert ready(photo, rng(4)).data == first != ready(photo, rng(5)).data


def test_boundary_attack_crosses_the_threshold_and_comes_nearer(photo: Media) -> None:
    halves = Halves()  # no blur helps: the start is noise, far away
    threshold = 0.6 * score(halves, photo)
    results = [
        BoundaryAttack(threshold=threshold, queries=n, psnr=10, detector=halves)(photo, rng()) for n in (20, 100, 400)
    ]
    assert all(score(halves, result) <= threshold for result in results)
    distances = [psnr(result.pixels(), photo.pixels()) for result in results]
    assert distances == sorted(distances) and distances[-1] > distances[0] + 1


@pytest.mark.parametrize("bound", [20.0, 45.0])
def test_boundary_attack_keeps_its_psnr(photo: Media, bound: float) -> None:
    edges = Edges()
    attack = BoundaryAttack(threshold=0.5 * score(edges, photo), queries=60, psnr=bound, detector=edges)
    assert psnr(attack(photo, rng()).pixels(), photo.pixels()) >= bound


def test_what_is_not_flagged_or_cannot_be_moved_stays(photo: Media) -> None:
    linear = Linear(photo.pixels().shape)
    for threshold in (score(linear, photo), -1e9):
        attack = BoundaryAttack(threshold=threshold, queries=30, detector=linear)
        assert np.array_equal(attack(photo, rng()).pixels(), photo.pixels())
    constant = Silent(Score(0.7))
    assert np.array_equal(SquareAttack(queries=30, detector=constant)(photo, rng()).pixels(), photo.pixels())


@pytest.mark.parametrize("kind", [SquareAttack, BoundaryAttack])
def test_no_target_or_no_score_is_said(kind: type, photo: Media) -> None:
    with pytest.raises(Unavailable, match=r"E_NO_TARGET.*--detector spectrum"):
        kind()(photo, rng())
    with pytest.raises(Unavailable, match="E_UNTRAINED"):
        kind().bind({"spectrum": Spectrum()})(photo, rng())
    with pytest.raises(CodedError, match="E_BROKEN: spectrum gives the picture no score: x"):
        kind(detector=Silent(Score(None, "error", "E_BROKEN", "x")))(photo, rng())
    for bad in ({"queries": 0}, {"eps": 0} if kind is SquareAttack else {"psnr": 9}):
        with pytest.raises(ValueError):
            kind(**bad)


def test_chain_passes_targets_on(photo: Media) -> None:
    linear = Linear(photo.pixels().shape)
    chain = registry.attack("Chain((SquareAttack(target='toy', queries=5), Jpeg(quality=75)))")
    assert chain == Chain((SquareAttack(target="toy", queries=5), Jpeg(quality=75)))
    chain.bind({"toy": linear})(photo, rng())
    assert linear.asked == 5


def test_spectrum_is_brought_down(tools) -> None:
    spectrum, rows, classes = Spectrum(copies=0), [], []
    for seed in range(24):
        pixels = tools.texture(seed, 64, 64)
        if seed % 2:  # a grid of period 8, as an upsampling decoder leaves
            pixels = np.clip(pixels.astype(int) + 12 * (np.indices((64, 64)).sum(0) % 8 == 0)[..., None], 0, 255)
        rows.append(spectrum.training_rows(Media.from_pixels(pixels.astype(np.uint8)), rng(seed)))
        classes.append(bool(seed % 2))
        last = Media.from_pixels(pixels.astype(np.uint8))
    fitted = spectrum.fit(np.concatenate(rows), np.array(classes))
    before = score(fitted, last)
    attacked = SquareAttack(detector=fitted, queries=100)(last, rng())
    assert score(fitted, attacked) < before - 0.05
    turned = BoundaryAttack(detector=fitted, queries=100, psnr=20)(last, rng())
    assert before > 0.5 >= score(fitted, turned)
