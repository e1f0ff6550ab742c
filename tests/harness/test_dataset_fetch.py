"""A data set fetched from a server on this machine: what comes, what stays out, and what a run makes of the part."""

import csv
import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.errors import CodedError, UserError
from bench.harness import origins
from bench.harness.dataset_fetch import fetch_dataset, here, items, space_needed
from bench.harness.samples import load_dataset
from bench.transfer import Patience

QUICK = Patience(attempts=2, stall=2.0, pause=0.0)
RAW = "raw.githubusercontent.com/people/pictures/0123456789ab"


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def deb(files: dict[str, bytes], link: str = "") -> bytes:
    """A Debian package of these files: ar of a version, a control archive and the archive of files (deb(5))."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:xz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        if link:
            member = tarfile.TarInfo(f"./{link}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": tar.getvalue()}
    out = b"!<arch>\n"
    for name, data in parts.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        out += head.encode() + data + b"\n" * (len(data) % 2)
    return out


@dataclass
class Published:
    """A data set whose files lie on a server: its folder, the server's, and its address."""

    folder: Path
    served: Path
    mirror: str

    def fetch(self, into: Path | None = None) -> dict[str, str]:
        rows = fetch_dataset(self.folder, into, self.mirror, QUICK)
        return {Path(row.path).stem: row.code or row.status for row in rows}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def published(tmp_path: Path, tools) -> Iterator[Published]:
    folder, served = tmp_path / "set", tmp_path / "served"
    made: list[dict[str, str]] = []

    def add(
        name: str, truth: str, data: bytes, origin: str, licence_class: str = "permissive", recipe: str = ""
    ) -> None:
        made.append(
            {"path": f"files/{name}.png", "truth": truth, "family": name, "licence": "CC0-1.0", "recipe": recipe,
             "split": "test" if len(made) % 2 else "calibration", "licence_class": licence_class, "origin": origin,
             "bytes": str(len(data)), "sha256": hashlib.sha256(data).hexdigest()}
        )  # fmt: skip

    def serve(place: str, data: bytes) -> None:
        (served / place).parent.mkdir(parents=True, exist_ok=True)
        (served / place).write_bytes(data)

    pixels = [tools.texture(number) for number in range(8)]
    add("plain", "human", png(pixels[0]), "github:people/pictures@0123456789ab:some folder/a#1.png")
    serve(f"{RAW}/some folder/a#1.png", png(pixels[0]))
    add("package", "human", png(pixels[1]), "npm:@people/pictures@1.2.3:data/image.png")
    serve("cdn.jsdelivr.net/npm/@people/pictures@1.2.3/data/image.png", png(pixels[1]))
    sheet = np.concatenate([np.concatenate(pixels[2:4], axis=1), np.concatenate(pixels[4:6], axis=1)])
    add("tile", "ai", png(pixels[5]), "github:people/pictures@0123456789ab:sheet.png", recipe="tile:2x2:1,1")
    serve(f"{RAW}/sheet.png", png(sheet))
    clear = np.dstack([pixels[6], np.full(pixels[6].shape[:2], 255, np.uint8)])
    clear[:9, :, 3] = 0
    over = pixels[6].copy()
    over[:9] = 128
    package = deb({"usr/share/a.png": png(clear), "usr/share/b.png": png(pixels[7])}, link="usr/share/link.png")
    add("over", "ai", png(over), "deb:pictures==1:2.0-1:usr/share/a.png", "free-software", "over:128")
    add("packed", "human", png(pixels[7]), "deb:pictures==1:2.0-1:usr/share/b.png", "free-software")
    serve("archive.example.org/pictures.deb", package)
    add("closed", "human", png(pixels[0][::-1]), "github:people/pictures@0123456789ab:closed.png", "research-only")
    add("nowhere", "ai", png(pixels[1][::-1]), "somewhere on the web")
    tools.write_rows(folder, made)
    card = 'name = "set"\n[archives."deb:pictures==1:2.0-1"]\nurl = "https://archive.example.org/pictures.deb"\n'
    card += f'bytes = {len(package)}\nsha256 = "{hashlib.sha256(package).hexdigest()}"\n'
    (folder / "dataset.toml").write_text(card, "utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=served))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield Published(folder, served, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


COMES = {name: "fetched" for name in ("plain", "package", "tile", "over", "packed")}
STAYS = {"closed": "E_LEFT_OUT", "nowhere": "E_LEFT_OUT"}


def test_what_is_open_comes_with_its_digest_and_the_rest_stays_out(published: Published) -> None:
    assert published.fetch() == COMES | STAYS
    assert published.fetch() == {name: "present" for name in COMES} | STAYS
    left = sorted(path.name for path in published.folder.rglob("*") if path.is_file())
    assert left == ["dataset.toml", "fetch.csv", "over.png", "package.png", "packed.png", "plain.png", "samples.csv",
                    "tile.png"]  # fmt: skip


def test_into_another_folder_the_card_goes_along(published: Published, tmp_path: Path) -> None:
    assert published.fetch(tmp_path / "mine") == COMES | STAYS
    assert load_dataset(tmp_path / "mine").revision == load_dataset(published.folder).revision
    assert not (published.folder / "files").exists()


def test_each_failure_is_a_row_and_costs_no_other_file(published: Published) -> None:
    (published.served / RAW / "some folder/a#1.png").write_bytes(b"another picture")
    (published.served / "cdn.jsdelivr.net/npm/@people/pictures@1.2.3/data/image.png").unlink()
    (published.served / RAW / "sheet.png").write_bytes(b"no picture")
    found = published.fetch()
    failures = {"plain": "E_DIGEST", "package": "E_HTTP_404", "tile": "E_RECIPE"}
    assert found == COMES | STAYS | failures
    with (published.folder / "fetch.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["path"]).stem: row for row in csv.DictReader(file)}
    assert {name: rows[name]["code"] for name in failures} == failures
    assert all(rows[name]["status"] == "failed" and rows[name]["detail"] for name in failures)


def test_a_sheet_of_other_pixels_gives_no_sample(published: Published, tools) -> None:
    (published.served / RAW / "sheet.png").write_bytes(png(tools.texture(9, 96, 128)))
    assert published.fetch()["tile"] == "E_DIGEST"


def test_an_archive_that_is_not_the_pinned_one_is_not_opened(published: Published) -> None:
    archive = published.served / "archive.example.org/pictures.deb"
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")
    found = published.fetch()
    assert (found["over"], found["packed"], found["plain"]) == ("E_DIGEST", "E_DIGEST", "fetched")


def test_a_changed_file_is_fetched_again(published: Published) -> None:
    published.fetch()
    (published.folder / "files/plain.png").write_bytes(b"spoilt")
    assert published.fetch()["plain"] == "fetched"


def test_links_large_members_and_odd_archives_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(deb({"a": b"12345", "b": b"123"}, link="c"))
    assert dict(origins.members(path, {"a": 4, "b": 3, "c": 99, "d": 99})) == {"b": b"123"}
    for content in (b"", b"PK", deb({"a": b"1"})[:200], b"!<arch>\n" + b"x" * 60):
        path.write_bytes(content)
        with pytest.raises(CodedError, match="E_ARCHIVE"):
            dict(origins.members(path, {"a": 4}))


@pytest.mark.parametrize("text", ["", "http://a.b/c.png", "github:a/b:c.png", "npm:a:b", "deb:a==1:b", "file:///etc/x"])
def test_an_origin_that_cannot_be_followed_is_coded(text: str) -> None:
    with pytest.raises(CodedError, match="E_ORIGIN"):
        origins.parse(text, {})


def test_a_recipe_does_not_decode_a_bomb() -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 8000)).save(out, "PNG")
    with pytest.raises(CodedError, match="E_RECIPE"):
        origins.cook(out.getvalue(), "tile:2x2:0,0")


