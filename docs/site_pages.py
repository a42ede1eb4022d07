"""A hook of MkDocs: add pages from elsewhere in the repository, and fix the links to them."""

from __future__ import annotations

import ast
import posixpath
import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
MAKER = runpy.run_path(str(ROOT / "docs" / "make_notebooks.py"))
MODEL_CARD = "src/llmengine_integrations/engine/default_model/README.md"
ELSEWHERE = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    MODEL_CARD: "model-card.md",
    **{f"cookbook/{path.name}": f"cookbook/{path.stem}.md" for path in ROOT.glob("cookbook/*.py")},
}
"""Files of the repository, with their place on the site."""
SOURCES = {target: source for source, target in ELSEWHERE.items()}
NOTEBOOKS = {f"cookbook/notebooks/{path.stem}.ipynb": f"cookbook/{path.stem}.md" for path in ROOT.glob("cookbook/*.py")}
"""The page of a script shows its notebook's output."""
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, target in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        content = _script(source, text) if source.endswith(".py") else text
        files.append(File.generated(config, target, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' signature
    """Turn links between files into links between pages. A link to a file without a page becomes plain text."""
    here = page.file.src_uri
    source = SOURCES.get(here, f"docs/{here}")

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        known = ELSEWHERE | NOTEBOOKS
        if target not in known and not target.startswith("docs/"):
            return f"]{_NOWHERE}"
        found = known.get(target, target.removeprefix("docs/"))
        return f"]({posixpath.relpath(found, posixpath.dirname(here) or '.')}{link[2] or ''})"

    up = "../" if page.url.endswith("/") else ""  # MkDocs leaves the addresses in HTML as they are
    pictures = re.sub(r' (src|srcset)="docs/', rf' \1="{up}', markdown)
    return re.sub(rf"(?<!!)\[([^\]]*)\]{_NOWHERE}", r"\1", LINK.sub(replaced, pictures))


_NOWHERE = "{nowhere}"


def _script(source: str, text: str) -> str:
    """A page for a script of the cookbook, with its output."""
    question, _, rest = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")
    shown = ESCAPE.sub("", MAKER["printed"](MAKER["read"](Path(source).stem))).strip()
    output = f"\n## What it prints\n\n```text\n{shown}\n```\n" if shown else ""
    return f"# {Path(source).name}\n\n**{question}**\n\n{rest}\n\n```python\n{text}```\n{output}"
