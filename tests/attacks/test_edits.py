"""Edits of part of a picture: what changes, what does not, and what the file is from then on."""

from pathlib import Path

import numpy as np
import pytest

from attacks import fill
from attacks.base import Identity
from attacks.chain import Chain
from attacks.edit import METHODS, Edit, Patch
from attacks.geometry import Crop
from attacks.recompress import Jpeg
from attacks.truth import performed, truth_after
from bench.errors import NotApplicable, Unavailable
from bench.media import Media

HERE = ("washvae", "telea", "navier-stokes", "copy-move")


def edited(attack, media: Media, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    made, mask = performed(attack, media, np.random.default_rng(seed))
    assert mask is not None
    return made.pixels(), mask


@pytest.mark.parametrize("method", HERE)
@pytest.mark.parametrize("area", (0.05, 0.3))
def test_only_the_region_changes(tools, method: str, area: float) -> None:
    media = Media.from_pixels(tools.texture(3, 120, 161))
    pixels, mask = edited(Edit(area=area, method=method), media)
    changed = (pixels != media.pixels()).any(axis=2)
    assert not changed[mask == 0].any()
    assert changed[mask > 0].mean() > 0.6
    assert mask.mean() / 255 == pytest.approx(area, rel=0.1)


def test_every_method_edits_the_same_region(tools) -> None:
    media = Media.from_pixels(tools.texture(3, 120, 161))
    masks = [edited(Edit(area=0.2, method=method), media)[1] for method in HERE]
    assert all(np.array_equal(mask, masks[0]) for mask in masks)  # so that a control differs in nothing but its content


def test_content_survives_the_autoencoder_and_not_the_inpainter(tools) -> None:
    media = Media.from_pixels(tools.texture(3, 120, 160))

    def distance(method: str) -> float:
        pixels, mask = edited(Edit(area=0.3, method=method), media)
        return float(np.abs(pixels[mask > 0].astype(float) - media.pixels()[mask > 0]).mean())

    assert distance("washvae") < distance("telea") / 2


@pytest.mark.parametrize("data", ("grey", "alpha", "odd"))
def test_grey_alpha_and_odd_sizes(tools, data: str) -> None:
    texture = tools.texture(1, 61, 47)
    made = {"grey": texture[..., 0], "alpha": np.dstack([texture, texture[..., :1]]), "odd": texture}[data]
    import cv2

    media = Media.from_bytes(cv2.imencode(".png", made)[1].tobytes())
    pixels, mask = edited(Edit(), media)
    assert pixels.shape == (61, 47, 3) and np.array_equal(pixels[mask == 0], media.pixels()[mask == 0])


@pytest.mark.parametrize("size", ((1, 1), (1, 5000), (15, 400)))
def test_no_room_for_a_region(size: tuple[int, int]) -> None:
    media = Media.from_pixels(np.full((*size, 3), 99, np.uint8))
    for attack in (Edit(), Edit(method="telea"), Patch()):
        with pytest.raises(NotApplicable, match="E_TOO_SMALL"):
            attack(media, np.random.default_rng(0))


def test_what_becomes_of_the_truth() -> None:
    for method in METHODS:
        edit = Edit(method=method, donor="x" if method == "splice" else "")
        by_hand = method in ("telea", "navier-stokes", "copy-move")
        assert truth_after(edit, "human") == ("human" if by_hand else "ai_edited")
        for truth in ("ai", "ai_edited"):
            with pytest.raises(NotApplicable, match="E_TRUTH"):
                truth_after(edit, truth)
    assert truth_after(Patch(), "ai") == "ai_edited"
    with pytest.raises(NotApplicable, match="made of ai files, not of human ones"):
        truth_after(Patch(), "human")
    assert truth_after(Identity(), "ai") == "ai"


def test_a_chain_edits_as_its_steps_do(tools) -> None:
    media = Media.from_pixels(tools.texture(3, 96, 96))
    chain = Chain(attacks=(Edit(area=0.2), Crop(), Jpeg(quality=75)))
    assert truth_after(chain, "human") == "ai_edited"
    with pytest.raises(NotApplicable):
        truth_after(Chain(attacks=(Edit(), Edit())), "human")  # no second edit of an edited file
    made, mask = performed(chain, media, np.random.default_rng(0))
    assert made.mime == "image/jpeg" and mask is not None and mask.mean() / 255 == pytest.approx(0.2, rel=0.1)
    assert performed(Chain(attacks=(Jpeg(),)), media, np.random.default_rng(0))[1] is None


def test_a_patch_is_photograph_and_the_rest_is_generated(tools) -> None:
    media = Media.from_pixels(tools.texture(3, 120, 160))
    pixels, generated = edited(Patch(area=0.3), media)
    assert generated.mean() / 255 == pytest.approx(0.7, abs=0.03)
    assert np.array_equal(pixels[generated > 0], media.pixels()[generated > 0])


def test_splice_takes_its_content_from_the_donor(tools, tmp_path: Path) -> None:
    for name, level in (("a.png", 10), ("b.png", 250)):
        (tmp_path / name).write_bytes(tools.encode(np.full((50, 60, 3), level, np.uint8), ".png"))
    media = Media.from_pixels(np.full((300, 300, 3), 128, np.uint8))
    one = Edit(area=0.2, method="splice", donor=str(tmp_path / "a.png"))
    pixels, mask = edited(one, media)
    assert pixels[mask > 0].min() == 10 and (pixels[mask == 0] == 128).all()
    folder = Edit(area=0.2, method="splice", donor=str(tmp_path))
    assert {int(edited(folder, media, seed)[0].min()) for seed in range(8)} == {10, 128}  # both donors are used
    assert one.versions() != folder.versions()  # a donor that changes, changes the keys of a run
    before = one.versions()
    (tmp_path / "a.png").write_bytes(tools.encode(np.full((50, 60, 3), 11, np.uint8), ".png"))
    assert one.versions() != before


def test_donors_that_are_not_there_are_named(tmp_path: Path, tools) -> None:
    media = Media.from_pixels(tools.texture(1, 64, 64))
    (tmp_path / "empty").mkdir()
    for donor, why in (("none.png", "no such file"), ("empty", "an empty folder")):
        attack = Patch(donor=str(tmp_path / donor))
        assert isinstance(attack.versions(), dict)
        with pytest.raises(Unavailable, match=f"E_NO_DONOR.*{why}"):
            attack(media, np.random.default_rng(0))


@pytest.mark.parametrize("method", fill.NEURAL)
def test_channel_and_versions_name_the_model(method: str) -> None:
    attack = Edit(method=method)
    assert attack.channel.startswith("real:") and attack.versions()
    assert "lama" not in method or attack.missing() in ("", "washtest weights fetch lama")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"area": 0.0}, "area must be in 0.01..0.7"),
        ({"method": "photoshop"}, "method must be one of washvae, taef2, lama"),
        ({"method": "splice"}, "donor must be a path for method 'splice'"),
        ({"donor": "x.png"}, "donor must be a path for method 'splice' and '' for others"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Edit(**settings)
