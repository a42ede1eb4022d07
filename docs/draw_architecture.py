"""Draws docs/images/architecture.svg from what the package really imports: `python docs/draw_architecture.py`.

The test of the documents draws it again and compares, so the drawing cannot grow old.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import grimp

PACKAGE = "llmengine_integrations"
TARGET = Path(__file__).parent / "images" / "architecture.svg"
PUBLIC = "public names"
"""The modules that hold nothing of their own but what users import: the package itself, `errors`, `types`, `datasets`, ..."""


class Box(NamedTuple):
    """A room of the package, and where it is drawn."""

    left: int
    top: int
    width: int
    title: str
    what: str
    libraries: tuple[str, ...]
    """Of those that it imports, the ones to name."""


BOXES = {
    "cli": Box(20, 20, 800, "cli", "the command llmengine", ("click",)),
    "langchain": Box(50, 130, 150, "langchain", "adapter", ("langchain_core",)),
    "llama_index": Box(220, 130, 150, "llama_index", "adapter", ("llama_index",)),
    "compat": Box(400, 130, 160, "compat", "upstream's names", ()),
    "engine": Box(610, 130, 210, "engine", "LLM Engine's HTTP API", ("starlette", "torch", "transformers", "peft")),
    PUBLIC: Box(20, 260, 190, PUBLIC, "Client, errors, types, ...", ()),
    "prompting": Box(230, 260, 140, "prompting", "chat templates", ("jinja2",)),
    "core": Box(20, 390, 540, "core", "resources build values, transports send them", ("httpx", "aiohttp", "tenacity")),
    "wire": Box(20, 520, 800, "wire", "types of the bodies on the wire, both directions", ("pydantic",)),
    "_shared": Box(20, 640, 800, "_shared", "what client and engine share, over the standard library alone", ()),
}
HEIGHT, WIDTH, BOX_HEIGHT = 732, 840, 72
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#607080"/></marker></defs>'
)
PAST_OTHERS = {("cli", PUBLIC): (20, 50), ("cli", "core"): (370, 400)}
"""Where there is room for arrows that would lie behind boxes."""
NEXT_TO_WIRE = ("core", "engine")
"""The others that import wire are named in its box: their arrows would lie behind other boxes."""


def imports() -> dict[str, set[str]]:
    """Which rooms and `library NAME`s each room imports, imports for type checkers left out."""
    graph = grimp.build_graph(
        PACKAGE, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    found: dict[str, set[str]] = {name: set() for name in BOXES}
    for module in graph.modules:
        if (source := _room(module)) in found:
            found[source] |= {_room(target) for target in graph.find_modules_directly_imported_by(module)} - {source}
    return found


def _room(module: str) -> str:
    first, *rest = module.split(".")
    if first != PACKAGE:
        return f"library {first}"  # one is named as a room is
    return rest[0] if rest and (rest[0] in BOXES or rest[0] == "_version") else PUBLIC


def drawing() -> str:
    """The SVG."""
    found = imports()
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        "<title>Who imports whom in llmengine_integrations</title>",
        TIP,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for source, targets in found.items():
        drawn = [target for target in BOXES if target in targets and (target != "wire" or source in NEXT_TO_WIRE)]
        lines += [_arrow(source, target) for target in drawn]
    lines += [_box(name, found[name]) for name in BOXES]
    others = [source for source in found if "wire" in found[source] and source not in NEXT_TO_WIRE]
    lines.append(
        f'<text x="310" y="{BOXES["wire"].top - 12}" fill="#506070" font-size="11">and from {", ".join(others)}</text>'
    )
    lines.append(
        '<path d="M560 426L650 426L650 202" fill="none" stroke="#b05020" stroke-width="1.5" stroke-dasharray="5 4"/>'
        '<text x="568" y="418" fill="#b05020">over HTTP</text>'
    )
    return "\n".join([*lines, "</svg>\n"])


def _arrow(source: str, target: str) -> str:
    one, other = BOXES[source], BOXES[target]
    low, high = max(one.left, other.left), min(one.left + one.width, other.left + other.width)
    low, high = PAST_OTHERS.get((source, target), (low, high))
    start, end = ((low + high) / 2,) * 2 if low < high else (one.left + one.width / 2, other.left + 20)
    return (
        f'<path d="M{start:g} {one.top + BOX_HEIGHT}L{end:g} {other.top}" stroke="#607080" marker-end="url(#tip)">'
        f"<title>{source} imports {target}</title></path>"
    )


def _box(name: str, found: set[str]) -> str:
    box = BOXES[name]
    missing = [library for library in box.libraries if f"library {library}" not in found]
    if missing:
        raise ValueError(f"{name} does not import {missing}")
    x, libraries = box.left + box.width / 2, ", ".join(box.libraries)
    return (
        f'<rect x="{box.left}" y="{box.top}" width="{box.width}" height="{BOX_HEIGHT}" rx="6" fill="#eef3f8" '
        f'stroke="#405060"/><g text-anchor="middle" fill="#102030"><text x="{x:g}" y="{box.top + 22}" font-weight="bold">'
        f'{box.title}</text><text x="{x:g}" y="{box.top + 41}">{box.what}</text>'
        f'<text x="{x:g}" y="{box.top + 60}" fill="#506070" font-size="11">{libraries}</text></g>'
    )


if __name__ == "__main__":
    TARGET.write_text(drawing(), encoding="utf-8")
