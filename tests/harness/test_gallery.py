"""Pictures made again are those that were measured, or they are not shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import pictures
from bench.errors import UserError
from bench.harness.engines.local import LocalEngine
from bench.harness.gallery import forbidden, make_gallery
from bench.harness.plan import Bundle, make_plan
from bench.harness.recipes import recipe_from, recipe_of
from bench.harness.samples import load_dataset
from bench.harness.thumbnails import DETAIL, LONGEST, contours, detail, focus_of, thumbnail
from bench.labels import BUNDLES

ATTACKS = ["Jpeg(quality=60)", "Noise(sigma=0.04)", "Resize(scale=0.5)", "PillowSave(keep_metadata=True)"]
NAMES = ["cat_marge", "owl_peeking-ai", "canyon_de_chelly-ai_edited"]


def decoded(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert found is not None, path
    return found


@pytest.fixture(scope="module")
def mini(tools):
    """Three samples of the set that comes with the package."""
    whole = load_dataset(tools.root / "datasets" / "mini")
    return replace(whole, samples=tuple(sample for sample in whole.samples if sample.id in NAMES))


@pytest.fixture(scope="module")
def done(mini, tools, tmp_path_factory):
    """A run of them with a signed label, its plan, and the gallery of all three; not to be changed."""
    out = tmp_path_factory.mktemp("gallery") / "run"
    plan = tools.plan(mini.folder, attacks=ATTACKS, objects={"bundles": (Bundle("metadata", BUNDLES["metadata"]),)})
    plan = make_plan(plan.suite, mini)
    tools.measure(plan, out)
    made = make_gallery(out, recipe_of(plan.suite, out), mini, NAMES, LocalEngine(0), asked=3)
    return out, plan, made


@pytest.fixture
def copy(done, tmp_path) -> Path:
    return Path(shutil.copytree(done[0], tmp_path / "copy"))


def test_every_view_is_made_again_and_is_the_one_that_was_recorded(done) -> None:
    out, _, made = done
    assert made.problems == ()
    assert [one.sample for one in made.samples] == NAMES
    for one in made.samples:
        assert [view.attack for view in one.views] == ["Identity()", *ATTACKS]
        by_attack = {view.attack: view for view in one.views}
        # Only files that are signed anew differ in their bytes.
        signed = one.sample != "cat_marge"
        assert by_attack["Identity()"].confirmed == ("measures" if signed else "bytes")
        assert by_attack["Jpeg(quality=60)"].confirmed == "bytes"
        assert by_attack["Noise(sigma=0.04)"].confirmed == "measures"
        assert by_attack["Resize(scale=0.5)"].confirmed == "size"
    assert made == pictures.read_index(out)


def test_pictures_show_what_they_are_named_after(done, mini) -> None:
    out, _, made = done
    sample = next(sample for sample in mini.samples if sample.id == "cat_marge")
    original = sample.media.pixels()
    clean, *_, noisy = (made.samples[0].views[i] for i in (0, 2))
    shown = decoded(out / "gallery" / clean.file)
    assert max(shown.shape) == LONGEST
    expected = cv2.resize(original, shown.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(shown, expected) > 28
    close, noise = (decoded(out / "gallery" / view.detail) for view in (clean, noisy))
    assert close.shape == noise.shape == (DETAIL, DETAIL, 3)
    assert np.std(noise.astype(float) - close) > 5
    found = cv2.matchTemplate(original, close, cv2.TM_CCOEFF_NORMED)
    assert found.max() > 0.97  # at full size, it is a part of the picture


def test_an_edited_sample_shows_what_was_generated(done, mini) -> None:
    out, _, made = done
    views = made.samples[2].views
    assert [view.outlined for view in views] == [True, False, False, False, False]
    sample = next(sample for sample in mini.samples if sample.truth == "ai_edited")
    plain = decoded_bytes(thumbnail(sample.media.pixels()))
    changed = np.abs(decoded(out / "gallery" / views[0].file).astype(int) - plain).max(axis=2) > 60
    mask = cv2.imread(str(sample.mask), cv2.IMREAD_GRAYSCALE)
    around = contours(cv2.resize(mask, changed.shape[::-1], interpolation=cv2.INTER_AREA))
    near = cv2.drawContours(np.zeros(changed.shape, np.uint8), around, -1, 255, 9) > 0
    assert changed.sum() > 50
    assert (changed & near).sum() > 0.95 * changed.sum()


def decoded_bytes(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_the_header_of_a_run_is_enough_to_make_them_again(done, mini, tmp_path) -> None:
    out, _, made = done
    again = make_gallery(out, recipe_from(out), mini, NAMES, LocalEngine(1), into=tmp_path)
    assert again.samples == made.samples
    for path in (out / "gallery").glob("*.webp"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_another_seed_gives_another_picture_which_is_not_shown(done, mini, tmp_path) -> None:
    out, plan, _ = done
    recipe = replace(recipe_of(plan.suite, out), seed=7)
    made = make_gallery(out, recipe, mini, ["cat_marge"], LocalEngine(0), into=tmp_path)
    noisy = made.samples[0].views[2]
    assert noisy.file == ""
    assert noisy.problem.startswith("E_DIFFERS: made again its SSIM is 0.77")
    assert made.problems == (f"cat_marge: no picture of 1 of 5 views, e.g. Noise(sigma=0.04): {noisy.problem}",)


def test_samples_that_are_gone_changed_or_unknown_are_one_line_each(done, mini, tmp_path) -> None:
    out, plan, _ = done
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(mini.samples[0].path.read_bytes()[:-100])
    by_id = {sample.id: sample for sample in mini.samples}
    samples = (
        replace(by_id["cat_marge"], path=tmp_path / "gone.jpg"),
        replace(by_id["owl_peeking-ai"], path=changed),
    )
    dataset = replace(mini, samples=samples)
    made = make_gallery(out, recipe_of(plan.suite, out), dataset, NAMES, LocalEngine(0), into=tmp_path / "g")
    assert made.samples == ()
    said = sorted(made.problems)
    assert said[0] == "canyon_de_chelly-ai_edited is not in mini"
    assert said[1].startswith("cat_marge cannot be shown: E_MISSING: cat_marge: no such file")
    assert said[2].startswith("owl_peeking-ai cannot be shown: E_CHANGED: changed.jpg is not the file")
    assert [path.name for path in (tmp_path / "g").iterdir()] == ["index.json"]


def test_a_mask_that_cannot_be_read_costs_the_outline_only(done, mini, tmp_path) -> None:
    out, plan, _ = done
    dataset = replace(mini, samples=tuple(replace(s, mask=s.mask and tmp_path / "none.png") for s in mini.samples))
    made = make_gallery(out, recipe_of(plan.suite, out), dataset, NAMES[2:], LocalEngine(0), into=tmp_path)
    assert made.problems == (f"{NAMES[2]}: no outline, its mask cannot be read (E_MISSING)",)
    assert all(view.file and not view.outlined for view in made.samples[0].views)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC0-1.0", True), ("CC BY-SA 4.0", True), ("", True), ("unclear", True), ("BSD-2-Clause", True),
        ("Flickr, attribution (Andy)", True), ("CC BY-ND 4.0", False), ("CC-BY-NC-ND-3.0", False),
        ("All rights reserved", False), ("no redistribution", False), ("NoDerivatives", False), ("proprietary", False),
    ],
)  # fmt: skip
def test_licences_that_allow_no_changed_copies_are_obeyed(mini, licence: str, allowed: bool) -> None:
    assert (forbidden(mini, replace(mini.samples[0], licence=licence)) == "") is allowed


def test_a_data_set_can_forbid_pictures_of_all_its_files(done, mini, tmp_path) -> None:
    out, plan, _ = done
    dataset = replace(mini, card={"pictures": False})
    made = make_gallery(out, recipe_of(plan.suite, out), dataset, NAMES[:1], LocalEngine(0), into=tmp_path)
    assert made.problems == ("cat_marge is not shown: the card of mini says pictures = false",)
    assert made.samples == ()


def test_attacks_and_labels_that_this_version_lacks_are_named(done, mini, copy, tmp_path) -> None:
    header = json.loads((copy / "run.json").read_text("utf-8"))
    header["attacks"][1]["name"] = "Posterise(levels=8)"
    (copy / "run.json").write_text(json.dumps(header), "utf-8")
    assert "unknown attack 'Posterise'" in recipe_from(copy).problems["Posterise(levels=8)"]
    header["settings"]["bundles"] = ["metadata: Other()"]
    (copy / "run.json").write_text(json.dumps(header), "utf-8")
    with pytest.raises(UserError, match=r"the labels of .* \(metadata: Other\(\)\) cannot be written again"):
        recipe_from(copy)


def test_a_gallery_made_anew_leaves_nothing_of_the_old_one(done, mini, copy) -> None:
    _, plan, _ = done
    make_gallery(copy, recipe_of(plan.suite, copy), mini, NAMES[:1], LocalEngine(0), asked=1)
    there = pictures.read_index(copy)
    assert there is not None and [one.sample for one in there.samples] == NAMES[:1]
    named = {name for view in there.samples[0].views for name in (view.file, view.detail) if name}
    assert {path.name for path in (copy / "gallery").iterdir()} == named | {"index.json"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw.update(version=99),
        lambda raw: raw.pop("samples"),
        lambda raw: raw["samples"][0]["views"][0].update(file="../../run.json"),
        lambda raw: raw["samples"][0].update(views=3),
    ],
)
def test_an_index_that_cannot_be_used_says_how_to_mend_it(copy, damage) -> None:
    path = copy / "gallery" / "index.json"
    raw = json.loads(path.read_text("utf-8"))
    damage(raw)
    path.write_text(json.dumps(raw), "utf-8")
    with pytest.raises(UserError, match=r"cannot be read .*; make it again with: washtest gallery "):
        pictures.read_index(copy)


def test_a_torn_picture_is_not_given_out(copy) -> None:
    there = pictures.read_index(copy)
    assert there is not None
    name = there.samples[0].views[0].file
    path = copy / "gallery" / name
    data = path.read_bytes()
    assert pictures.picture_bytes(copy, name) == data
    for other in (data[:-1], b"<svg/>" + data, b""):
        path.write_bytes(other)
        assert pictures.picture_bytes(copy, name) is None
    path.unlink()
    assert pictures.picture_bytes(copy, name) is None


def test_thumbnails_of_odd_sizes(tools) -> None:
    for height, width in ((1, 1), (1, 3000), (2000, 3), (199, 200), (128, 640)):
        pixels = np.full((height, width, 3), 90, np.uint8)
        shown = decoded_bytes(thumbnail(pixels))
        assert max(shown.shape[:2]) == min(LONGEST, max(height, width))
        close = detail(pixels, focus_of(pixels, None))
        assert (close is None) == (max(height, width) <= LONGEST)
        if close is not None:
            assert decoded_bytes(close).shape[:2] == (min(height, DETAIL), min(width, DETAIL))
