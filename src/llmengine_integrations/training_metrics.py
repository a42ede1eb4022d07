"""What a fine-tune measured while it trained: a table of its events' numbers, and a plot of the loss.

from llmengine_integrations.training_metrics import TrainingMetrics
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from typing_extensions import override

from ._shared.durable_files import write_file

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from .wire.fine_tunes import FineTuneEvent

_LOSSES = {"loss": "training", "eval_loss": "validation"}
_PLOTS = 'pip install "llmengine-integrations[plots]"'


@dataclass(frozen=True, slots=True)
class TrainingMetrics(Sequence[dict[str, float]]):
    """The numbers of a job, a row for each event that has some, oldest first.

    Rows are dicts such as `{"loss": 2.108, "learning_rate": 0.002, "epoch": 0.7}`; rows of an evaluation have `eval_loss`. It prints as
    a table, in notebooks too.
    """

    rows: tuple[dict[str, float], ...] = ()

    @classmethod
    def from_events(cls, events: Iterable[FineTuneEvent]) -> Self:
        """Read the events of a job; those without numbers are passed over."""
        return cls(tuple(metrics for event in events if (metrics := event.metrics)))

    @property
    def columns(self) -> list[str]:
        """The names of all numbers, in the order in which they appear; `epoch` comes first."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return sorted(names, key=lambda name: name != "epoch")

    def series(self, name: str) -> list[tuple[float, float]]:
        """One number over the epochs, `(epoch, value)`; rows without an epoch are counted 1, 2, 3 instead."""
        found = [row for row in self.rows if name in row]
        return [(row.get("epoch", float(count)), row[name]) for count, row in enumerate(found, start=1)]

    @property
    def best(self) -> tuple[float, float] | None:
        """Epoch and value of the lowest validation loss, or of the lowest training loss where nothing was validated."""
        found = self.series("eval_loss") or self.series("loss")
        return min(found, key=lambda point: point[1], default=None)

    def to_pandas(self) -> pd.DataFrame:
        """A DataFrame with a row for each event, NaN where an event lacks a number.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - optional, and slow to import
        except ImportError as error:
            raise ImportError("A DataFrame needs pandas: pip install pandas") from error
        return pd.DataFrame(list(self.rows), columns=self.columns)

    def plot_loss(
        self, path: str | os.PathLike[str] | None = None, *, ax: Axes | None = None, title: str | None = None
    ) -> Axes:
        """Draw training and validation loss over the epochs.

        Args:
            path: Where to write the picture; the name's end says the format (`.png`, `.svg`, `.pdf`).
            ax: Where to draw; a new figure by default.
            title: Stands above it.

        Raises:
            ImportError: matplotlib is not installed; the extra `plots` has it.
            ValueError: No event has a loss yet.
            OSError: The picture cannot be written.
        """
        curves = {label: points for name, label in _LOSSES.items() if (points := self.series(name))}
        if not curves:
            raise ValueError("There is no loss to plot yet: the job has not reported any.")
        drawn: Any = _new_axes() if ax is None else ax
        for label, points in curves.items():
            epochs, losses = zip(*points, strict=True)
            drawn.plot(epochs, losses, marker="o", markersize=4, label=label)
        drawn.set(xlabel="epoch", ylabel="loss", title=title)
        drawn.grid(alpha=0.3)
        drawn.legend()
        if path is not None:
            _save(drawn.figure, Path(path))
        return drawn

    @overload
    def __getitem__(self, index: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[dict[str, float]]: ...
    @override
    def __getitem__(self, index: int | slice) -> dict[str, float] | Sequence[dict[str, float]]:
        return self.rows[index]

    @override
    def __len__(self) -> int:
        return len(self.rows)

    @override
    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    @override
    def __str__(self) -> str:
        table = [self.columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(map(str.rjust, row, widths)) for row in table)
        return "\n".join(lines) if widths else "no metrics yet"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in self._cells())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _cells(self) -> list[list[str]]:
        return [[f"{row[name]:.4g}" if name in row else "" for name in self.columns] for row in self.rows]


def _new_axes() -> Any:
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        raise ImportError(f"Plots need matplotlib: {_PLOTS}") from error
    # Not through pyplot, which would keep the figure for ever and choose a window system.
    return Figure(figsize=(6, 3.6), layout="constrained").add_subplot()


def _save(figure: Any, path: Path) -> None:
    """Write a figure; one that cannot be drawn or written leaves the old file as it was."""
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix[1:] or "png", bbox_inches="tight", dpi=144)
    write_file(path, picture.getvalue())
