"""A drawing as SVG that can stand in a page, and alone.

Text and axes take the colour of the page around them (`currentColor`), so that one drawing serves
light and dark.
"""

import io
import unicodedata
import warnings
import xml.etree.ElementTree as ElementTree
from typing import Any, NamedTuple

from matplotlib.figure import Figure

SIDES = {"base": ("#2f7fc1", "o"), "intervention": ("#d55e00", "^")}  # after Okabe & Ito (2008)
QUIET = "#8a8f98"  # visible on white and on black
INK = "#010203"  # stands for the page's text colour until the drawing is done
STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "auto-interventions",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "font.size": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
    "axes.titlecolor": INK,
}
SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}"


class Drawing(NamedTuple):
    """A figure with its title and a description for those who do not see it."""

    figure: Figure
    title: str
    description: str


def plain(text: object) -> str:
    """One line that any font and any XML parser can take: no control characters or surrogates."""
    shown = (" " if c.isspace() else c for c in str(text))
    return " ".join("".join(c for c in shown if unicodedata.category(c)[0] != "C").split())


def svg(name: str, drawing: Drawing) -> str:
    """A figure as SVG that can stand in a page: own ids, no styles, colours of the page's text."""
    stream = io.BytesIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # the browser has the glyphs that Matplotlib's font lacks: texts stay texts
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        drawing.figure.savefig(stream, format="svg", transparent=True, metadata=empty)
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(stream.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            kind = child.tag.removeprefix(f"{{{SVG}}}")
            unseen = kind == "path" and child.get("style") == "fill: none"
            if kind in ("metadata", "style") or unseen:
                parent.remove(child)
    for element in root.iter():
        _restyle(element, f"figure-{name}-")
    for group in root.iter(f"{{{SVG}}}g"):
        _share(group)
    for size in ("width", "height", "version"):
        root.attrib.pop(size)
    text = {"title": drawing.title, "desc": drawing.description}
    for number, (tag, content) in enumerate(text.items()):
        label = ElementTree.Element(f"{{{SVG}}}{tag}", id=f"figure-{name}-{tag}")
        label.text = content
        root.insert(number, label)
    root.attrib |= {
        "width": "100%",
        "role": "img",
        "aria-labelledby": " ".join(f"figure-{name}-{tag}" for tag in text),
        "font-family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
        "stroke-linejoin": "round",
    }
    for element in root.iter():
        # line breaks between elements only: a text keeps what it says
        element.tail = "\n" if element is not root else None
        if element.tag != f"{{{SVG}}}text" and not (element.text or "").strip():
            element.text = None
    return ElementTree.tostring(root, encoding="unicode")


def _restyle(element: ElementTree.Element, prefix: str) -> None:
    """Styles become attributes, which no content security policy forbids; ids get a prefix."""
    for rule in element.attrib.pop("style", "").split(";"):
        name, _, value = rule.partition(":")
        if name.strip() not in ("", "font-family"):
            element.set(name.strip(), value.strip())
    if href := element.attrib.pop(f"{XLINK}href", None):
        element.set("href", f"#{prefix}{href.removeprefix('#')}")
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif value == INK:
            element.set(name, "currentColor")
        elif value.startswith("url(#"):
            element.set(name, value.replace("url(#", f"url(#{prefix}"))
        elif name in ("x", "y"):
            element.set(name, f"{float(value):.1f}")
        elif name == "d":
            element.set(name, " ".join(value.split()))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]


def _share(group: ElementTree.Element) -> None:
    """Move what all marks of a group have in common to the group."""
    marks = list(group)
    if len(marks) < 2 or any(mark.tag != f"{{{SVG}}}use" for mark in marks):
        return
    for name, value in list(marks[0].attrib.items()):
        if name not in ("x", "y", "href") and all(mark.get(name) == value for mark in marks):
            group.set(name, value)
            for mark in marks:
                del mark.attrib[name]
