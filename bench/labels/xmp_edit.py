"""XMP packets written: set one property while every other byte of the packet stays.

Writing splices bytes and does not serialise a tree, which would rename prefixes and drop comments and padding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from xml.parsers import expat

from bench import containers
from bench.containers import jpeg, jpeg_edit, png, png_edit
from bench.containers.model import MAX_JPEG_XMP_BYTES
from bench.errors import CodedError
from bench.labels.xmp import RDF, core, find, parse
from bench.media import Media

#: Formats that ``write`` takes.
WRITABLE = containers.XMP_FORMATS
#: Places of the packet that speaks of the whole file.
_MAIN = ("jpeg-app1", "png-itxt", "png-text", "webp-xmp", "gif-xmp", "tiff-700", "isobmff-item", "jxl-xml", "jxl-brob")
#: Where a main packet names its extended one (XMP specification part 3, section 1.1.3.1).
NOTE, _EXTENDED = "http://ns.adobe.com/xmp/note/", "HasExtendedXMP"
_QUOTES = {'"': "&quot;"}

_HEAD = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL = b'\n<?xpacket end="w"?>'
_EMPTY = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="washtest">\n <rdf:RDF xmlns:rdf="{RDF}">\n </rdf:RDF>\n</x:xmpmeta>'
).encode()


@dataclass(frozen=True)
class Style:
    """How a property is written; all of them say the same, and writers differ.

    Attributes:
        form: ``element``, or ``attribute`` of its description.
        quotes: quotation marks as entities, in an element too.
        template: what a file without a packet begins with.
        png_text: in a PNG, the packet stands in a tEXt and not in an iTXt.
    """

    form: Literal["element", "attribute"] = "element"
    quotes: bool = False
    template: bytes = _EMPTY
    png_text: bool = False


ELEMENT, ATTRIBUTE = Style(), Style("attribute")

#: Between namespace and name in expat's tags; expat refuses a URI that contains it, and a brace is in none.
_SEPARATOR = "}"
_RDF_RDF, _RDF_ABOUT = RDF + _SEPARATOR + "RDF", RDF + _SEPARATOR + "about"
#: Whatever XML 1.0 cannot hold (its production 2, ``Char``).
_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TAG = re.compile(rb"""<[^"'>]++(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(rb"""\s++([^\s=/>]++)\s*+=\s*+("[^"]*+"|'[^']*+')""")


def set_property(
    payload: bytes | None, namespace: str, prefix: str, name: str, value: str | None, how: Style = ELEMENT
) -> bytes:
    """The packet with this text property once; None or a blank packet starts a new one, a value of None removes it.

    Every other byte stays (a packet in UTF-16 becomes UTF-8, as image formats ask for), and a packet without its
    ``xpacket`` wrapper gets one.

    Raises:
        CodedError: ``E_METADATA`` for a packet that cannot be parsed or has no ``rdf:RDF``; it is never overwritten.
            ``E_CLAIM`` for a value that XML cannot hold.
    """
    if value is not None and _UNWRITABLE.search(value):
        raise CodedError("E_CLAIM", f"XML cannot hold a control character: {value[:60]!r}")
    blank = not payload or not payload.strip(b"\0 \t\r\n")
    data, start, end = core(how.template if blank or payload is None else payload)
    element = data[start:end]
    parse(element)
    plan = _Plan(element, namespace, name)
    # Imported here because xml.sax brings urllib and ssl along, which would double the start-up of every command.
    from xml.sax.saxutils import escape

    text = escape(value or "", _QUOTES if how.quotes or how.form == "attribute" else {}).encode()
    replace = plan.replace if how.form == "element" else plan.replace_attribute
    out, at = [], 0
    for left, right in plan.cuts:
        if left >= at:
            out.append(element[at:left])
            if left == replace and value is not None:
                if how.form == "element":
                    out.append(b"<" + plan.property_name + b">" + text + b"</" + plan.property_name + b">")
                else:
                    out.append(b" " + plan.attribute_name + b'="' + text + b'"')
            at = right
    if replace < 0 and value is not None:
        new = plan.description(namespace, prefix, name, text, how)
        if plan.open_tag is None:
            out += [element[at : plan.insert], new]
            at = plan.insert
        else:
            out += [element[at : plan.open_tag[1] - 2], b">", new, b"</", plan.rdf_name, b">"]
            at = plan.open_tag[1]
    out.append(element[at:])
    before, after = data[:start], data[end:]
    if b"<?xpacket" not in before:
        before, after = _HEAD, _TAIL
    return b"".join((before, *out, after))


