"""Documents as rows of tokens."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from documents import Documents, stdlib_prose
from tokenizers import Tokenizer

PROMPT, ANSWER, PROSE, PAD = 0, 1, 2, 3
OPEN_ROWS = 24
Row = tuple[list[int], list[int]]
"""Token ids, and the kind of every token."""


class Rows:
    """Packs whole documents into rows of a fixed length: best fit over a few open rows.

    Args:
        tokenizer: Of the model.
        seed: Of the generator of documents.
        prose_share: Share of the documents that are prose.
    """

    def __init__(self, tokenizer: Tokenizer, seed: int, prose_share: float) -> None:
        self.tokenizer, self.prose, self.prose_share = tokenizer, list(stdlib_prose()), prose_share
        self.documents, self.rng = Documents(seed, (), self.prose), np.random.default_rng(seed)

    def document(self) -> Row:
        """The tokens of one document."""
        if self.rng.random() < self.prose_share:
            text = self.prose[self.rng.integers(len(self.prose))]
            ids = [1, *self.tokenizer.encode(text, add_special_tokens=False).ids[:200], 2]
            return ids, [PROSE] * len(ids)
        pieces, ids, kinds = self.documents.document(), [], []
        encoded = self.tokenizer.encode_batch([text for text, _ in pieces], add_special_tokens=False)
        for e, (_, answer) in zip(encoded, pieces, strict=True):
            ids += e.ids
            kinds += [ANSWER if answer else PROMPT] * len(e.ids)
        return ids, kinds

    def rows(self, length: int) -> Iterator[Row]:
        """Full rows; documents that are longer than a row are left out."""
        open_rows: list[Row] = [([], []) for _ in range(OPEN_ROWS)]
        while True:
            ids, kinds = self.document()
            if len(ids) > length:
                continue
            fits = [row for row in open_rows if len(row[0]) + len(ids) <= length]
            if fits:
                row = max(fits, key=lambda row: len(row[0]))
            else:
                row = max(open_rows, key=lambda row: len(row[0]))
                pad = length - len(row[0])
                yield row[0] + [0] * pad, row[1] + [PAD] * pad
                open_rows.remove(row)
                row = ([], [])
                open_rows.append(row)
            row[0].extend(ids)
            row[1].extend(kinds)
