"""lxml: elements, each of which is a view of a document: a change through one is visible in all others.

A document is stored as its text, which lxml itself writes and reads. An element is stored as the root of its document and the path from
there. So all elements of a document are one co-variable, and share the document after a load, too. The parser that read the document is not
stored, only the kind of elements that it creates.
"""

from __future__ import annotations

import gc
import sys
from array import array
from contextlib import suppress
from itertools import islice
from typing import Any

from lxml import etree

from clew.reference_counts import HELD_ONCE, counts

from . import Codec, NoValue, keyed

_E: Any = etree._Element
"""The base class. Its methods are called on elements, because `lxml.objectify` treats attributes as children."""

LINES = 65535
"""The highest line number that every version of lxml can set."""

HUGE = 10_000_000
"""The document size in bytes from which long texts are allowed. Shorter documents stay under lxml's guard against entity expansion."""


def _encode_element(element: Any) -> tuple[Any, ...]:
    top, path = _way(element)
    root = _root(top)
    if root is None:
        return _encode_alone(element)
    if top is not root:
        place = _beside(root, top)
        if path:
            return ("in", top, *path)
        return ("beside", root, place) if place else ("detached", root, _kind_of(root), *_content(top))
    return ("in", root, *path) if path else _encode_document(root)


_roots: dict[int, Any] = {}
"""The roots of known documents. lxml creates a new proxy each time if none is alive, and then elements would not be recognized as parts of
one document."""


def _root(element: Any) -> Any:
    for key in list(_roots):
        # Beside the list here, only `_roots` holds the root, and only the root holds its document.
        if counts([_roots[key], _document(_roots[key])]) == [HELD_ONCE + 1, HELD_ONCE + 1]:
            del _roots[key]
    root = _E.getroottree(element).getroot()
    if root is not None:
        _roots[id(_document(root))] = root
    return root


def _document(element: Any) -> Any:
    return next((one for one in gc.get_referents(element) if type(one).__name__ == "_Document"), None)


def _way(element: Any) -> tuple[Any, list[int]]:
    """Returns the topmost element, and the child positions on the path from it."""
    path: list[int] = []
    while (parent := _E.getparent(element)) is not None:
        path.append(_E.index(parent, element))
        element = parent
    return element, path[::-1]


def _beside(root: Any, other: Any) -> int:
    """Returns the position of a comment or processing instruction before (negative) or after the root; 0 if it is not beside the root."""
    for step, siblings in ((-1, _E.itersiblings(root, preceding=True)), (1, _E.itersiblings(root))):
        for count, sibling in enumerate(siblings, 1):
            if sibling is other:
                return step * count
    return 0


def _encode_alone(element: Any) -> tuple[Any, ...]:
    """Describes a comment or processing instruction in a document without elements."""
    if type(element) is etree._Comment:
        return ("comment", element.text)
    if type(element) is etree._ProcessingInstruction:
        return ("instruction", element.target, element.text)
    raise NoValue(f"{type(element).__qualname__}: it belongs to no document")


def _encode_document(root: Any) -> tuple[Any, ...]:
    tree = _E.getroottree(root)
    about = tree.docinfo
    declared = (about.encoding, about.xml_version, about.standalone, about.URL)
    return ("document", _kind_of(root), about.doctype, declared, *_content(root, tree))


def _content(top: Any, tree: Any = None) -> tuple[Any, ...]:
    """Returns text, tail, line numbers and classes of an element and everything below."""
    nodes = list(_E.iter(top))
    lines = array("H", (min(_E.sourceline.__get__(node) or 0, LINES) for node in nodes))
    classes = sorted({f"{type(node).__module__}.{type(node).__qualname__}" for node in nodes})
    return _written(top, tree), _E.tail.__get__(top), lines.tobytes(), " ".join(classes)