def write(media: Media, namespace: str, prefix: str, values: Mapping[str, str | None], how: Style = ELEMENT) -> Media:
    """The same file with these text properties in its main packet; a value of None removes one.

    Raises:
        CodedError: ``E_NOT_APPLICABLE`` for a format that is not written, or as ``set_property`` and
            ``containers.set_xmp``.
    """
    if media.mime not in WRITABLE:
        raise CodedError("E_NOT_APPLICABLE", f"XMP is not written into {media.mime}")
    found = containers.xmp_packets(media.data)
    packets = sorted((p for p in found if p.place in _MAIN), key=lambda packet: packet.place == "png-text")
    old = packets[0].payload if packets else None
    payload = old
    for name, value in values.items():
        payload = set_property(payload, namespace, prefix, name, value, how)
    assert payload is not None
    if media.mime == jpeg.MIME:
        extended = [packet.payload for packet in found if packet.place == "jpeg-extended"]
        return Media(_in_jpeg(media.data, old, payload, extended, namespace, prefix, values, how), media.mime)
    if how.png_text and media.mime == png.MIME:
        return Media(png_edit.set_xmp(media.data, payload, "png-text"), media.mime)
    return Media(containers.set_xmp(media.data, payload), media.mime)


def _in_jpeg(
    data: bytes, old: bytes | None, payload: bytes, extended: list[bytes],
    namespace: str, prefix: str, values: Mapping[str, str | None], how: Style,
) -> bytes:  # fmt: skip
    """The file with this main packet; what one segment cannot hold goes into an extended packet.

    The properties stay in the main one, where every reader looks, and are taken out of an extended one that has them.
    """
    if extended:
        rest = extended[0]
        if any(find(rest, lambda ns, name: ns == namespace and name in values)):
            for name in values:
                rest = jpeg_edit.unwrapped(set_property(rest, namespace, prefix, name, None))
            payload = set_property(payload, NOTE, "xmpNote", _EXTENDED, jpeg_edit.guid(rest), ATTRIBUTE)
            return jpeg_edit.set_xmp(data, payload, rest)
        return jpeg_edit.set_xmp(data, payload)
    if len(payload) <= MAX_JPEG_XMP_BYTES:
        return jpeg_edit.set_xmp(data, payload)
    held: bytes | None = old
    main: bytes | None = None
    for name, value in values.items():
        held = set_property(held, namespace, prefix, name, None)
        main = set_property(main, namespace, prefix, name, value, how)
    rest = jpeg_edit.unwrapped(held or b"")
    main = set_property(main, NOTE, "xmpNote", _EXTENDED, jpeg_edit.guid(rest), ATTRIBUTE)
    if len(main) > MAX_JPEG_XMP_BYTES:  # the values themselves are that long
        return jpeg_edit.set_xmp(data, payload)
    return jpeg_edit.set_xmp(data, main, rest)


def _attribute(value: str) -> str:
    from xml.sax.saxutils import escape

    return f'"{escape(value, _QUOTES)}"'


