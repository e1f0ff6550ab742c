"""Where an image file keeps its C2PA manifest store, found without parsing it.

A store whose own reader gave up is a label that is still there, and one that was never there is not: this module
tells the two apart. The places are those of the C2PA specification 2.2, appendix A.3, "Embedding manifests".
"""

from __future__ import annotations

from bench.containers import gif, isobmff, isobmff_read, jpeg, jxl, magic, png, riff, tiff
from bench.errors import CodedError

#: What opens every manifest store: the type of a JUMBF description box and the first bytes of the type C2PA.
STORE = b"jumdc2pa\0\x11\0\x10"
#: Extended type of the ISO-BMFF box (C2PA specification 2.2, A.5).
_BMFF_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_APP11 = 0xEB
_TIFF_TAG = 0xCD41
_GIF_APPLICATION = b"\x0bC2PA_GIF"


#: More JUMBF or file boxes than this are an attack on the reader; real stores and files have some hundreds.
MOST_BOXES = 10_000
_CONTAINERS = frozenset(
    (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"mvex", b"moof", b"traf", b"mfra",
     b"meta", b"iprp", b"ipco", b"schi", b"sinf", b"ilst", b"tref")
)  # fmt: skip


def check_bounds(data: bytes) -> None:
    """Refuse a file on which a native reader, which cannot be stopped, takes time by the square of its parts.

    Raises:
        CodedError: ``E_METADATA`` for too many boxes, ``E_CORRUPT`` for TIFF directories that loop or overlap.
    """
    boxes = data.count(b"jumd")
    if boxes > MOST_BOXES:
        raise CodedError("E_METADATA", f"{boxes} JUMBF boxes; the limit is {MOST_BOXES}")
    if data[4:8] in (b"ftyp", b"JXL "):
        _count_boxes(data)
    else:
        tiff.check_bounds(data)


def _count_boxes(data: bytes) -> None:
    count = 0
    waiting = [(0, len(data))]
    while waiting:
        start, stop = waiting.pop()
        try:
            for box in isobmff.walk(data, start, stop):
                count += 1
                if count > MOST_BOXES:
                    raise CodedError("E_METADATA", f"more than {MOST_BOXES} boxes")
                if box.kind in _CONTAINERS:
                    waiting.append((min(box.body + (4 if box.kind == b"meta" else 0), box.end), box.end))
        except CodedError as error:
            if error.code == "E_METADATA":
                raise


def find(data: bytes) -> tuple[str, CodedError | None]:
    """The place that holds C2PA bytes, by name, and what kept the search from looking everywhere.

    Returns:
        ``jpeg-app11``, ``png-cabx``, ``webp-c2pa``, ``gif-application``, ``tiff-52545``, ``bmff-uuid``, ``jxl-jumb``,
        ``elsewhere`` for a store in no place of its format, or "" for none. The failure is None when the whole file
        was walked.
    """
    try:
        mime = magic.sniff(data)
    except CodedError as error:
        return ("elsewhere" if STORE in data else ""), error
    failure = None
    try:
        place = _place(data, mime)
    except CodedError as error:
        place, failure = "", error
    return place or ("elsewhere" if STORE in data else ""), failure


def _place(data: bytes, mime: str) -> str:
    if mime == jpeg.MIME:
        # Other standards keep JUMBF in APP11 too; every segment of theirs and ours begins with the letters JP.
        for span in jpeg.walk(data):
            if span.marker == _APP11 and b"c2pa" in data[span.body : span.end]:
                return "jpeg-app11"
    elif mime == png.MIME:
        if any(span.kind == b"caBX" for span in png.walk(data)):
            return "png-cabx"
    elif mime == riff.MIME:
        if any(span.kind == b"C2PA" for span in riff.walk(data)):
            return "webp-c2pa"
    elif mime == gif.MIME:
        if any(block.label == 0xFF and data.startswith(_GIF_APPLICATION, block.body) for block in gif.walk(data)):
            return "gif-application"
    elif mime == "image/tiff":
        return "tiff-52545" if tiff.fields(data, (_TIFF_TAG,), strict=True) else ""
    elif mime == jxl.MIME:
        boxes = () if jxl.is_naked(data) else isobmff.walk(data)
        return "jxl-jumb" if any(b.kind == b"jumb" and b"c2pa" in data[b.body : b.end] for b in boxes) else ""
    elif _BMFF_UUID in data:
        return "bmff-uuid"
    elif mime in ("image/avif", "image/heic"):
        isobmff_read.check(data)  # a file that is cut off may have lost its last box
    return ""