def _written(top: Any, tree: Any) -> bytes:
    text: bytes = etree.tostring(top if tree is None else tree, encoding="UTF-8", with_tail=False)
    if not isinstance(_E.getroottree(top).parser, etree.HTMLParser):
        return text
    # The HTML parser accepts names with characters that no XML parser accepts.
    for written in (
        text,
        etree.tostring(top if tree is None else tree, encoding="UTF-8", method="html", with_tail=False),
    ):
        with suppress(etree.XMLSyntaxError):
            found = _parse(written, "HTML")
            if etree.tostring(found if tree is None else _E.getroottree(found), encoding="UTF-8") == text:
                return written
    raise NoValue("lxml: markup that changes when it is written and parsed again")


def _kind_of(root: Any) -> str:
    """Returns the kind of elements of a document."""
    parser = _E.getroottree(root).parser
    objectify, html = sys.modules.get("lxml.objectify"), sys.modules.get("lxml.html")
    if objectify is not None and isinstance(root, objectify.ObjectifiedElement):
        return "objectify"
    if html is not None and isinstance(root, html.HtmlMixin):
        return "html" if isinstance(parser, etree.HTMLParser) else "xhtml"
    return "HTML" if isinstance(parser, etree.HTMLParser) else "xml"


def _parse(text: bytes, kind: str, encoding: str = "UTF-8") -> Any:
    """Parses a document exactly as written, and returns the root: nothing is left out, added or fetched."""
    exact: dict[str, Any] = {
        "encoding": encoding,
        "strip_cdata": False,
        "resolve_entities": False,
        "no_network": True,
        "huge_tree": len(text) > HUGE,
    }
    if kind == "objectify":
        from lxml import objectify

        return etree.fromstring(text, objectify.makeparser(remove_blank_text=False, **exact))
    parser = etree.XMLParser(**exact)
    if kind == "HTML":
        with suppress(etree.XMLSyntaxError):
            return etree.fromstring(text, parser)
        return etree.fromstring(text, etree.HTMLParser(encoding="UTF-8"))
    if kind in ("html", "xhtml"):
        from lxml import html

        parser.set_element_class_lookup(html.HtmlElementClassLookup())
    return etree.fromstring(text, parser)


def _shell(kind: str, doctype: str, encoding: str | None) -> Any:
    """Creates an empty root in a document of this kind: one that was parsed as HTML, or one that was built without parsing."""
    parser: Any = etree.XMLParser()
    if kind in ("html", "HTML"):
        parser = etree.HTMLParser(encoding=encoding)
    if kind in ("html", "xhtml"):
        from lxml import html

        parser = html.HTMLParser(encoding=encoding) if kind == "html" else html.XHTMLParser()
    elif kind == "objectify":
        from lxml import objectify

        parser = objectify.makeparser()
    if encoding is None:
        return parser.makeelement("clew")
    return etree.fromstring(f"{doctype}<html></html>", parser)


def _decode_element(parts: tuple[Any, ...]) -> Any:
    way, *rest = parts
    if way == "document":
        return _decode_document(*rest)
    if way == "detached":
        return _decode_detached(*rest)
    if way == "comment":
        return etree.Comment(*rest)
    if way == "instruction":
        return etree.ProcessingInstruction(*rest)
    if way == "beside":
        root, place = rest
        return list(_E.itersiblings(root, preceding=place < 0))[abs(place) - 1]
    element, *path = rest
    for position in path:
        element = next(islice(_E.iterchildren(element), position, None))
    return element


def _decode_detached(root: Any, kind: str, text: bytes, tail: str | None, lines: bytes, classes: str) -> Any:
    is_html = kind in ("html", "HTML")
    element = (
        _parse(text, "HTML") if is_html else _E.getchildren(_parse(b"<clew>" + text + b"</clew>", kind))[0]
    )
    _set_lines(element, lines)
    _E.append(root, element)
    _E.remove(root, element)
    _E.tail.__set__(element, tail)
    return element


