"""XMP packets read: find a property, and say what it means that there is none.

After ISO 16684-1 (XMP specification part 1). A packet from a file is hostile input: no DTD is accepted, so no entity
expands and nothing is fetched.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

from bench import containers
from bench.containers import isobmff_read
from bench.containers.model import MAX_METADATA_BYTES
from bench.errors import CodedError
from bench.labels.base import State
from bench.media import Media

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#: A label occurs once; beyond this many, whatever the packet is, it has been understood.
_MOST_PROPERTIES = 64
#: Tags and attributes of one packet; those that Photoshop has swollen for years have a hundred thousand.
_MOST_NODES = 200_000
_LONGEST_NAMESPACE = 512
#: Formats whose structure tells whether a file is whole.
_CHECKED = (
    "image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/avif", "image/heic", "image/jxl",
)  # fmt: skip
_LEVEL = Literal["top", "nested", "outside"]
_WANTED = Callable[[str, str], bool]
_PROLOG = re.compile(rb"(?:[\s\0]++|\xef\xbb\xbf|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)


class Property(NamedTuple):
    """One value of a property.

    ``form`` is ``element``, ``attribute``, ``item`` (one of an array) or ``structure`` (then ``value`` is JSON of the
    fields). ``level`` is ``top`` for a property of the file, ``nested`` for one inside another property, and
    ``outside`` for one in no ``rdf:RDF``, where XMP has no place for it.
    """

    namespace: str
    name: str
    value: str
    form: str
    level: _LEVEL


def find(payload: bytes, wanted: _WANTED) -> list[Property]:
    """The values of every property whose namespace URI and local name are wanted, at most 64 of them.

    Raises:
        CodedError: ``E_METADATA`` for a packet that is no well-formed XML in Unicode, or has a DTD.
    """
    data, start, end = core(payload)
    return list(islice(_find(parse(data[start:end]), wanted), _MOST_PROPERTIES))


def _find(root: Element, wanted: _WANTED) -> Iterator[Property]:
    top: set[int] = set()
    for rdf in root.iter(f"{{{RDF}}}RDF"):
        for node in rdf:
            top.add(id(node))
            yield from _attributes(node, wanted, "top")
            for child in node:
                if wanted(*_split(child.tag)):
                    top.add(id(child))
                    yield from _elements(child, "top")
    inside: set[int] = set()
    for rdf in root.iter(f"{{{RDF}}}RDF") if top else ():
        if id(rdf) not in inside:  # one inside another has been walked with it
            inside.update(id(node) for node in rdf.iter())
    for node in root.iter():
        if id(node) not in top:
            level: _LEVEL = "nested" if id(node) in inside else "outside"
            yield from _attributes(node, wanted, level)
            if wanted(*_split(node.tag)):
                yield from _elements(node, level)


def read(data: bytes, wanted: _WANTED) -> tuple[list[bytes], list[tuple[str, Property]], CodedError | None]:
    """The file's packets that could be parsed, the wanted properties with their places, and the first failure."""
    parsed: list[bytes] = []
    properties: list[tuple[str, Property]] = []
    packets, failure = containers.read_xmp(data)
    for packet in packets:
        try:
            properties += ((packet.place, item) for item in find(packet.payload, wanted))
            parsed.append(packet.payload)
        except CodedError as error:
            failure = failure or error
    return parsed, properties, failure


def nothing(
    media: Media, parsed: Iterable[bytes], markers: Iterable[bytes], failure: CodedError | None
) -> tuple[State, CodedError | None]:
    """What to say when no reader of a label found it: residue, error, or, where the file is sound, absent.

    Args:
        media: the file.
        parsed: blocks of it whose content is known not to be the label, whatever markers they hold.
        markers: bytes that only this label leaves.
        failure: what kept a block from being read, if anything did.
    """
    blocks = list(parsed)
    for marker in markers:
        # More often in the file than in the blocks that were understood: some of it stands where no reader gets.
        if any(media.data.count(form) > sum(block.count(form) for block in blocks) for form in (marker, wide(marker))):
            return "residue", failure or CodedError("", f"{marker.decode()} stands where no reader gets to it")
    if failure is None and media.mime in _CHECKED:
        failure = _broken(media)
    return ("error", failure) if failure is not None else ("absent", None)


def wide(marker: bytes) -> bytes:
    """An ASCII marker as it stands in UTF-16 of either byte order."""
    return b"\0".join(marker[i : i + 1] for i in range(len(marker)))


