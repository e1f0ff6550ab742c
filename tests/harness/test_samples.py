"""Data sets on disk: what loads, what is refused and in which words, and how samples are chosen."""

import hashlib
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import CodedError, UserError
from bench.harness.samples import Sample, find_dataset, limited, load_dataset, split_of


def table(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "samples.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as raised:
        load_dataset(folder)
    message = str(raised.value)
    assert "\n" not in message
    assert "samples.csv" in message or "dataset.toml" in message
    return message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs the columns path and truth; path and truth missing"),
        ("path,source\na.jpg,x\n", "needs the columns path and truth; truth missing"),
        ("path;truth\na.jpg;ai\n", "needs the columns path and truth"),
        ("path,truth\n", "has no rows; add files with: washtest dataset import"),
        ("path,truth,path\na.jpg,ai,b.jpg\n", "names a column twice"),
        ("path,truth\na.jpg,ai\nb.jpg,robot\n", "line 3: truth must be one of human, ai, ai_edited, got 'robot'"),
        ("path,truth\na.jpg,\n", "line 2: truth must be one of human, ai, ai_edited, got ''"),
        ("path,truth\n\n\na.jpg,x\n", "line 4: truth"),
        ("path,truth\n,ai\n", "line 2: path '' must be a path inside the data set's folder"),
        ("path,truth\n../secret.jpg,ai\n", "line 2: path '../secret.jpg' must be a path inside"),
        ("path,truth\nfiles/../../secret.jpg,ai\n", "must be a path inside"),
        ("path,truth\n/etc/passwd,ai\n", "line 2: path '/etc/passwd' must be a path inside"),
        ("path,truth,mask\na.jpg,ai_edited,/etc/passwd\n", "line 2: mask '/etc/passwd' must be a path inside"),
        (
            "path,truth,split\na.jpg,ai,validation\n",
            "line 2: split must be one of train, calibration, test, got 'validation'",
        ),
        ("path,truth,split\na.jpg,ai,\n", "split must be one of"),
        ("path,truth,edited_area\na.jpg,ai_edited,1.5\n", "line 2: edited_area must be in 0..1, got '1.5'"),
        ("path,truth,edited_area\na.jpg,ai_edited,half\n", "edited_area must be in 0..1, got 'half'"),
        ("path,truth,edited_area\na.jpg,ai_edited,nan\n", "edited_area must be in 0..1, got 'nan'"),
        ("path,truth,sha256\na.jpg,ai,abc\n", "line 2: sha256 must be 64 hexadecimal digits, got 'abc'"),
        ("path,truth,title\na.jpg,ai,dog, sitting\n", "line 2 has more cells than columns"),
        ("path,truth\na.jpg,ai\na.jpg,ai\n", "1 ids or paths occur twice, e.g. a.jpg"),
        ("id,path,truth\nx,a.jpg,ai\nx,b.jpg,ai\n", "1 ids or paths occur twice, e.g. x"),
        (
            "path,truth,family,split\na.jpg,ai,f,train\nb.jpg,ai,f,test\n",
            "1 families lie in several splits, e.g. f; give each one split",
        ),
        (b"path,truth\n\xff\xfe.jpg,ai\n", "it must be a UTF-8 CSV file"),
        ("path,truth\n".encode("utf-16"), "it must be a UTF-8 CSV file"),
        ("path,truth\n" + "x" * 200_000 + ",ai\n", "it must be a UTF-8 CSV file"),
        (b"path,truth\na\0b.jpg,ai\n", "samples.csv, line 2"),
    ],
)
def test_malformed_table_is_refused_with_file_line_and_mend(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refusal(table(tmp_path / "set", text))


def test_malformed_card_is_refused(tmp_path: Path) -> None:
    folder = table(tmp_path / "set", "path,truth\na.jpg,ai\n")
    (folder / "dataset.toml").write_text("name = ")
    assert "dataset.toml cannot be read" in refusal(folder)


@given(st.binary(max_size=300) | st.text(alphabet='path,truth\n"ai;/.\r\t ', max_size=200).map(str.encode))
def test_any_bytes_load_or_are_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = table(tmp_path_factory.getbasetemp() / "any", b"path,truth\n" + data)
    try:
        load_dataset(folder)
    except UserError as error:
        assert "\n" not in str(error).replace(repr(data), "")


def test_only_path_and_truth_are_needed(tmp_path: Path) -> None:
    text = '\ufeffpath,truth,title\nfiles/ai/a.jpg,ai,"two\nlines, and a comma"\nb.png,human,Ä\u2028ö\n'
    loaded = load_dataset(table(tmp_path / "mine", text))
    assert loaded.name == "mine"
    first, second = loaded.samples
    assert (first.id, first.family, first.source, first.split) == (
        "ai/a.jpg",
        "files/ai/a.jpg",
        "unknown",
        split_of("files/ai/a.jpg"),
    )
    assert second.path == tmp_path / "mine" / "b.png"
    assert not loaded.own_splits


def test_card_names_the_data_set_and_the_table_its_revision(tmp_path: Path) -> None:
    folder = table(tmp_path / "mine", "path,truth\na.jpg,ai\n")
    (folder / "dataset.toml").write_text('name = "yours"\ntitle = "Your set"\nlicence = "CC0-1.0"\n')
    loaded = load_dataset(folder)
    assert (loaded.name, loaded.title, loaded.card) == ("yours", "Your set", {"licence": "CC0-1.0"})
    table(folder, "path,truth\na.jpg,human\n")
    assert load_dataset(folder).revision != loaded.revision


def test_human_work_has_no_generator(tmp_path: Path) -> None:
    loaded = load_dataset(table(tmp_path / "s", "path,truth,generator\na.jpg,human,camera\nb.jpg,ai,sd15\n"))
    assert [sample.generator for sample in loaded.samples] == ["", "sd15"]


def test_split_of_a_family_never_changes() -> None:
    # Golden values: a data set that has been published keeps its splits for ever.
    families = ("", "a", "astronaut", "Art_Noveau", "files/ai/x.jpg", "水洗标", "family-7")
    assert [split_of(family) for family in families] == [
        "test", "train", "test", "train", "test", "calibration", "test",
    ]  # fmt: skip
    shares = Counter(split_of(f"family-{i}") for i in range(4000))
    assert shares["train"] == pytest.approx(1200, abs=100)
    assert shares["calibration"] == pytest.approx(1200, abs=100)


def sample(number: int, truth: str, split: str, source: str) -> Sample:
    return Sample(f"{truth}-{split}-{source}-{number}", Path("x"), truth, source, "", f"f{number}", split)


MANY = tuple(
    sample(number, truth, split, source)
    for truth, count in (("human", 40), ("ai", 20), ("ai_edited", 6))
    for split, share in (("train", 3), ("calibration", 3), ("test", 4))
    for source, more in (("large", 8), ("small", 2))
    for number in range(count * share * more // 100)
)


def test_limit_takes_the_truths_in_turn_and_keeps_the_proportions_of_the_splits() -> None:
    chosen = limited(MANY, 23)
    assert len(chosen) == 23
    assert Counter(s.truth for s in chosen) == {"human": 10, "ai": 10, "ai_edited": 3}
    for truth in ("human", "ai"):
        whole, part = (Counter(s.split for s in samples if s.truth == truth) for samples in (MANY, chosen))
        assert all(abs(part[split] - 10 * n / whole.total()) <= 1 for split, n in whole.items())


def test_limit_does_not_drop_the_small_sources_first() -> None:
    human = Counter(s.source for s in limited(MANY, 23) if s.truth == "human")
    assert human["small"] >= 4


def test_limit_depends_on_names_and_not_on_order() -> None:
    chosen = {(s.id, s.truth, s.split) for s in limited(MANY, 17)}
    assert {(s.id, s.truth, s.split) for s in limited(MANY[::-1], 17)} == chosen
    assert [s for s in MANY if s in limited(MANY, 17)] == list(limited(MANY, 17))  # in the data set's order
    assert chosen <= {(s.id, s.truth, s.split) for s in limited(MANY, 18)}


def test_limit_of_enough_is_everything() -> None:
    assert limited(MANY, None) is MANY
    assert limited(MANY, 10_000) is MANY
    assert len(limited(MANY, 1)) == 1


def test_every_class_keeps_samples_while_the_limit_allows_it() -> None:
    assert len({(s.truth, s.split) for s in limited(MANY, 30)}) == len({(s.truth, s.split) for s in MANY})


def test_file_is_checked_against_its_hash(tmp_path: Path, tools) -> None:
    data = tools.encode(tools.texture(1))
    (tmp_path / "a.jpg").write_bytes(data)
    right = Sample("a", tmp_path / "a.jpg", "ai", "s", "", "a", "test", sha256=hashlib.sha256(data).hexdigest())
    assert right.media.data == data
    (tmp_path / "a.jpg").write_bytes(tools.encode(tools.texture(2)))
    with pytest.raises(CodedError, match="E_CHANGED"):
        _ = right.media


def test_missing_file_is_named_without_this_machines_folders(tmp_path: Path) -> None:
    with pytest.raises(CodedError) as raised:
        _ = Sample("people/a.jpg", tmp_path / "files" / "a.jpg", "ai", "s", "", "a", "test").media
    assert (raised.value.code, raised.value.detail) == ("E_MISSING", "people/a.jpg: no such file")


def test_data_set_is_found_by_folder_or_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    folder = table(tmp_path / "datasets" / "walks", "path,truth\na.jpg,ai\n")
    assert find_dataset(str(folder)) == folder
    assert find_dataset("walks") == folder
    (tmp_path / "pictures").mkdir()
    for name, said in {
        "pictures": "pictures has no samples.csv; make one with: washtest dataset import pictures",
        "datasets/walks/samples.csv": "is not a folder",
        "wlks": "unknown data set 'wlks'. Did you mean walks?",
        "x" * 300: "unknown data set",
    }.items():
        with pytest.raises((UserError, OSError)) as raised:
            find_dataset(name)
        assert said in str(raised.value) or isinstance(raised.value, OSError)


def test_shared_collection_loads_as_it_is(shared: Path) -> None:
    loaded = load_dataset(shared / "data")
    assert len(loaded.samples) == 604
    assert Counter(s.truth for s in loaded.samples) == {"human": 467, "ai": 118, "ai_edited": 19}
    assert sum(s.mask is not None for s in loaded.samples) == 16
    for one in limited(loaded.samples, 12):
        assert one.media.size[0] > 0
    assert os.access(loaded.samples[0].path, os.R_OK)


def test_collection_that_comes_with_washtest_loads(tools) -> None:
    loaded = load_dataset(tools.root / "datasets" / "mini")
    counts = loaded.counts()
    assert loaded.own_splits
    assert all(counts[split][truth] >= 5 for split in ("train", "calibration", "test") for truth in ("human", "ai"))
    assert counts["test"]["ai_edited"] >= 5
    assert all(s.sha256 and s.licence for s in loaded.samples)
    for one in loaded.samples:
        assert one.media.sha256 == one.sha256
