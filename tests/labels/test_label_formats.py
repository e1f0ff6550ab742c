"""Every label at every position in every format: confirmed by somebody else's reader, and harmless to the picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import containers
from bench.labels import BUNDLES, LABELS, touches_pixels
from bench.labels.base import Label
from tests.labels.conftest import PLAIN
from tests.oracles import CLAIM, READERS, asked_about, confirms, written_texts

WRITTEN = dict.fromkeys(
    label for label in (*LABELS, *(one for bundle in BUNDLES.values() for one in bundle)) if not touches_pixels(label)
)
CASES = [(label, kind) for label in WRITTEN for kind, media in PLAIN.items() if label.applies(media.mime)]
#: Formats in which a reader of Debian 12 or our lower bounds is known to see nothing of a kind of label.
BLIND = {
    "ExifTool": {"c2pa": {"image/webp", "image/gif", "image/tiff", "image/avif", "image/heic"}},
    "exiv2": {
        "gb45438": {"image/gif"}, "iptc": {"image/gif"}, "c2pa": set(containers.EXTENSIONS), "png-text": {"image/png"},
    },
    "Pillow": {"gb45438": {"image/gif"}, "iptc": {"image/gif"}},
}  # fmt: skip


def blind(reader: str, label: Label, mime: str) -> bool:
    if (reader, mime) == ("Pillow", "image/jxl"):
        return True
    kinds = BLIND.get(reader, {})
    return mime in kinds.get(label.name, ()) or mime in kinds.get(label.position, ())


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("label", "kind"), CASES, ids=[f"{label!r} {kind}" for label, kind in CASES])
def test_another_reader_shows_every_field(label: Label, kind: str, reader: str, tmp_path: Path) -> None:
    media = PLAIN[kind]
    if not asked_about(reader, label) or blind(reader, label, media.mime):
        return
    path = tmp_path / f"labelled{containers.EXTENSIONS[media.mime]}"
    path.write_bytes(media.data)
    before = READERS[reader](path)
    if before is None:
        pytest.skip(f"{reader} is not installed")
    assert confirms(before, label, CLAIM) == 0
    path.write_bytes(label.write(media, CLAIM).data)
    said = READERS[reader](path)
    assert said is not None
    assert confirms(said, label, CLAIM) == len(written_texts(label, CLAIM)), said


@pytest.mark.parametrize(("label", "kind"), CASES, ids=[f"{label!r} {kind}" for label, kind in CASES])
def test_pillow_decodes_the_same_picture(label: Label, kind: str, tmp_path: Path) -> None:
    media = PLAIN[kind]
    if media.mime == "image/jxl":
        pytest.skip("Pillow does not read JPEG XL; tests/containers/test_jxl.py asks djxl")
    pixels = []
    for one in (media, label.write(media, CLAIM)):
        path = tmp_path / f"file{containers.EXTENSIONS[media.mime]}"
        path.write_bytes(one.data)
        with Image.open(path) as image:
            pixels.append(np.asarray(image.convert("RGB")))
    assert np.array_equal(*pixels)


def test_every_case_has_a_reader_of_its_own() -> None:
    for label, kind in CASES:
        mime = PLAIN[kind].mime
        assert [reader for reader in READERS if asked_about(reader, label) and not blind(reader, label, mime)]


def test_the_label_formats_are_those_of_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "results" / "label-formats.md").read_text("utf-8")
    header = next(line for line in page.splitlines() if line.startswith("| label"))
    kinds = [cell.strip().lower() for cell in header.strip("|").split("|")[1:]]
    for label in WRITTEN:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{label!r}` |"))
        written = [kind for kind, cell in zip(kinds, row.strip("|").split("|")[1:], strict=True) if cell.strip() != "–"]
        assert set(written) >= {kind for kind in PLAIN if " " not in kind and label.applies(PLAIN[kind].mime)}
        assert all(label.applies(f"image/{kind}") for kind in written)