def _broken(media: Media) -> CodedError | None:
    """A file that ends early or fails a checksum may have lost what was looked for."""
    try:
        if media.mime == "image/heic":  # its header needs a decoder that is optional
            isobmff_read.check(media.data)
            return None
        header = media.header
    except CodedError as error:
        return error
    sums = [note for note in header.notes if "checksum" in note]
    if sums:
        return CodedError("E_CORRUPT", sums[0])
    return None if header.complete else CodedError("E_TRUNCATED", f"the {media.mime} ends early")


def core(payload: bytes) -> tuple[bytes, int, int]:
    """The packet in UTF-8, and where its root element begins and ends.

    Raises:
        CodedError: ``E_METADATA`` for a packet that is too large, has no element or is not Unicode.
    """
    if len(payload) > MAX_METADATA_BYTES:
        raise CodedError("E_METADATA", f"XMP packet of {len(payload)} bytes; the limit is {MAX_METADATA_BYTES}")
    data = _utf8(payload)
    match = _PROLOG.match(data)
    start = match.end() if match else 0
    stop = data.rfind(b"<?xpacket", start)
    end = data.rfind(b">", start, stop if stop >= 0 else len(data)) + 1
    if end <= start:
        raise CodedError("E_METADATA", "XMP packet without an element")
    return data, start, end


def _utf8(payload: bytes) -> bytes:
    encoding = "utf-8"
    if payload.startswith((codecs.BOM_UTF16_LE, b"<\0?\0", b"<\0x\0", b"<\0r\0")):
        encoding = "utf-16-le"
    elif payload.startswith((codecs.BOM_UTF16_BE, b"\0<\0?", b"\0<\0x", b"\0<\0r")):
        encoding = "utf-16-be"
    try:
        text = payload.decode(encoding)
        return payload if encoding == "utf-8" else text.removeprefix("\ufeff").encode("utf-8")
    except UnicodeError as error:
        raise CodedError("E_METADATA", f"XMP packet is not {encoding}: {error}") from error


def parse(element: bytes) -> Element:
    """The root element as a tree.

    Raises:
        CodedError: ``E_METADATA`` when it is not well-formed, has a DTD, or is larger as a tree than any real packet.
    """
    from xml.etree.ElementTree import TreeBuilder

    from defusedxml.ElementTree import DefusedXMLParser

    if element.count(b"<") + element.count(b"=") > _MOST_NODES:
        raise CodedError("E_METADATA", f"XMP packet with more than {_MOST_NODES} tags and attributes")
    parser = DefusedXMLParser(target=TreeBuilder(), forbid_dtd=True)
    parser.parser.StartNamespaceDeclHandler = _short
    try:
        parser.feed(element)
        root: Element = parser.close()
    except (SyntaxError, ValueError, LookupError) as error:  # ParseError is a SyntaxError, defusedxml's are ValueErrors
        raise CodedError("E_METADATA", f"XMP packet cannot be parsed: {type(error).__name__} {error}") from error
    return root


def _short(_: str | None, uri: str | None) -> None:
    """A namespace stands in the tag of each element again, so a long one makes any tree as large as wished."""
    if uri is not None and len(uri.encode()) > _LONGEST_NAMESPACE:
        raise ValueError(f"namespace of {len(uri)} characters")


def _split(tag: object) -> tuple[str, str]:
    """Namespace and local name of ``{namespace}name``."""
    if not isinstance(tag, str):
        return "", ""
    namespace, _, name = tag.rpartition("}")
    return namespace[1:], name


def _attributes(node: Element, wanted: _WANTED, level: _LEVEL) -> list[Property]:
    pairs = ((*_split(key), value) for key, value in node.attrib.items())
    return [Property(ns, name, value, "attribute", level) for ns, name, value in pairs if wanted(ns, name)]


def _elements(node: Element, level: _LEVEL) -> list[Property]:
    namespace, name = _split(node.tag)
    return [Property(namespace, name, value, form, level) for form, value in _values(node)]


def _values(node: Element) -> list[tuple[str, str]]:
    """Form and text of each value of a property element."""
    resource = node.get(f"{{{RDF}}}resource")
    if resource is not None:
        return [("element", resource)]
    children = list(node)
    if not children:
        return [("element", node.text or "")]
    if children[0].tag in (f"{{{RDF}}}Alt", f"{{{RDF}}}Bag", f"{{{RDF}}}Seq"):
        items = (item for item in children[0] if item.tag == f"{{{RDF}}}li")
        return [("item", item.get(f"{{{RDF}}}resource") or "".join(item.itertext())) for item in items]
    if len(children) == 1 and children[0].tag == f"{{{RDF}}}Description":
        children = list(children[0])
    for child in children:
        if child.tag == f"{{{RDF}}}value":
            return [("element", "".join(child.itertext()))]
    return [("structure", json.dumps({_split(child.tag)[1]: "".join(child.itertext()) for child in children}))]
