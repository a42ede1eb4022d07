"""Write the table of the engine's settings into docs/embedded-engine.md, from the fields of `EngineConfig`.

python docs/settings_table.py
"""

from __future__ import annotations

from pathlib import Path

from pydantic.fields import FieldInfo

from llmengine_integrations.cli.options.engine_options import flag_name, flag_of
from llmengine_integrations.cli.options.option_types import size_text
from llmengine_integrations.engine.config import EngineConfig

PAGE = Path(__file__).parent / "embedded-engine.md"
BEGIN, END = "<!-- docs/settings_table.py writes this table -->\n", "<!-- end of the table -->\n"


def table() -> str:
    """The table, with one line per setting."""
    lines = ["| `llmengine serve` | `EmbeddedEngine` | default | |", "|---|---|---|---|"]
    for name, field in EngineConfig.model_fields.items():
        options = [flag_name(name, field), *filter(None, [flag_of(field).variable])]
        given = ", ".join(f"`{one}`" for one in options)
        lines.append(f"| {given} | `{name}` | {_default(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    flag = flag_of(field)
    if flag.unset:
        return flag.unset
    default = field.get_default()
    if isinstance(default, bool):
        return "yes" if default else "no"
    if flag.unit == "bytes":
        return size_text(default)
    return f"{default:g} seconds" if flag.unit == "seconds" else f"`{default}`"


def written(page: str) -> str:
    """The page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table() + "\n" + END + after


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
