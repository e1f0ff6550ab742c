"""Results of slow attacks: found again, never wrong, bounded, and shared."""

from __future__ import annotations

import multiprocessing
import os
import re

import numpy as np
import pytest

from attacks import ATTACKS, BrowserScreenshot, Chain, Edit, Jpeg, Palette, PngPalette, ReExport, Screenshot
from attacks.adversarial import SquareAttack
from bench.analysis import pipeline
from bench.errors import CodedError, Unavailable
from bench.harness import cache as results
from bench.harness.cache import attacked, cache_for
from bench.harness.cache_files import Attacked, kept, make_room, packed, unpacked
from bench.harness.engines.local import LocalEngine
from bench.harness.plan import Bundle, tool_versions
from bench.harness.run import Progress, run_plan
from bench.labels import BUNDLES, GB45438, write_bundle
from bench.labels.base import Claim
from bench.media import Media
from bench.settings import settings

#: Fast enough for tests: pixels that were never encoded, a file, a mask, a chain of the first.
ATTACKED = ["Palette(colours=8)", "PngPalette(colours=4)", "Edit()", "Chain((Palette(colours=8), Jpeg(quality=40)))"]
CLAIM = Claim(producer="washtest", produce_id="1", source_type="trainedAlgorithmicMedia")


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def same(one: Attacked, other: Attacked) -> bool:
    assert one.media.encoded == other.media.encoded and one.media.fresh == other.media.fresh
    assert (one.mask is None) == (other.mask is None) and one.media.mime == other.media.mime
    assert one.mask is None or (one.mask == other.mask).all()
    bytes_too = not one.media.encoded or one.media.data == other.media.data  # asking a fresh one would encode it
    return bytes_too and np.array_equal(one.media.pixels(), other.media.pixels())


