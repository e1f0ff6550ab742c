"""Archives that somebody else packed: read within limits, refused whole when a name or a size is not to be trusted."""

import gzip
import io
import stat
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.archives import Limits, is_archive, members
from bench.errors import UserError
from bench.harness.dataset_import import import_folder
from bench.harness.samples import load_dataset

SMALL = Limits(files=20, file_bytes=1 << 20, total_bytes=1 << 21, ratio=10, allowance=1 << 16)


def zipped(path: Path, files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes], packing: str = "") -> Path:
    with tarfile.open(path, f"w:{packing}") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def special(path: Path, kind: bytes, name: str = "a.jpg", target: str = "/etc/passwd") -> Path:
    """A tar with one member that is no plain file."""
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return path


def refusal(path: Path, limits: Limits = SMALL) -> str:
    begin = time.perf_counter()
    with pytest.raises(UserError) as raised:
        for _ in members(path, limits):
            raise AssertionError("a content was handed out before all names were judged")
    assert time.perf_counter() - begin < 5
    message = str(raised.value)
    assert "\n" not in message and path.name in message
    return message


PACKERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "a.zip": zipped,
    "stored.zip": lambda path, files: zipped(path, files, zipfile.ZIP_STORED),
    "lzma.zip": lambda path, files: zipped(path, files, zipfile.ZIP_LZMA),
    "a.tar": tarred,
    "a.tar.gz": lambda path, files: tarred(path, files, "gz"),
    "a.tar.bz2": lambda path, files: tarred(path, files, "bz2"),
    "a.tar.xz": lambda path, files: tarred(path, files, "xz"),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_files_come_back_with_their_names(tmp_path: Path, packer: str) -> None:
    files = {"b.jpg": b"b" * 5000, "trip/a.jpg": b"", "水洗/c d.png": bytes(range(256))}
    path = PACKERS[packer](tmp_path / packer, files)
    assert is_archive(path)
    assert {str(member.name): member.data for member in members(path)} == files


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil.jpg", "leaves the archive's folder"),
        ("a/../../evil.jpg", "leaves the archive's folder"),
        ("/tmp/evil.jpg", "is absolute"),
        ("C:/evil.jpg", "is absolute"),
        ("..\\evil.jpg", "a NUL or a backslash"),
    ],
)
def test_name_that_leads_elsewhere_refuses_the_archive(tmp_path: Path, packer: str, name: str, said: str) -> None:
    path = PACKERS[packer](tmp_path / packer, {"good.jpg": b"x", name: b"x"})
    message = refusal(path)
    assert "is refused: the name" in message and said in message


def test_name_that_hides_behind_a_nul_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"good.jpgXevil": b"x"})
    path.write_bytes(path.read_bytes().replace(b"good.jpgXevil", b"good.jpg\0evil"))
    assert "NUL" in refusal(path)


@pytest.mark.parametrize("packer", ["a.zip", "a.tar.gz"])
@pytest.mark.parametrize(
    "names",
    [
        ("Photo.jpg", "photo.JPG"),
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("stra\u00dfe.jpg", "STRASSE.jpg"),
        ("\u212a.jpg", "k.jpg"),  # the sign of the kelvin
        ("./a.jpg", "a.jpg"),
    ],
    ids=ascii,
)
def test_names_that_some_disk_takes_for_one_are_refused(tmp_path: Path, packer: str, names: tuple[str, str]) -> None:
    path = PACKERS[packer](tmp_path / packer, dict.fromkeys(names, b"x"))
    assert "one name on some disks" in refusal(path)


def test_duplicates_and_folders_under_the_name_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.jpg", b"good")
            archive.writestr("a.jpg", b"evil")
    assert "twice" in refusal(tmp_path / "a.zip")
    assert "is a file there and a folder too" in refusal(tarred(tmp_path / "a.tar", {"A": b"x", "a/b.jpg": b"x"}))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "special file"),
        (tarfile.BLKTYPE, "special file"),
        (tarfile.FIFOTYPE, "special file"),
        (tarfile.GNUTYPE_SPARSE, "special file"),
    ],
)
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes, said: str) -> None:
    assert f"'a.jpg' is a {said}" in refusal(special(tmp_path / "a.tar", kind))