def _decode_document(
    kind: str,
    doctype: str,
    declared: tuple[Any, ...],
    text: bytes,
    tail: str | None,
    lines: bytes,
    classes: str,
) -> Any:
    encoding, version, standalone, url = declared
    if encoding is None or kind in ("html", "HTML"):
        root = _shell(kind, doctype, encoding)
        _move(_parse(text, "HTML" if kind == "html" else kind), root)
    else:
        alone = " standalone='yes'" if standalone else ""
        declaration = (
            "" if standalone is None else f"<?xml version='{version}' encoding='{encoding}'{alone}?>"
        )
        root = _parse((declaration + text.decode()).encode(encoding), kind, encoding)
    if url is not None:
        _E.getroottree(root).docinfo.URL = url
    _E.tail.__set__(root, tail)
    _set_lines(root, lines)
    return root


def _move(source: Any, target: Any) -> None:
    """Moves the contents of one root, with its siblings, into an empty root."""
    for name, value in _E.items(source):
        _E.set(target, name, value)
    _E.tag.__set__(target, _E.tag.__get__(source))
    text = _E.text.__get__(source)
    if text is not None:
        _E.text.__set__(target, text)
    for child in list(_E.iterchildren(source)):
        _E.append(target, child)
    for sibling in list(_E.itersiblings(source, preceding=True))[::-1]:
        _E.addprevious(target, sibling)
    for sibling in list(_E.itersiblings(source))[::-1]:
        _E.addnext(target, sibling)


def _set_lines(top: Any, lines: bytes) -> None:
    wanted = array("H")
    wanted.frombytes(lines)
    for node, line in zip(list(_E.iter(top)), wanted, strict=False):
        if (_E.sourceline.__get__(node) or 0) != line:
            _E.sourceline.__set__(node, line)


# -- views of an element ---------------------------------------------------------------------------------


def _encode_attributes(value: Any) -> tuple[Any, ...]:
    return tuple(one for one in gc.get_referents(value) if isinstance(one, _E))


def _encode_text(value: Any) -> tuple[Any, ...]:
    """Describes a text that XPath returned, with its element."""
    return str.__str__(value), value.getparent(), value.attrname, value.is_tail, value.is_text


def _decode_text(parts: tuple[Any, ...]) -> Any:
    text, parent, name, is_tail, _ = parts
    if parent is None:
        return _TEXT(text)
    found = _found(parent, *parts[2:])
    for one in found:
        if one == text:
            return one
    # The element has another text by now: it is set to this one for a moment.
    if name is not None:
        before = _E.get(parent, name)
        _E.set(parent, name, text)
        made = _found(parent, *parts[2:])
        _E.attrib.__get__(parent).pop(name) if before is None else _E.set(parent, name, before)
    else:
        place = _E.tail if is_tail else _E.text
        before = place.__get__(parent)
        place.__set__(parent, text)
        made = _found(parent, *parts[2:])
        place.__set__(parent, before)
    return next(one for one in made if one == text)


def _found(parent: Any, name: str | None, is_tail: bool, is_text: bool) -> list[Any]:
    where = "following-sibling::text()" if is_tail else "text()" if is_text else "@*"
    found = _E.xpath(parent, where)
    return [
        one for one in found if one.attrname == name and one.is_tail == is_tail and one.getparent() is parent
    ]


_TEXT: Any = etree._ElementUnicodeResult
# None is native: untrusted text is not passed to a parser in C.
_ELEMENT = Codec("lxml.element", _encode_element, _decode_element, native=False)
NAMED = keyed(
    _ELEMENT,
    Codec(
        "lxml.tree", lambda tree: (tree.getroot(),), lambda parts: etree.ElementTree(parts[0]), native=False
    ),
    Codec("lxml.attributes", _encode_attributes, lambda parts: _E.attrib.__get__(parts[0]), native=False),
    Codec("lxml.text", _encode_text, _decode_text, native=False),
)
CODECS: dict[type, Codec] = {
    etree._ElementTree: NAMED["tree"],
    etree._Attrib: NAMED["attributes"],
    _TEXT: NAMED["text"],
}


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for elements of all of lxml's own classes."""
    return _ELEMENT if issubclass(kind, _E) else None
