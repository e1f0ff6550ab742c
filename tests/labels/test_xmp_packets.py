"""Properties in XMP packets: found in every form, set without touching anything else, hostile packets refused."""

import time

import pytest

from bench.errors import CodedError
from bench.labels import xmp, xmp_edit

NS = "http://example.org/ns/"
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def packet(body: str, about: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="{about}" xmlns:e="{NS}" xmlns:dc="http://purl.org/dc/elements/1.1/">{body}'
        f'</rdf:Description></rdf:RDF></x:xmpmeta>{" " * 200}<?xpacket end="w"?>'
    ).encode()


def find(payload: bytes) -> list[tuple[str, str, str]]:
    return [(p.value, p.form, p.level) for p in xmp.find(payload, lambda ns, name: (ns, name) == (NS, "Word"))]


FORMS = {
    "element": (packet("<e:Word>a &lt; b</e:Word>"), [("a < b", "element", "top")]),
    "cdata": (packet("<e:Word><![CDATA[a < b]]></e:Word>"), [("a < b", "element", "top")]),
    "resource": (packet('<e:Word rdf:resource="a"/>'), [("a", "element", "top")]),
    "bag": (packet("<e:Word><rdf:Bag><rdf:li>a</rdf:li><rdf:li>b</rdf:li></rdf:Bag></e:Word>"),
            [("a", "item", "top"), ("b", "item", "top")]),
    "alt": (packet('<e:Word><rdf:Alt><rdf:li xml:lang="x-default">a</rdf:li></rdf:Alt></e:Word>'),
            [("a", "item", "top")]),
    "qualified": (packet('<e:Word rdf:parseType="Resource"><rdf:value>a</rdf:value><e:q>b</e:q></e:Word>'),
                  [("a", "element", "top")]),
    "structure": (packet('<e:Word rdf:parseType="Resource"><e:k>v</e:k></e:Word>'),
                  [('{"k": "v"}', "structure", "top")]),
    "attribute": (packet("").replace(b"xmlns:dc", b"e:Word='a &amp; b' xmlns:dc"), [("a & b", "attribute", "top")]),
    "other prefix": (packet("<e:Word>a</e:Word>").replace(b":e=", b":zz=").replace(b"e:Word", b"zz:Word"),
                     [("a", "element", "top")]),
    "nested": (packet("<e:Outer rdf:parseType='Resource'><e:Word>a</e:Word></e:Outer>"), [("a", "element", "nested")]),
    "outside": (packet("<e:Word>a</e:Word>").replace(b"22-rdf", b"23-rdf"), [("a", "element", "outside")]),
    "no wrapper": (packet("<e:Word>a</e:Word>").split(b"?>", 1)[1].split(b"<?xp")[0], [("a", "element", "top")]),
    "utf-16": (packet("<e:Word>水洗标</e:Word>").decode().encode("utf-16"), [("水洗标", "element", "top")]),
    "xml declaration": (b'<?xml version="1.0" encoding="UTF-8"?>' + packet("<e:Word>a</e:Word>"),
                        [("a", "element", "top")]),
    "zero bytes behind": (packet("<e:Word>a</e:Word>") + bytes(50), [("a", "element", "top")]),
    "nothing": (packet("<e:Other>a</e:Other>"), []),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_property_is_found_in_every_form(form: str) -> None:
    payload, expected = FORMS[form]
    assert find(payload) == expected


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"outside"}))
def test_setting_a_property_leaves_exactly_one(form: str) -> None:
    written = xmp_edit.set_property(FORMS[form][0], NS, "e", "Word", 'new <&> "value"')
    top = [value for value in find(written) if value[2] == "top"]
    assert top == [('new <&> "value"', "element", "top")]
    assert b"<?xpacket begin" in written
    assert xmp_edit.set_property(written, NS, "e", "Word", 'new <&> "value"') == written


def test_everything_else_in_the_packet_stays_byte_for_byte() -> None:
    body = "<!-- note --><dc:title><rdf:Alt><rdf:li xml:lang='x-default'>t &#x6c34;</rdf:li></rdf:Alt></dc:title>"
    old = packet(f"{body}<e:Word a:b='c' xmlns:a='u'>old</e:Word><e:Other  a:b='c'  xmlns:a='u'/>")
    written = xmp_edit.set_property(old, NS, "zz", "Word", "new")
    assert written == old.replace(b"<e:Word a:b='c' xmlns:a='u'>old</e:Word>", b"<e:Word>new</e:Word>")