class _Plan:
    """Where in a parsed packet a property stands and where a new one goes, as byte offsets.

    Attributes:
        cuts: ranges of the old property, elements whole and attributes with the space before them.
        replace: the first of them that is an element, whose place the new one takes; -1 where there is none.
        property_name: that element's name as written.
        replace_attribute, attribute_name: the same of the first that is an attribute.
        insert: offset of the end tag of the first ``rdf:RDF``.
        open_tag: range of that element's tag when it is empty (``<rdf:RDF/>``), else None.
        rdf_name, prefix: its name as written, and the prefix in it.
        about: ``rdf:about`` of the first description, which all descriptions of a packet share.
    """

    def __init__(self, core: bytes, namespace: str, name: str) -> None:
        self.cuts: list[tuple[int, int]] = []
        self.replace = -1
        self.property_name = b""
        self.replace_attribute = -1
        self.attribute_name = b""
        self.insert = -1
        self.open_tag: tuple[int, int] | None = None
        self.rdf_name = b""
        self.about = ""
        self._described = False
        self._core = core
        self._target = namespace + _SEPARATOR + name
        self._depth = 0
        self._rdf_depth = -1  # of the rdf:RDF that is open, -1 outside one
        self._cut_from = -1
        self._scopes: dict[str, list[str]] = {}
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = lambda p, uri: self._scopes.setdefault(p or "", []).append(uri or "")
        parser.EndNamespaceDeclHandler = lambda p: self._scopes[p or ""].pop()
        self._parser = parser
        try:
            parser.Parse(core, True)
        except expat.ExpatError as error:
            raise CodedError("E_METADATA", f"XMP packet cannot be parsed: {error}") from error
        if self.insert < 0 and self.open_tag is None:
            raise CodedError("E_METADATA", "XMP packet without rdf:RDF")
        self.prefix = self.rdf_name.rpartition(b":")[0].decode()

    def description(self, namespace: str, prefix: str, name: str, text: bytes, how: Style) -> bytes:
        """A description with this property, for a packet that has it nowhere or in the other form."""
        declared = "" if self.prefix == "rdf" else f' xmlns:rdf="{RDF}"'
        about, space = _attribute(self.about), _attribute(namespace)
        head = f"<rdf:Description{declared} rdf:about={about} xmlns:{prefix}={space}".encode()
        tag = f"{prefix}:{name}".encode()
        if how.form == "attribute":
            return head + b" " + tag + b'="' + text + b'"/>'
        return head + b"><" + tag + b">" + text + b"</" + tag + b"></rdf:Description>"

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        inside = self._depth - self._rdf_depth if self._rdf_depth >= 0 else 0
        if inside == 0 and tag == _RDF_RDF:
            self._rdf_depth = self._depth
            if not self.rdf_name:
                stop, empty = self._tag_end(at)
                self.rdf_name = self._name(at, stop)
                self.open_tag = (at, stop) if empty else None
        elif inside == 1:
            if not self._described:
                self._described = True
                self.about = attributes.get(_RDF_ABOUT, attributes.get("about", ""))
            if self._target in attributes:
                self._cut_attribute(at, self._tag_end(at)[0])
        elif inside == 2 and tag == self._target:
            stop, empty = self._tag_end(at)
            if self.replace < 0:
                self.replace, self.property_name = at, self._name(at, stop)
            if empty:
                self.cuts.append((at, stop))
            else:
                self._cut_from = at
        self._depth += 1

    def _end(self, tag: str) -> None:
        self._depth -= 1
        at = self._parser.CurrentByteIndex
        if self._depth == self._rdf_depth:
            self._rdf_depth = -1
            if self.insert < 0 and self.open_tag is None:
                self.insert = at
        elif self._cut_from >= 0 and self._depth - self._rdf_depth == 2:
            self.cuts.append((self._cut_from, self._core.index(b">", at) + 1))
            self._cut_from = -1

    def _name(self, at: int, stop: int) -> bytes:
        return re.split(rb"[\s/>]", self._core[at + 1 : stop], maxsplit=1)[0]

    def _tag_end(self, at: int) -> tuple[int, bool]:
        """Where the start tag at this offset ends, and whether it is an empty element's."""
        match = _TAG.match(self._core, at)
        stop = match.end() if match else at
        return stop, self._core[stop - 2 : stop] == b"/>"

    def _cut_attribute(self, at: int, stop: int) -> None:
        namespace, name = self._target.rsplit(_SEPARATOR, 1)
        for match in _ATTRIBUTE.finditer(self._core, at, stop):
            prefix, _, local = match[1].decode().rpartition(":")
            if local == name and prefix and self._scopes.get(prefix, [""])[-1:] == [namespace]:
                self.cuts.append(match.span())
                if self.replace_attribute < 0:
                    self.replace_attribute, self.attribute_name = match.start(), match[1]
