"""Documents of lxml, and when the codec forgets them."""

from __future__ import annotations

from lxml import etree

from clew.codecs import lxml as codec


def test_a_document_is_forgotten_once_nobody_holds_it() -> None:
    known, kept, gone = set(codec._roots), etree.fromstring("<kept><a/></kept>"), etree.fromstring("<gone/>")
    for root in (kept, gone):
        codec._root(root)
    part = kept[0]
    del kept, gone, root
    codec._root(etree.fromstring("<new/>"))
    assert len(codec._roots.keys() - known) == 2
    assert codec._root(part).tag == "kept"