def test_a_new_property_speaks_of_the_same_thing_and_changes_nothing_else() -> None:
    old = packet("<e:Other/>", about="uuid:1&amp;2")
    added = f'<rdf:Description rdf:about="uuid:1&amp;2" xmlns:e="{NS}"><e:Word>new</e:Word></rdf:Description>'.encode()
    written = xmp_edit.set_property(old, NS, "e", "Word", "new")
    assert written.count(added) == 1
    assert written.replace(added, b"") == old


def test_duplicates_become_one() -> None:
    old = packet("<e:Word>a</e:Word><e:Other/><e:Word><rdf:Bag><rdf:li>b</rdf:li></rdf:Bag></e:Word>")
    assert [v for v, *_ in find(xmp_edit.set_property(old, NS, "e", "Word", "new"))] == ["new"]


def test_an_attribute_is_taken_out_and_its_neighbours_stay() -> None:
    payload = packet("").replace(b" xmlns:dc", b' e:Words="x"\n  e:Word = \'>"\' dc:format="e:Word" xmlns:dc')
    written = xmp_edit.set_property(payload, NS, "e", "Word", "new")
    assert b' e:Words="x" dc:format="e:Word" xmlns:dc' in written
    assert [v for v, *_ in find(written)] == ["new"]


def test_the_same_prefix_of_another_namespace_is_left_alone() -> None:
    payload = packet("").replace(b" xmlns:dc", b' o:Word="mine" xmlns:o="http://other/" xmlns:dc')
    assert b'o:Word="mine"' in xmp_edit.set_property(payload, NS, "e", "Word", "new")


@pytest.mark.parametrize("body", [f"<rdf:RDF {RDF}/>", f"<rdf:RDF {RDF}></rdf:RDF>"])
def test_a_packet_without_descriptions_gets_one(body: str) -> None:
    payload = f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{body}</x:xmpmeta>'.encode()
    assert [v for v, *_ in find(xmp_edit.set_property(payload, NS, "e", "Word", "new"))] == ["new"]


def test_another_prefix_for_rdf_is_respected() -> None:
    payload = packet("<e:Word>old</e:Word>").replace(b"rdf:", b"r:").replace(b"xmlns:rdf", b"xmlns:r")
    assert [v for v, *_ in find(xmp_edit.set_property(payload, NS, "e", "Word", "new"))] == ["new"]


@pytest.mark.parametrize("blank", [None, b"", b" \n\0"])
def test_without_a_packet_a_new_one_is_made(blank: bytes | None) -> None:
    written = xmp_edit.set_property(blank, NS, "e", "Word", "new")
    assert written.startswith(b"<?xpacket begin")
    assert written.endswith(b'<?xpacket end="w"?>')
    assert [v for v, *_ in find(written)] == ["new"]


def test_white_space_in_a_namespace_is_no_obstacle() -> None:
    written = xmp_edit.set_property(packet("<o:a xmlns:o='http://o o/'/>"), NS, "e", "Word", "new")
    assert [v for v, *_ in find(written)] == ["new"]


def test_control_characters_are_refused() -> None:
    with pytest.raises(CodedError, match="E_CLAIM"):
        xmp_edit.set_property(None, NS, "e", "Word", "a\0b")


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
HOSTILE = {
    "billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><x>&l9;</x>'.encode(),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "external dtd": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>',
    "unknown entity": b"<x>&nope;</x>",
    "not closed": b"<x><y></x>",
    "unbound prefix": b"<x:y/>",
    "not utf-8": b"<x>\xff\xfe</x>",
    "cut utf-16": b"<\0x\0>\0<",
    "no element": b"only text",
    "open comment": b"<!--" * 10_000,
    "open tag": b"<a b='" * 10_000,
    "too large": b"<x>" + b" " * (5 << 20) + b"</x>",
    "unknown encoding": b'<?xml version="1.0" encoding="EBCDIC-XYZ"?><x>\xe9</x>',
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_packets_are_refused_at_once(case: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(CodedError, match="E_METADATA"):
        find(HOSTILE[case])
    with pytest.raises(CodedError, match="E_METADATA"):
        xmp_edit.set_property(HOSTILE[case], NS, "e", "Word", "new")
    assert time.perf_counter() - begin < 1


def test_deep_nesting_takes_linear_time() -> None:
    begin = time.perf_counter()
    for tag in (b"a", b'e:Word xmlns:e="http://example.org/ns/"'):
        payload = (b"<" + tag + b">") * 20_000 + (b"</" + tag.split(b" ")[0] + b">") * 20_000
        assert len(find(payload)) <= 64
    assert time.perf_counter() - begin < 3
