"""Bring your own data: imported, checked, and made into an aligned set."""

import os
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from attacks.edit import Edit
from attacks.tone import Blur
from bench.errors import CodedError, UserError
from bench.harness.dataset_check import Report, check
from bench.harness.dataset_import import import_folder
from bench.harness.engines.local import LocalEngine
from bench.harness.samples import load_dataset
from bench.harness.twins import make_edits, make_twins
from bench.media import Media


@pytest.fixture
def photos(tmp_path: Path, tools) -> Path:
    """Three pictures and things that lie about in folders of pictures."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "trip/a.png", "trip/two words.webp")):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tools.encode(tools.texture(number), path.suffix))
    (folder / "notes.txt").write_text("holidays")
    (folder / ".hidden.jpg").write_bytes(tools.encode(tools.texture(9)))
    (folder / "Thumbs.db").write_bytes(b"x")
    return folder


def test_import_makes_a_data_set_that_loads(photos: Path, tmp_path: Path) -> None:
    into = tmp_path / "set"
    assert import_folder(photos, into, truth="human", source="mine", licence="CC0-1.0", group="night") == (3, 0, [])
    loaded = load_dataset(into)
    assert [s.id for s in loaded.samples] == [
        "human/mine/a.jpg",
        "human/mine/trip/a.png",
        "human/mine/trip/two words.webp",
    ]
    assert {(s.truth, s.source, s.licence, s.group) for s in loaded.samples} == {("human", "mine", "CC0-1.0", "night")}
    assert len({s.family for s in loaded.samples}) == 3
    assert all(s.media.sha256 == s.sha256 for s in loaded.samples)
    assert loaded.name == "set"


def test_import_of_the_folder_itself_copies_nothing(photos: Path) -> None:
    before = sorted(photos.rglob("*"))
    import_folder(photos, photos, truth="human", source="mine")
    assert sorted(set(photos.rglob("*")) - set(before)) == [photos / "dataset.toml", photos / "samples.csv"]
    assert [s.id for s in load_dataset(photos).samples] == ["a.jpg", "trip/a.png", "trip/two words.webp"]


def test_files_are_not_added_twice(photos: Path, tmp_path: Path, tools) -> None:
    into = tmp_path / "set"
    import_folder(photos, into, truth="human", source="mine")
    before = (into / "samples.csv").read_bytes()
    assert import_folder(photos, into, truth="human", source="mine") == (0, 3, [])
    assert (into / "samples.csv").read_bytes() == before
    (photos / "new.jpg").write_bytes(tools.encode(tools.texture(50)))
    assert import_folder(photos, into, truth="human", source="mine")[:2] == (1, 3)
    assert len(load_dataset(into).samples) == 4


def test_rows_without_hashes_are_not_doubled(photos: Path, tools) -> None:
    tools.write_rows(photos, [{"path": "a.jpg", "truth": "human"}])
    import_folder(photos, photos, truth="human", source="mine")
    assert Counter(s.id for s in load_dataset(photos).samples).most_common(1)[0][1] == 1


def test_files_of_one_name_get_places_of_their_own(photos: Path, tmp_path: Path, tools) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.jpg").write_bytes(tools.encode(tools.texture(77)))
    into = tmp_path / "set"
    import_folder(photos, into, truth="ai", source="mine", generator="SD 1.5")
    import_folder(other, into, truth="ai", source="mine", generator="SD 1.5")
    loaded = load_dataset(into)
    assert len({s.path for s in loaded.samples}) == 4
    assert {s.generator for s in loaded.samples} == {"SD 1.5"}
    assert all(s.media.sha256 == s.sha256 for s in loaded.samples)


def test_originals_and_what_was_made_of_them_are_one_family_by_stem(photos: Path, tmp_path: Path) -> None:
    into = tmp_path / "set"
    import_folder(photos, into, truth="human", source="mine", family="stem")
    import_folder(photos, into, truth="ai", source="made", family="stem")
    families = Counter(s.family for s in load_dataset(into).samples)
    assert families == {"a": 4, "two words": 2}


def test_what_is_no_picture_is_refused_by_name(photos: Path, tmp_path: Path, tools) -> None:
    whole = tools.encode(tools.texture(3))
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.png").write_bytes(b"")
    (photos / "page.jpg").write_bytes(b"<html>404</html>")
    (photos / os.fsdecode(b"caf\xe9.jpg")).write_bytes(whole)
    os.mkfifo(photos / "pipe.jpg")
    added, there, refused = import_folder(photos, tmp_path / "set", truth="human", source="mine")
    assert (added, there) == (3, 0)
    assert sorted(line.partition(":")[0] for line in refused) == [
        "caf\\xe9.jpg", "cut.jpg", "empty.png", "page.jpg", "pipe.jpg",
    ]  # fmt: skip
    said = "\n".join(refused)
    assert all(code in said for code in ("E_TRUNCATED", "E_EMPTY", "E_UNIDENTIFIED", "not UTF-8; rename it"))
    assert str(tmp_path) not in said


def test_odd_file_names_survive_the_table(tmp_path: Path, tools) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    names = ["=cmd.jpg", "a,b.jpg", 'quo"te.jpg', "new\nline.jpg", "水洗.jpg", "line\u2028sep.jpg", "-dash.jpg"]
    for number, name in enumerate(names):
        (folder / name).write_bytes(tools.encode(tools.texture(number)))
    import_folder(folder, tmp_path / "set", truth="human", source="odd")
    loaded = load_dataset(tmp_path / "set")
    assert sorted(s.path.name for s in loaded.samples) == sorted(names)
    assert all(s.media.sha256 == s.sha256 for s in loaded.samples)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"truth": "robot"}, "truth must be one of human, ai, ai_edited, got 'robot'"),
        ({"source": "a/b"}, "source must be letters, digits, '.', '_' or '-', got 'a/b'"),
        ({"source": ""}, "source must be"),
        ({"folder": "nowhere"}, "nowhere does not exist"),
        ({"folder": "empty"}, "empty holds no readable picture (JPEG, PNG"),
        ({"folder": "bad"}, "bad holds no readable picture"),
    ],
    ids=str,
)
def test_import_of_nothing_useful_is_refused(photos: Path, tmp_path: Path, change: dict, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_text("no picture at all, only text")
    given = {"folder": photos, "truth": "human", "source": "mine"} | change
    with pytest.raises(UserError) as raised:
        import_folder(tmp_path / given.pop("folder"), tmp_path / "set", **given)
    assert said in str(raised.value)
    assert not (tmp_path / "set" / "samples.csv").exists()


def test_table_with_its_own_splits_is_left_to_its_owner(photos: Path, tiny_copy: Path) -> None:
    with pytest.raises(UserError, match="states splits itself; add rows there by hand"):
        import_folder(photos, tiny_copy, truth="human", source="mine")


def checked(folder: Path, jobs: int = 0) -> Report:
    return check(load_dataset(folder), LocalEngine(jobs))


def test_sound_data_set_has_no_problems(tiny: Path) -> None:
    steps: list[int] = []
    report = check(load_dataset(tiny), LocalEngine(2), lambda: steps.append(1))
    assert report.problems == []
    assert len(steps) == 21
    assert report.counts["test"] == {"human": 3, "ai": 3, "ai_edited": 1}
    assert report.header_auc is not None
    assert 0 <= report.header_auc <= 1
    assert any("calibration files allow alpha = 50.0% at the lowest" in line for line in report.cautions)


def test_equal_and_similar_files_across_splits_are_leaks(tiny_copy: Path, tools) -> None:
    rows = tools.read_rows(tiny_copy)
    first, same, similar = rows[0], rows[-2], rows[-3]
    shutil.copyfile(tiny_copy / first["path"], tiny_copy / same["path"])
    pixels = Media.read(tiny_copy / first["path"]).pixels()
    (tiny_copy / similar["path"]).write_bytes(tools.encode(cv2.GaussianBlur(pixels, (0, 0), 0.5), ".png"))
    same["sha256"] = first["sha256"]
    similar["sha256"] = ""
    tools.write_rows(tiny_copy, rows)
    problems = checked(tiny_copy).problems
    assert any(
        f"leak: {first['id']} (train) and {same['id']} (test): the same file; give them one family" == p
        for p in problems
    )
    assert any(f"leak: {first['id']} (train) and {similar['id']} (test): pictures alike" in p for p in problems)


def test_missing_changed_and_broken_files_are_problems(tiny_copy: Path, tools) -> None:
    rows = tools.read_rows(tiny_copy)
    (tiny_copy / rows[0]["path"]).unlink()
    (tiny_copy / rows[1]["path"]).write_bytes(tools.encode(tools.texture(70)))
    (tiny_copy / rows[2]["path"]).write_bytes(b"<html></html>")
    rows[2]["sha256"] = ""
    rows[-1] |= {"mask": "masks/none.png"}
    tools.write_rows(tiny_copy, [row | {"mask": row.get("mask", "")} for row in rows])
    problems = checked(tiny_copy, 2).problems
    assert problems == checked(tiny_copy).problems
    found = {line.split(": ")[0]: line.split(": ")[1] for line in problems}
    assert found == {
        rows[0]["id"]: "E_MISSING", rows[1]["id"]: "E_CHANGED",
        rows[2]["id"]: "E_UNIDENTIFIED", rows[-1]["id"]: "E_MISSING",
    }  # fmt: skip


def test_gaps_are_cautions(tiny_copy: Path, tools) -> None:
    rows = [row | {"licence": "", "sha256": "", "edited_area": ""} for row in tools.read_rows(tiny_copy)]
    tools.write_rows(tiny_copy, [row for row in rows if row["truth"] != "ai"])
    said = "\n".join(checked(tiny_copy).cautions)
    assert "11 files have no licence, e.g. human-00" in said
    assert "11 files have no sha256: a change of them would go unnoticed" in said
    assert "1 AI-edited files state no edited_area" in said
    assert "no ai samples: FNR cannot be measured" in said
    assert "format bias not measured: it needs 5 families of each of human and ai" in said


def test_format_bias_is_seen_where_it_is_and_not_where_it_is_not(tmp_path: Path, tools) -> None:
    def data_set(name: str, ai_extension: str) -> Path:
        folder, rows = tmp_path / name, []
        for number in range(24):
            truth = ("human", "ai")[number % 2]
            path = folder / f"{number}{ai_extension if truth == 'ai' else '.jpg'}"
            folder.mkdir(exist_ok=True)
            path.write_bytes(tools.encode(tools.texture(number), path.suffix))
            rows.append({"path": path.name, "truth": truth})
        tools.write_rows(folder, rows)
        return folder

    biased, fair = checked(data_set("biased", ".png")), checked(data_set("fair", ".jpg"))
    assert biased.header_auc == 1
    assert any("headers alone separate human from ai with AUC 1.000" in line for line in biased.cautions)
    assert {name for name, _ in biased.header_features} & {"jpeg", "png", "jpeg_quality"}
    assert fair.header_auc == pytest.approx(0.5, abs=0.25)
    assert not any("format bias" in line for line in fair.cautions)


def test_flat_pictures_are_not_taken_for_each_other(tmp_path: Path, tools) -> None:
    entries = [
        {"truth": "human", "split": s, "pixels": np.full((40, 40, 3), v, np.uint8)}
        for s, v in (("train", 9), ("test", 200))
    ]
    tools.make_dataset(tmp_path / "flat", entries)
    assert checked(tmp_path / "flat").problems == []


@pytest.fixture
def originals(tmp_path: Path, tools) -> Path:
    entries = [{"truth": "human", "split": s} for s in ("train", "calibration", "test", "test", "test")]
    return tools.make_dataset(tmp_path / "set", entries)


def test_twins_share_content_size_and_format_with_their_originals(originals: Path, tools) -> None:
    assert make_twins(originals, Blur(sigma=1)) == (5, 3)
    loaded = load_dataset(originals)
    assert Counter(s.truth for s in loaded.samples) == {"human": 5, "ai": 5, "ai_edited": 3}
    by_truth = {t: {s.family: s for s in loaded.samples if s.truth == t} for t in ("human", "ai", "ai_edited")}
    for family, original in by_truth["human"].items():
        twin = by_truth["ai"][family]
        assert (twin.split, twin.generator) == (original.split, "Blur(sigma=1.0)")
        assert (twin.media.mime, twin.media.size) == (original.media.mime, original.media.size)
        assert twin.media.sha256 == twin.sha256 != original.sha256
    for family, edited in by_truth["ai_edited"].items():
        original = by_truth["human"][family]
        assert edited.mask is not None and edited.edited_area is not None
        mask = Media.read(edited.mask).pixels()[..., 0]
        assert mask.mean() / 255 == pytest.approx(edited.edited_area, abs=1e-4)
        if original.media.mime == "image/png":  # lossless: outside the mask nothing changed
            assert np.array_equal(edited.media.pixels()[mask == 0], original.media.pixels()[mask == 0])
    assert checked(originals).problems == []


def test_edits_are_made_of_the_test_split_and_replace_older_ones_only(originals: Path, tools) -> None:
    make_twins(originals, Blur(sigma=1))
    attacks = [Edit(area=0.1), Edit(area=0.3)]
    assert make_edits(originals, attacks) == 3
    loaded = load_dataset(originals)
    assert Counter(s.truth for s in loaded.samples) == {"human": 5, "ai": 5, "ai_edited": 3}
    edited = [s for s in loaded.samples if s.truth == "ai_edited"]
    assert [s.generator for s in edited] == [repr(attacks[0]), repr(attacks[1]), repr(attacks[0])]
    for sample in edited:
        original = next(s for s in loaded.samples if s.truth == "human" and s.family == sample.family)
        assert sample.mask is not None and sample.split == "test" and sample.media.mime == original.media.mime
        mask = Media.read(sample.mask).pixels()[..., 0]
        asked = 0.1 if "0.1" in sample.generator else 0.3
        assert sample.edited_area == pytest.approx(mask.mean() / 255, abs=1e-4) == pytest.approx(asked, rel=0.1)
        if original.media.mime == "image/png":
            assert np.array_equal(sample.media.pixels()[mask == 0], original.media.pixels()[mask == 0])
    assert checked(originals).problems == []
    before = {path: path.read_bytes() for path in originals.rglob("*") if path.is_file()}
    make_edits(originals, attacks)
    assert {path: path.read_bytes() for path in originals.rglob("*") if path.is_file()} == before
    own = {"path": "files/own.png", "truth": "ai_edited", "split": "test", "id": "own"}
    (originals / "files" / "own.png").write_bytes(tools.encode(tools.texture(77), ".png"))
    tools.write_rows(originals, [*tools.read_rows(originals), dict.fromkeys(tools.read_rows(originals)[0], "") | own])
    make_edits(originals, attacks)
    assert "own" in {s.id for s in load_dataset(originals).samples}  # nobody's derived file


def test_edits_that_are_none_or_cannot_be_made_are_refused(originals: Path, monkeypatch) -> None:
    with pytest.raises(UserError, match="leaves a photograph a photograph"):
        make_edits(originals, [Edit(method="telea")])
    monkeypatch.setenv("WASHTEST_WEIGHTS", "")
    monkeypatch.setattr("bench.weights.cache_folder", lambda: originals)
    with pytest.raises(UserError, match="run: washtest weights fetch lama"):
        make_edits(originals, [Edit(), Edit(method="lama")])
    assert not (originals / "masks").exists()


def test_twins_made_again_are_the_same_and_replace_the_old_ones(originals: Path) -> None:
    make_twins(originals, Blur(sigma=1))
    before = {path: path.read_bytes() for path in originals.rglob("*") if path.is_file()}
    make_twins(originals, Blur(sigma=1))
    assert {path: path.read_bytes() for path in originals.rglob("*") if path.is_file()} == before


def test_originals_of_one_name_get_twins_of_their_own(tmp_path: Path, tools) -> None:
    rows = []
    for number, name in enumerate(("a/x.jpg", "b/x.jpg", "b/x.png")):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tools.encode(tools.texture(number), path.suffix))
        rows.append({"path": name, "truth": "human", "split": "test"})
    tools.write_rows(tmp_path / "set", rows)
    make_twins(tmp_path / "set", Blur())
    loaded = load_dataset(tmp_path / "set")
    made = [s for s in loaded.samples if s.truth != "human"]
    assert len({s.path for s in made}) == 6
    assert len({s.mask for s in made if s.mask}) == 3
    assert all(s.media.sha256 == s.sha256 for s in made)


def test_twins_of_what_is_no_data_set_are_refused(tmp_path: Path, tools) -> None:
    tools.write_rows(tmp_path / "bad", [{"path": "../outside.jpg", "truth": "human"}])
    with pytest.raises(UserError, match="must be a path inside the data set's folder"):
        make_twins(tmp_path / "bad", Blur())
    tools.make_dataset(tmp_path / "ai", [{"truth": "ai", "split": "test"}])
    with pytest.raises(UserError, match="has no human rows to make twins of"):
        make_twins(tmp_path / "ai", Blur())
    tools.write_rows(tmp_path / "gone", [{"path": "gone.jpg", "truth": "human"}])
    with pytest.raises(CodedError, match="E_MISSING"):
        make_twins(tmp_path / "gone", Blur())
    assert not zipfile.is_zipfile(tmp_path / "gone" / "samples.csv")
