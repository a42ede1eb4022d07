"""The examples of upstream's own pages, as they stand there: a test runs each with nothing changed but the line that imports.

What the pages cut off or indent is put right.
"""

from __future__ import annotations

from . import batches, completions, fine_tunes, models_and_files

EXAMPLES = [*completions.EXAMPLES, *batches.EXAMPLES, *fine_tunes.EXAMPLES, *models_and_files.EXAMPLES]
