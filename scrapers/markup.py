"""HTML as sources send it, turned into the plain text that a reader sees, in time that grows with its length only."""

import re
from html import unescape

# The parser of the standard library raises on "<![" and takes minutes for a long row of "<a "; what a tag does matters little here.
_MARKUP = re.compile(r"<!--|<(/?)([a-zA-Z][\w:-]{0,40})[^<>]{0,4000}>|<[!?/][^<>]{0,4000}>")
_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "section"})
_UNSEEN = {name: re.compile(rf"</{name}[^<>]*>", re.IGNORECASE) for name in ("script", "style", "template", "noscript", "head", "title")}
_COMMENT_END = re.compile("-->")
_SPACES = re.compile(r"[ \t\r\f\v]+")


def text_of(html: str) -> str:
    """What a reader sees of `html`: blocks on lines of their own, entities as characters, scripts and styles gone."""
    if "<" not in html and "&" not in html:
        return html.strip()
    lines = [_SPACES.sub(" ", line).strip() for line in unescape("".join(_seen(html))).split("\n")]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip()


def _seen(html: str) -> list[str]:
    """The pieces of text between tags, with line ends where blocks begin and end."""
    pieces: list[str] = []
    place = 0
    while tag := _MARKUP.search(html, place):
        pieces.append(html[place : tag.start()])
        closing, name = tag[1], (tag[2] or "").lower()
        place = tag.end()
        if name in _BLOCKS:
            pieces.append("\n\n" if name == "p" and not closing else "\n")
        end = _COMMENT_END if tag[0] == "<!--" else _UNSEEN.get(name) if not closing else None
        if end is not None:
            hidden = end.search(html, place)
            if hidden is None:
                return pieces
            place = hidden.end()
    pieces.append(html[place:])
    return pieces