def test_link_and_password_in_a_zip_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "'a.jpg' is a link" in refusal(tmp_path / "link.zip")
    data = bytearray(zipped(tmp_path / "locked.zip", {"a.jpg": b"x"}).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    assert "file under a password" in refusal(tmp_path / "locked.zip")


@pytest.mark.parametrize("packer", ["a.zip", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_bomb_is_refused_before_it_goes_off(tmp_path: Path, packer: str) -> None:
    zeros = bytes(900_000)
    assert "bytes would become more than" in refusal(PACKERS[packer](tmp_path / packer, {"a.bmp": zeros, "b": zeros}))
    assert "the limit is 1,048,576" in refusal(PACKERS[packer](tmp_path / packer, {"a.bmp": bytes(2 << 20)}))


def test_members_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    # As in https://www.bamsoftware.com/hacks/zipbomb/: every entry of the directory points to one stretch of data.
    data = zipped(tmp_path / "one.zip", {"000.jpg": bytes(500_000)}).read_bytes()
    at = data.index(b"PK\x01\x02")
    entry, end = data[at : data.index(b"PK\x05\x06")], data[data.index(b"PK\x05\x06") :]
    many = b"".join(entry.replace(b"000.jpg", b"%03d.jpg" % n) for n in range(10))
    path = tmp_path / "many.zip"
    path.write_bytes(data[:at] + many + end[:8] + struct.pack("<HHII", 10, 10, len(many), at) + end[20:])
    assert "bytes would become more than" in refusal(path)


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    assert "more than 20 members" in refusal(tarred(tmp_path / "a.tar", {f"{n}.jpg": b"" for n in range(21)}))


def header(name: bytes, size: bytes, kind: bytes) -> bytes:
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size + b"00000000000\0")
    block += b" " * 8 + kind + bytes(100) + b"ustar\x0000" + bytes(247)
    block[148:156] = b"%06o\0 " % sum(block)
    assert len(block) == 512
    return bytes(block)


def test_tar_headers_cannot_ask_for_memory_or_go_backwards(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    huge = header(b"pax", b"77777777777\0", b"x")  # 8 GiB of attributes
    path.write_bytes(gzip.compress(huge + bytes(1 << 20)))
    assert "a header of 8,589,934,592 bytes" in refusal(path)
    for kind in (b"0", b"x", b"L"):
        backwards = header(b"a.jpg", b"\xff" * 10 + struct.pack(">h", -512), kind)
        path.write_bytes(gzip.compress(backwards + bytes(1024)))
        refusal(path)


@pytest.mark.parametrize("packer", PACKERS)
def test_damaged_archive_is_one_line(tmp_path: Path, packer: str) -> None:
    whole = PACKERS[packer](tmp_path / packer, {f"{n}.jpg": bytes([n]) * 900 for n in range(4)}).read_bytes()
    path = tmp_path / packer
    for cut in (len(whole) // 4, len(whole) // 2):  # a tar ends in padding
        path.write_bytes(whole[:cut])
        with pytest.raises(UserError) as raised:
            list(members(path))
        assert "\n" not in str(raised.value)


def test_damaged_header_in_the_middle_of_a_tar_is_not_its_end(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {"a.jpg": b"x", "b.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[1024 + 150] ^= 1  # in the checksum of the second header, which tarfile takes for the end
    path.write_bytes(data)
    assert "damaged in the middle" in refusal(path)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["a.zip", "a.tar", "a.tar.gz"]), st.data())
def test_any_damage_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, packer: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged-{packer}"
    file = bytearray(PACKERS[packer](path, {"a.jpg": b"a" * 300, "t/b.jpg": b"b"}).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(file)
    try:
        for member in members(path, SMALL):
            assert not member.name.is_absolute() and ".." not in member.name.parts
    except UserError as error:
        assert "\n" not in str(error)


@pytest.fixture
def pictures(tools) -> dict[str, bytes]:
    names = ("a.jpg", "trip/b.png", "trip/two words.webp")
    return {name: tools.encode(tools.texture(n), Path(name).suffix) for n, name in enumerate(names)}


@pytest.mark.parametrize("packer", ["a.zip", "a.tar.gz"])
def test_import_of_an_archive_is_that_of_its_folder(
    tmp_path: Path, pictures: dict[str, bytes], washtest, packer: str
) -> None:
    lies_about = {"notes.txt": b"holidays", ".hidden.jpg": b"x", "__MACOSX/._a.jpg": b"x"}
    path = PACKERS[packer](tmp_path / packer, pictures | lies_about)
    for name, data in (pictures | lies_about).items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    import_folder(tmp_path / "folder", tmp_path / "there" / "set", truth="human", source="mine")
    into = tmp_path / "set"
    given = ("dataset", "import", path, "--truth", "human", "--source", "mine")
    answer = washtest(*given)
    assert (answer.code, "is a file; name the data set's folder with --into" in answer.err) == (2, True)
    answer = washtest(*given, "--into", into)
    assert (answer.code, answer.out) == (0, f"3 added, 0 there already, 0 refused: {into / 'samples.csv'}\n")
    made, expected = load_dataset(into), load_dataset(tmp_path / "there" / "set")
    assert {s.id: s.media.sha256 for s in made.samples} == {s.id: s.media.sha256 for s in expected.samples}
    assert washtest(*given, "--into", into).out.startswith("0 added, 3 there already")


def test_refused_archive_leaves_nothing_behind(tmp_path: Path, pictures: dict[str, bytes], washtest) -> None:
    path = zipped(tmp_path / "a.zip", pictures | {"../../evil.jpg": pictures["a.jpg"]})
    answer = washtest("dataset", "import", path, "--truth", "ai", "--source", "x", "--into", tmp_path / "d" / "set")
    assert answer.code == 2 and answer.err.count("\n") == 1 and "leaves the archive's folder" in answer.err
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("no archive")
    with pytest.raises(UserError, match="nor a ZIP or tar archive"):
        import_folder(tmp_path / "a.zip", tmp_path / "set", truth="ai", source="x")
    with pytest.raises(UserError, match="is no ZIP or tar archive"):
        next(members(tmp_path / "a.zip"))
