"""Draw docs/images/architecture.svg from the package's real imports: `python docs/draw_architecture.py`.

`tests/test_docs.py` draws it again and compares, so the drawing cannot go out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import grimp

PACKAGE = "llmengine_integrations"
TARGET = Path(__file__).parent / "images" / "architecture.svg"
PUBLIC = "public names"
"""The package itself, `errors`, `types`, `datasets`, ...: modules that only re-export names for users."""


class Box(NamedTuple):
    """A subpackage, and where it is drawn."""

    left: int
    top: int
    width: int
    title: str
    what: str
    libraries: tuple[str, ...]
    """The libraries to name, of those that it imports."""


BOXES = {
    "cli": Box(20, 20, 800, "cli", "the command llmengine", ("click",)),
    "langchain": Box(50, 130, 150, "langchain", "adapter", ("langchain_core",)),
    "llama_index": Box(220, 130, 150, "llama_index", "adapter", ("llama_index",)),
    "compat": Box(420, 130, 160, "compat", "upstream's names", ()),
    "engine": Box(610, 130, 210, "engine", "LLM Engine's HTTP API", ("starlette", "torch", "transformers", "peft")),
    PUBLIC: Box(20, 260, 190, PUBLIC, "Client, errors, types, ...", ()),
    "prompting": Box(230, 260, 140, "prompting", "chat templates", ("jinja2",)),
    "core": Box(20, 390, 540, "core", "resources build values, transports send them", ("httpx", "aiohttp", "tenacity")),
    "wire": Box(20, 520, 800, "wire", "types of the bodies on the wire, both directions", ("pydantic",)),
    "_shared": Box(20, 640, 800, "_shared", "what client and engine share; imports only the standard library", ()),
}
HEIGHT, WIDTH, BOX_HEIGHT, GAP = 732, 840, 72, 8
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#607080"/></marker></defs>'
)
BASES = ("wire", "_shared")
WITH_ARROWS = ("core", "engine")
"""Only these have arrows to the bases. A line of text above each base names the others that import it."""


def imports() -> dict[str, set[str]]:
    """Which boxes and `library NAME`s each box imports, without the imports for type checkers."""
    graph = grimp.build_graph(
        PACKAGE, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )
    found: dict[str, set[str]] = {name: set() for name in BOXES}
    for module in graph.modules:
        if (source := _box_of(module)) in found:
            found[source] |= {_box_of(target) for target in graph.find_modules_directly_imported_by(module)} - {source}
    return found


def _box_of(module: str) -> str:
    first, *rest = module.split(".")
    if first != PACKAGE:
        return f"library {first}"  # the prefix, because the library llama_index has the name of a box
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
    taken: list[float] = []
    for source, targets in found.items():
        drawn = [target for target in BOXES if target in targets and (target not in BASES or source in WITH_ARROWS)]
        lines += [_arrow(source, target, taken) for target in drawn]
    lines += [_box(name, found[name]) for name in BOXES]
    lines += [_others(base, found) for base in BASES]
    lines.append(
        '<path d="M560 426L650 426L650 202" fill="none" stroke="#b05020" stroke-width="1.5" stroke-dasharray="5 4"/>'
        '<text x="568" y="418" fill="#b05020">over HTTP</text>'
    )
    return "\n".join([*lines, "</svg>\n"])


def _arrow(source: str, target: str, taken: list[float]) -> str:
    """An arrow that passes between the boxes of the rows that it crosses, and not within GAP of another such arrow."""
    one, other = BOXES[source], BOXES[target]
    if one.top == other.top:  # next to each other
        ends = (one.left, other.left + other.width) if one.left > other.left else (one.left + one.width, other.left)
        return _line(source, target, [(end, one.top + BOX_HEIGHT / 2) for end in ends])
    crossed = [box for box in BOXES.values() if one.top < box.top < other.top]
    middle = (max(one.left, other.left) + min(one.left + one.width, other.left + other.width)) / 2
    free = [
        x
        for x in (middle, *range(10, WIDTH, 5))
        if all(not box.left - GAP < x < box.left + box.width + GAP for box in crossed)
        and (not crossed or all(abs(x - there) > GAP for there in taken))
    ]
    lane = min(free, key=lambda x: abs(x - _inside(one, x)) + abs(x - _inside(other, x)) + abs(x - middle) / 100)
    points = [(_inside(one, lane), one.top + BOX_HEIGHT), (_inside(other, lane), other.top)]
    if crossed:
        taken.append(lane)
        points[1:1] = [(lane, min(box.top for box in crossed)), (lane, max(box.top for box in crossed) + BOX_HEIGHT)]
    return _line(source, target, points)


def _line(source: str, target: str, points: Sequence[tuple[float, float]]) -> str:
    way = "L".join(f"{x:g} {y:g}" for x, y in points)
    return (
        f'<path d="M{way}" fill="none" stroke="#607080" marker-end="url(#tip)">'
        f"<title>{source} imports {target}</title></path>"
    )


def _inside(box: Box, x: float) -> float:
    """The place on the box's edge that is nearest to `x`."""
    return min(max(x, box.left + 12), box.left + box.width - 12)


def _others(base: str, found: dict[str, set[str]]) -> str:
    names = [source for source in found if base in found[source] and source not in WITH_ARROWS]
    if not names:
        return ""
    return f'<text x="310" y="{BOXES[base].top - 12}" fill="#506070" font-size="11">also imported by {", ".join(names)}</text>'


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
