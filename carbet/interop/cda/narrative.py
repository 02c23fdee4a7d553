"""The narrative of a section as HTML: a closed list of elements, no attribute that came from it.

Source: CDA NarrativeBlock.xsd. What is not listed gives its text only.
"""

import html
import re
from collections.abc import Callable

from lxml import etree

# What the narrative says → what the page says.
_PLAIN = {
    "paragraph": "p",
    "br": "br",
    "sub": "sub",
    "sup": "sup",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "item": "li",
}
_STYLES = (("Bold", "strong"), ("Emphasis", "em"), ("Italics", "em"))
_DROPPED = frozenset({"colgroup", "col", "footnoteRef", "script", "style"})
_MOST_SPAN = 60
_LINK = re.compile(r"https?://[^\s\"'<>]{1,2000}")

# Given the ID of a picture, returns the HTML that shows it, already safe, or nothing.
Picture = Callable[[str], str]


def to_html(text: etree._Element, *, picture: Picture = lambda _: "") -> str:
    """Return the HTML of a narrative block (`section/text`), every word of it escaped.

    Args:
        picture: gives the HTML of a picture from its ID in the document.
    """
    written: list[str] = []
    _inside(text, written, picture)
    return "".join(written).strip()


def _inside(element: etree._Element, written: list[str], picture: Picture) -> None:
    written.append(html.escape(element.text or ""))
    for child in element:
        if isinstance(child.tag, str):
            _one(child, written, picture)
        written.append(html.escape(child.tail or ""))


def _one(element: etree._Element, written: list[str], picture: Picture) -> None:
    name = etree.QName(element).localname
    if name in _DROPPED:
        return
    if name == "br":
        written.append("<br>")
    elif name in _PLAIN:
        _wrapped(_PLAIN[name], element, written, picture)
    elif name in ("td", "th"):
        _cell(name, element, written, picture)
    elif name == "list":
        tag = "ol" if element.get("listType") == "ordered" else "ul"
        _wrapped(tag, element, written, picture)
    elif name == "caption":
        inside_table = element.getparent() is not None and (
            etree.QName(element.getparent()).localname == "table"
        )
        _wrapped("caption" if inside_table else "p", element, written, picture)
    elif name == "content":
        _styled(element, written, picture)
    elif name == "linkHtml":
        _link(element, written, picture)
    elif name == "renderMultiMedia":
        for identifier in element.get("referencedObject", "").split():
            written.append(picture(identifier))
        _inside(element, written, picture)
    else:
        _inside(element, written, picture)


def _wrapped(tag: str, element: etree._Element, written: list[str], picture: Picture) -> None:
    written.append(f"<{tag}>")
    _inside(element, written, picture)
    written.append(f"</{tag}>")


def _cell(name: str, element: etree._Element, written: list[str], picture: Picture) -> None:
    spans = "".join(
        f' {span}="{int(said)}"'
        for span in ("colspan", "rowspan")
        if (said := element.get(span, "")).isascii()
        and said.isdigit()
        and len(said) < 4
        and 1 < int(said) <= _MOST_SPAN
    )
    in_head = any(
        etree.QName(above).localname == "thead" for above in element.iterancestors() if above.tag
    )
    scope = f' scope="{"col" if in_head else "row"}"' if name == "th" else ""
    written.append(f"<{name}{scope}{spans}>")
    _inside(element, written, picture)
    written.append(f"</{name}>")


def _styled(element: etree._Element, written: list[str], picture: Picture) -> None:
    words = element.get("styleCode", "").split()
    tags = list(dict.fromkeys(tag for style, tag in _STYLES if style in words))
    written.extend(f"<{tag}>" for tag in tags)
    _inside(element, written, picture)
    written.extend(f"</{tag}>" for tag in reversed(tags))


def _link(element: etree._Element, written: list[str], picture: Picture) -> None:
    """Write a link to a page of the web; any other address is only its words."""
    address = element.get("href", "").strip()
    if not _LINK.fullmatch(address):
        _inside(element, written, picture)
        return
    written.append(f'<a href="{html.escape(address)}" rel="noopener noreferrer nofollow">')
    before = len(written)
    _inside(element, written, picture)
    if not "".join(written[before:]).strip():
        written.append(html.escape(address))
    written.append("</a>")