@settings
class Counted:
    """An attack that says how often it was called. Attributes: level: of grey."""

    level: int = 3
    family, severity, axis, channel = "counted", 0.0, "none", "real:a test"
    slow, reads = True, "pixels"

    def __call__(self, media: Media, rng: np.random.Generator) -> Media:
        CALLS.append(self.level)
        if self.level == 0:
            raise CodedError("E_ENCODE", "refused")
        return Media.from_pixels(media.pixels() // 2 + self.level + int(rng.integers(9)))


CALLS: list[int] = []


@pytest.fixture
def counted(tmp_path):
    CALLS.clear()
    return cache_for([Counted(), Counted(level=0)], folder=tmp_path)


@pytest.fixture
def photo(tools) -> Media:
    return Media.from_bytes(tools.encode(tools.texture(1)))


# In a run ------------------------------------------------------------------------------------------------------------


def test_a_run_reads_results_back_and_its_records_and_tables_are_the_same(tools, tiny, tmp_path) -> None:
    plan = tools.plan(
        tiny, limit=12, attacks=ATTACKED, detectors=["declared", "header"], regimes=["native", "canonical"]
    )
    kept_in = tmp_path / "cache"
    tools.measure(plan, tmp_path / "without")
    for jobs, name in enumerate(("first", "second")):
        tools.measure(plan, tmp_path / name, jobs, cache=cache_for(plan.suite.attacks, folder=kept_in))
        tools.assert_same_records(tmp_path / "without", tmp_path / name)
    assert pipeline.render_tables(tmp_path / "second") == pipeline.render_tables(tmp_path / "without")
    views = tools.records(tmp_path / "second").views
    read_back = views["seconds_saved"].notna()
    slow = ~views["attack"].isin(["Identity()"]) & (views["status"] == "ok")
    assert slow.any() and (read_back == slow).all()
    assert (views["seconds_saved"][read_back] > 0).all()


def test_signed_copies_find_results_of_pixels_though_their_bytes_differ(tools, tiny, tmp_path) -> None:
    signed = (Bundle("metadata", BUNDLES["metadata"]),)
    plan = tools.plan(tiny, attacks=["PngPalette(colours=4)"], objects={"bundles": signed})
    for name in ("first", "second"):
        tools.measure(plan, tmp_path / name, cache=cache_for(plan.suite.attacks, folder=tmp_path / "cache"))
    runs = [tools.records(tmp_path / name).views for name in ("first", "second")]
    clean = [views[views["attack"] == "Identity()"].set_index("key")["sha256"] for views in runs]
    assert (clean[0] != clean[1]).any()
    assert runs[1].query("attack != 'Identity()'")["seconds_saved"].notna().all()


def test_two_bundles_of_metadata_share_a_result(tools, tiny, tmp_path) -> None:
    bundles = (Bundle("metadata", (GB45438(),)), Bundle("all", BUNDLES["metadata"]))
    plan = tools.plan(tiny, attacks=["PngPalette(colours=4)"], objects={"bundles": bundles})
    tools.measure(plan, tmp_path / "run", cache=cache_for(plan.suite.attacks, folder=tmp_path / "cache"))
    views = tools.records(tmp_path / "run").views.query("attack != 'Identity()'")
    assert views.query("bundle == 'all'")["seconds_saved"].notna().all()
    assert views.query("bundle == 'metadata'")["seconds_saved"].isna().all()


def test_where_nothing_can_be_kept_the_run_says_so_and_goes_on(tools, tiny, tmp_path) -> None:
    (tmp_path / "file").write_text("no folder")
    plan = tools.plan(tiny, limit=4, attacks=["PngPalette(colours=4)"])
    said: list[str] = []
    progress = Progress(said.append, lambda total, done: None, lambda views, errors: None, lambda: None)
    cache = cache_for(plan.suite.attacks, folder=tmp_path / "file")
    outcome = run_plan(plan, tmp_path / "run", LocalEngine(0), progress, "washtest run", cache)
    assert outcome.failed_cells == 0
    assert any("slow results are not kept" in line and str(tmp_path / "file") in line for line in said)


# One result ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", [Palette(), PngPalette(), Edit()], ids=repr)
def test_what_is_read_back_is_what_was_made(attack, photo, tmp_path) -> None:
    cache = cache_for([attack], folder=tmp_path)
    made, found = (attacked(cache, attack, photo, rng()) for _ in range(2))
    assert made.saved is None and found.saved
    assert same(made, found)
    assert same(made, attacked(None, attack, photo, rng()))


@pytest.mark.parametrize("damage", ["flipped", "torn", "emptied", "another's"])
def test_a_damaged_result_is_noticed_and_made_again(counted, photo, damage) -> None:
    made = attacked(counted, Counted(), photo, rng())
    ((path, _),) = kept(counted.folder)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "another's":  # whole, but of another name
        content = bytearray(packed("f" * 64, made, 1.0))
    path.write_bytes(content[: {"torn": 100, "emptied": 0}.get(damage, len(content))])
    assert same(attacked(counted, Counted(), photo, rng()), made)
    assert CALLS == [3, 3]
    assert attacked(counted, Counted(), photo, rng()).saved and CALLS == [3, 3]


def test_a_failure_is_not_kept(counted, photo) -> None:
    for _ in range(2):
        with pytest.raises(CodedError, match="refused"):
            attacked(counted, Counted(level=0), photo, rng())
    assert CALLS == [0, 0] and not list(kept(counted.folder))


def test_the_name_holds_all_that_decides_the_result(photo, tools, tmp_path, monkeypatch) -> None:
    attack = Counted()

    def name(media: Media = photo, seed: int = 1, attack: Counted = attack) -> str:
        return cache_for([attack], folder=tmp_path).name(attack, media, rng(seed))

    first = name()
    assert re.fullmatch("[0-9a-f]{64}", first) and name() == first
    others = {
        "picture": name(Media.from_bytes(tools.encode(tools.texture(2)))),
        "settings": name(attack=Counted(level=4)),
        "chance": name(seed=2),
    }
    with monkeypatch.context() as patch:
        patch.setattr(results, "_code", lambda: "other code")
        others["code"] = name()
    with monkeypatch.context() as patch:
        patch.setattr(results, "versions", lambda: {"numpy": "9.9"})
        others["package"] = name()
    with monkeypatch.context() as patch:
        patch.setattr(Counted, "versions", lambda self: {"tool": "9.9"}, raising=False)
        others["tool or model"] = name()
    with monkeypatch.context() as patch:
        patch.setattr(Counted, "channel", "real:another test")
        others["channel"] = name()
    assert len({first, *others.values()}) == len(others) + 1


def test_a_plug_ins_own_code_is_part_of_the_name(photo, tmp_path, monkeypatch) -> None:
    from bench.harness.registry import attack

    code = (
        "from bench.settings import settings\n@settings\nclass Slow:\n    '''x'''\n    a: int = 1\n"
        "    family, severity, axis, channel, slow, reads = 'x', 0.0, 'none', 'real:x', True, 'pixels'\n"
        "    def __call__(self, media, rng):\n        return media\n"
    )
    names = []
    for version in (code, code + "# changed\n"):
        folder = tmp_path / str(len(names))
        folder.mkdir()
        (folder / "plugged.py").write_text(version)
        made = attack(f"{folder}/plugged.py:Slow")
        names.append(cache_for([made], folder=tmp_path).name(made, photo, rng()))
    assert len(set(names)) == 2


def test_attacks_on_pixels_do_not_ask_for_the_file_and_others_do(photo) -> None:
    labelled = photo.spliced(write_bundle(photo, (GB45438(),), CLAIM).data)
    tool = ReExport()
    cache = cache_for([Palette(), tool]) if tool.slow else None
    assert cache and cache.name(Palette(), photo, rng()) == cache.name(Palette(), labelled, rng())
    assert cache.name(tool, photo, rng()) != cache.name(tool, labelled, rng())


def test_whole_signed_files_are_not_kept_since_none_is_seen_twice(photo) -> None:
    signed = write_bundle(photo, BUNDLES["metadata"], CLAIM)
    tool = ReExport()
    cache = cache_for([tool, Palette()])
    assert cache and cache.name(tool, signed, rng()) == "" and cache.name(Palette(), signed, rng())


def test_pixels_that_were_never_a_file_stay_so(tmp_path, tools) -> None:
    fresh = Media.from_pixels(tools.texture(3))
    cache = cache_for([ReExport()], folder=tmp_path)
    assert cache and cache.name(ReExport(), fresh, rng())
    assert not fresh.encoded


# What attacks say of themselves -------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", [a for a in ATTACKS if getattr(a, "reads", "file") == "pixels"], ids=repr)
def test_what_is_said_to_read_pixels_reads_nothing_else(attack, photo) -> None:
    labelled = write_bundle(photo, BUNDLES["metadata"], CLAIM)
    bare = Media.from_pixels(photo.pixels())
    try:
        one, other = (attacked(None, attack, media, rng()) for media in (labelled, bare))
    except Unavailable as missing:
        pytest.skip(str(missing))
    assert same(one, other)


def test_what_is_said_to_be_shown_does_not_depend_on_the_signature(photo) -> None:
    if missing := BrowserScreenshot().missing():
        pytest.skip(missing)
    signed = write_bundle(photo, BUNDLES["metadata"], CLAIM)
    one, other = (write_bundle(photo, BUNDLES["metadata"], CLAIM), signed)
    cache = cache_for([BrowserScreenshot()])
    assert cache and one.data != other.data
    assert cache.name(BrowserScreenshot(), one, rng()) == cache.name(BrowserScreenshot(), other, rng())
    assert cache.name(BrowserScreenshot(), one, rng()) != cache.name(BrowserScreenshot(), photo, rng())
    assert BrowserScreenshot()(one, rng()).data == BrowserScreenshot()(other, rng()).data


def test_cheap_attacks_and_those_that_ask_a_detector_are_not_kept() -> None:
    cheap = [Jpeg(), Screenshot(), SquareAttack(), Edit(method="telea"), ReExport(tool="scikit-image")]
    assert cache_for([*cheap, Chain((Palette(), SquareAttack())), Chain((Chain((SquareAttack(),)), Palette()))]) is None
    assert cache_for([Chain((Jpeg(), Palette()))])


def test_what_optional_packages_decide_stands_in_the_versions() -> None:
    named = {type(attack).__name__: set(tool_versions(attack)) for attack in ATTACKS}
    assert "pillow-heif" in named["Heic"] and "imagecodecs" in named["JpegXl"]
    assert "chromium" in named["BrowserScreenshot"]


# The folder ---------------------------------------------------------------------------------------------------------


def test_room_is_bounded_and_what_is_unused_for_longest_goes_first(tmp_path, tools) -> None:
    attack = Counted()
    made = Attacked(Media.from_pixels(tools.texture(1)), None)
    names = [f"{i:064x}" for i in range(1, 5)]
    size = len(packed(names[0], made, 1.0))
    cache = cache_for([attack], limit=3 * size + size // 2, folder=tmp_path)
    for i, name in enumerate(names[:3]):
        cache.put(name, made, 1.0)
        os.utime(cache._path(name), (1000 + i, 1000 + i))
    assert cache.get(names[0])  # the oldest, used now
    cache.put(names[3], made, 1.0)
    left = {path.name for path, _ in kept(tmp_path)}
    assert left == {names[0], names[2], names[3]} and sum(s.st_size for _, s in kept(tmp_path)) <= cache.limit


def test_a_result_larger_than_all_room_is_not_kept(counted, photo) -> None:
    counted.limit = 100
    attacked(counted, Counted(), photo, rng())
    assert not list(kept(counted.folder))


def test_only_files_of_ours_are_counted_and_removed(counted, photo) -> None:
    attacked(counted, Counted(), photo, rng())
    for name in ("ab/notes.txt", "thesis.doc", "ab/deep/x"):
        path = counted.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert make_room(counted.folder, 0) == 0
    assert sorted(p.name for p in counted.folder.rglob("*") if p.is_file()) == ["notes.txt", "thesis.doc", "x"]


def _fill(folder, seed: int) -> None:
    cache = cache_for([Counted()], limit=60_000, folder=folder)
    pictures = [Media.from_pixels(np.full((40, 40, 3), i % 16, np.uint8)) for i in range(120)]
    for i in np.random.default_rng(seed).permutation(120):
        one = attacked(cache, Counted(), pictures[i], rng(int(i) % 16))
        expected = Counted()(pictures[i], rng(int(i) % 16))
        assert one.media == expected


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="starts its processes by fork")
def test_several_processes_share_a_folder_while_room_is_made(tmp_path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_fill, args=(tmp_path, seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    for path, _ in kept(tmp_path):
        assert unpacked(path.name, path.read_bytes())


# The command line ---------------------------------------------------------------------------------------------------


def test_commands_fill_show_and_clear_the_cache(washtest, tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WASHTEST_CACHE", str(tmp_path / "cache"))
    run = ["run", "--dataset", tiny, "--limit", "4", "--jobs", "1", "--attack", "PngPalette(colours=4)"]
    run += ["--detector", "declared", "--regime", "native", "--quiet"]
    assert washtest(*run, "--no-cache", "--out", tmp_path / "a").code in (0, 1)
    assert washtest("cache", "show", "--json").json == {"folder": str(tmp_path / "cache"), "results": 0, "bytes": 0}
    assert washtest(*run, "--out", tmp_path / "b").code in (0, 1)
    shown = washtest("cache", "show", "--json").json
    assert shown["results"] > 0 and shown["bytes"] > 0
    cleared = {"folder": shown["folder"], "removed": shown["results"], "bytes": shown["bytes"]}
    assert washtest("cache", "clear", "--json").json == cleared
    assert washtest("cache", "show", "--json").json["results"] == 0
    assert washtest("cache", "clear").out == f"0 results removed from {tmp_path / 'cache'}\n"