def test_a_run_says_in_one_line_what_is_missing(published: Published) -> None:
    dataset = load_dataset(published.folder)
    with pytest.raises(
        UserError, match=r"^0 of 7 files of set are here; washtest dataset fetch .* gets 5 more;[^\n]*$"
    ):
        here(dataset)
    published.fetch()
    part, line = here(dataset)
    assert "5 of 7 files" in line and "2 are not openly licensed" in line
    assert len(part.samples) == 5 and part.revision != dataset.revision
    (published.folder / "files/plain.png").unlink()
    with pytest.raises(UserError, match=r"gets 1 more.*--present"):
        here(dataset)
    fewer, _ = here(dataset, partial=True)
    assert len(fewer.samples) == 4 and fewer.revision not in (part.revision, dataset.revision)


def test_a_data_set_without_origins_is_left_as_it_is(tiny_copy: Path, tmp_path: Path) -> None:
    (next((tiny_copy / "files").iterdir())).unlink()
    dataset = load_dataset(tiny_copy)
    assert here(dataset) == (dataset, "")
    with pytest.raises(UserError, match=r"^1 of 21 files of \S+ are missing, e\.g\. .*no column origin"):
        fetch_dataset(tiny_copy, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("options", [(), ("--list",)])
def test_a_data_set_that_came_with_its_files_has_nothing_to_fetch(options, tiny: Path, washtest) -> None:
    answer = washtest("dataset", "fetch", tiny, *options)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"tiny has nothing to fetch: its 21 files came with it, in {tiny}\n"


def test_the_commands_list_fetch_check_and_run(published: Published, washtest, monkeypatch, tmp_path: Path) -> None:
    listed = washtest("dataset", "fetch", published.folder, "--list")
    assert listed.code == 0 and "5 of 7 files" in listed.err and "licence: research-only" in listed.out
    monkeypatch.setenv("WASHTEST_MIRROR", published.mirror)
    said = washtest("run", "--dataset", published.folder)
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1 and "dataset fetch" in said.err
    done = washtest("dataset", "fetch", published.folder)
    assert done.code == 0 and "5 fetched" in done.out
    (published.served / RAW / "sheet.png").unlink()
    (published.folder / "files/tile.png").unlink()
    failed = washtest("dataset", "fetch", published.folder)
    assert failed.code == 1 and "failed: files/tile.png: E_HTTP_404" in failed.err
    checked = washtest("dataset", "check", published.folder, "--jobs", "0")
    assert checked.code == 0 and "4 of 7 files" in checked.err
    monkeypatch.chdir(tmp_path)
    options = ("--present", "--attack", "Identity()", "--detector", "declared", "--jobs", "0", "--quiet")
    ran = washtest("export", "quick", "--dataset", published.folder, "--out", tmp_path / "out", *options)
    assert ran.code == 0 and "4 of 7 files" in ran.err


def test_the_card_of_core_follows_every_open_origin(tools) -> None:
    dataset = load_dataset(tools.root / "datasets/core")
    listed = items(dataset)
    got = [item for item in listed if item.source is not None]
    assert (len(listed), len(got)) == (604, 239)
    assert all(item.why.startswith("licence: ") for item in listed if item.source is None)
    assert all(sample.sha256 and sample.licence for sample in dataset.samples)
    assert space_needed(listed) == (483_891_130, 67_929_990)
    for item in got:
        urls = [item.source.url or item.source.archive.url]
        assert all(url.startswith("https://") for url in urls)


def test_core_lists_the_files_that_figures_were_made_from(tools, shared: Path) -> None:
    ours, theirs = (load_dataset(folder) for folder in (tools.root / "datasets/core", shared / "data"))
    assert [(s.id, s.truth, s.sha256) for s in ours.samples] == [(s.id, s.truth, s.sha256) for s in theirs.samples]
