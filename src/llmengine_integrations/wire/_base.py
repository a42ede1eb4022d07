"""The common base of all reply bodies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Reply(BaseModel):
    """A body that the server sends.

    Fields that this version does not know are kept (`model_extra`), so that a newer server never breaks parsing and nothing it
    says is lost. Validators are built at first use, which keeps the import cheap. Their errors do not repeat the body, which may hold
    a prompt or a presigned URL.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True, hide_input_in_errors=True)


class ListReply(Reply, Generic[T]):
    """A reply that is a list under a name; it can be iterated, indexed and measured like that list."""

    @property
    @abstractmethod
    def items(self) -> list[T]:
        """Return the list."""

    def __iter__(self) -> Iterator[T]:  # pyright: ignore[reportIncompatibleMethodOverride] - items say more than field names
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> T:
        return self.items[index]
