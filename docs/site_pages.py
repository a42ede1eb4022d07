"""Pages of the site that are kept elsewhere in the repository, and the links to them. A hook of MkDocs."""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
MODEL_CARD = "src/llmengine_integrations/engine/default_model/README.md"
ELSEWHERE = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    MODEL_CARD: "model-card.md",
    **{f"cookbook/{path.name}": f"cookbook/{path.stem}.md" for path in ROOT.glob("cookbook/*.py")},
}
"""Where a file of the repository is on the site."""
SOURCES = {target: source for source, target in ELSEWHERE.items()}
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, target in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        content = _script(source, text) if source.endswith(".py") else text
        files.append(File.generated(config, target, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' signature
    """Make links between files of the repository links between pages; what is no page keeps its words only."""
    here = page.file.src_uri
    source = SOURCES.get(here, f"docs/{here}")

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        if target not in ELSEWHERE and not target.startswith("docs/"):
            return f"]{_NOWHERE}"
        found = ELSEWHERE.get(target, target.removeprefix("docs/"))
        return f"]({posixpath.relpath(found, posixpath.dirname(here) or '.')}{link[2] or ''})"

    return re.sub(rf"(?<!!)\[([^\]]*)\]{_NOWHERE}", r"\1", LINK.sub(replaced, markdown))


_NOWHERE = "{nowhere}"


def _script(source: str, text: str) -> str:
    """A page for a script of the cookbook."""
    question, _, rest = (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")
    return f"# {Path(source).name}\n\n**{question}**\n\n{rest}\n\n```python\n{text}```\n"
