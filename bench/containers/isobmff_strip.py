"""Metadata taken out of a HEIC or AVIF file in its place: no byte that stays moves, so every offset stays right.

Boxes and bytes that go become free space (ISO/IEC 14496-12, section 8.1.2), and what the tables of items lose in
length is made up by a free box behind them.
"""

from __future__ import annotations

from collections.abc import Collection

from bench.containers import isobmff
from bench.containers.isobmff import XMP_TYPE, Box, Info, Meta, box
from bench.containers.isobmff_edit import forget
from bench.containers.isobmff_read import XMP_UUID
from bench.errors import CodedError

#: Extended type of the box of a C2PA manifest store (C2PA specification 2.2, A.5).
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_UUIDS = {XMP_UUID: "xmp", _C2PA_UUID: "c2pa"}


def remove(data: bytes, kinds: Collection[str]) -> bytes:
    """The file without metadata of these kinds: EXIF and XMP items of any image, XMP and C2PA boxes, ICC profiles.

    ``all`` takes no more than these: what else an item file holds may be part of its pictures.

    Raises:
        CodedError: ``E_CORRUPT`` or ``E_TRUNCATED`` for a broken file, ``E_UNSUPPORTED`` for tables of items that
            cannot be written in their place.
    """
    boxes, meta = isobmff.find_meta(data)
    out = bytearray(data)
    for place in boxes:
        if place.kind == b"uuid" and _UUIDS.get(data[place.body : place.body + 16]) in kinds:
            _free(out, place)
    if meta is None:
        return bytes(out)
    if "icc" in kinds:
        _free_profiles(out, data, meta)
    gone = {info.id for info in meta.infos if _kind(info) in kinds}
    if not gone:
        return bytes(out)
    _without_items(out, meta, gone)
    return forget(bytes(out), boxes, meta, gone)[0]


def _kind(info: Info) -> str:
    if info.kind == b"Exif":
        return "exif"
    return "xmp" if info.kind == b"mime" and info.content_type == XMP_TYPE else ""


def _free(out: bytearray, place: Box) -> None:
    out[place.start + 4 : place.start + 8] = b"free"
    out[place.body : place.end] = bytes(place.end - place.body)


def _free_profiles(out: bytearray, data: bytes, meta: Meta) -> None:
    """Colour properties with an ICC profile, whose place in their list other tables count on."""
    properties = meta.child(b"iprp")
    for table in isobmff.walk(data, properties.body, properties.end) if properties else ():
        for place in isobmff.walk(data, table.body, table.end) if table.kind == b"ipco" else ():
            if place.kind == b"colr" and data[place.body : place.body + 4] in (b"prof", b"rICC"):
                _free(out, place)


def _without_items(out: bytearray, meta: Meta, gone: set[int]) -> None:
    """The tables of items without these, and a free box as long as what they lost."""
    start, end = meta.box.body + 4, meta.box.end
    for where in meta.locations:
        inside = where.method == 0 and any(o + n > start and o < end for _, o, n in where.extents)
        if inside and where.id not in gone:
            raise CodedError("E_UNSUPPORTED", f"item {where.id} lies among the tables of items")
    tables = {b"iinf": _iinf(out, meta, gone), b"iloc": _iloc(out, meta, gone), b"iref": _iref(meta, gone)}
    kept = [tables.get(child.kind, bytes(out[child.start : child.end])) for child in meta.children]
    new = b"".join(kept)
    spare = end - start - len(new)
    if spare < 8:
        raise CodedError("E_UNSUPPORTED", f"the tables of items shrink by {spare} bytes, which no box can fill")
    out[start:end] = new + box(b"free", bytes(spare - 8))


def _iinf(out: bytearray, meta: Meta, gone: set[int]) -> bytes:
    place = meta.child(b"iinf")
    assert place is not None
    full = bytes(out[place.body : place.body + 4])
    entries = [bytes(out[i.box.start : i.box.end]) for i in meta.infos if i.id not in gone]
    return box(b"iinf", full + len(entries).to_bytes(4 if full[0] else 2, "big") + b"".join(entries))


def _iref(meta: Meta, gone: set[int]) -> bytes:
    width = 4 if meta.iref_version else 2
    out = [bytes((meta.iref_version, 0, 0, 0))]
    for reference in meta.references:
        targets = [target for target in reference.targets if target not in gone]
        if reference.source not in gone and targets:
            numbers = b"".join(target.to_bytes(width, "big") for target in targets)
            head = reference.source.to_bytes(width, "big") + len(targets).to_bytes(2, "big")
            out.append(box(reference.kind, head + numbers))
    return box(b"iref", b"".join(out)) if len(out) > 1 else b""


def _iloc(out: bytearray, meta: Meta, gone: set[int]) -> bytes:
    """Base offsets are folded into those of the extents."""
    version, offset_size, length_size, base_size, index_size = meta.iloc
    offset_size = max(offset_size, base_size)
    id_size = 4 if version == 2 else 2
    locations = [where for where in meta.locations if where.id not in gone]
    parts = [bytes((version, 0, 0, 0, offset_size << 4 | length_size, index_size))]
    parts.append(len(locations).to_bytes(id_size, "big"))
    for where in locations:
        parts.append(where.id.to_bytes(id_size, "big") + (where.method.to_bytes(2, "big") if version else b""))
        parts.append(where.reference.to_bytes(2, "big") + len(where.extents).to_bytes(2, "big"))
        for index, offset, length in where.extents:
            if offset >> 8 * offset_size:
                raise CodedError("E_UNSUPPORTED", f"the place of item {where.id} needs more than its bytes")
            parts.append(index.to_bytes(index_size, "big") + offset.to_bytes(offset_size, "big"))
            parts.append(length.to_bytes(length_size, "big"))
    return box(b"iloc", b"".join(parts))
