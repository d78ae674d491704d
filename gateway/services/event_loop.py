"""The event loop that the service runs on: asyncio's own, over a leaner selector.

The selector is asked once for each read of the serial line, so it is made for that: no
descriptor's mask is looked at twice, and nothing is allocated that the kernel's answer does
not need.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Iterator, Mapping
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector, SelectorKey
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_POLLED = {
    EVENT_READ: select.EPOLLIN,
    EVENT_WRITE: select.EPOLLOUT,
    EVENT_READ | EVENT_WRITE: select.EPOLLIN | select.EPOLLOUT,
}
# A hang-up or an error is news for readers and writers alike.
_TOLD = tuple(
    (EVENT_WRITE if polled & ~select.EPOLLIN else 0)
    | (EVENT_READ if polled & ~select.EPOLLOUT else 0)
    for polled in range(32)
)
_SEVERAL = 64


class LeanSelector(BaseSelector):
    """What selectors.EpollSelector does, for few descriptors and many waits."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._poll = self._epoll.poll
        self._keys: dict[int, SelectorKey] = {}

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Watch a descriptor. Raises KeyError for one that is watched already, and OSError."""
        descriptor = _descriptor(fileobj)
        if descriptor in self._keys:
            raise KeyError(f"{descriptor} is registered already")
        self._epoll.register(descriptor, _POLLED[events])
        key = self._keys[descriptor] = SelectorKey(fileobj, descriptor, events, data)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Watch it no more. Raises KeyError for one that is not watched."""
        descriptor = _descriptor(fileobj)
        key = self._keys.pop(descriptor)
        with contextlib.suppress(OSError):  # it was closed before
            self._epoll.unregister(descriptor)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Watch it for other events. Raises KeyError for one that is not watched, and OSError."""
        descriptor = _descriptor(fileobj)
        if events != self._keys[descriptor].events:
            self._epoll.modify(descriptor, _POLLED[events])
        key = self._keys[descriptor] = SelectorKey(fileobj, descriptor, events, data)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """What is ready, waiting at most `timeout` seconds for it; None waits for ever."""
        keys = self._keys
        found = self._poll(-1 if timeout is None else max(timeout, 0), _SEVERAL)
        ready: list[tuple[SelectorKey, int]] = []
        for descriptor, polled in found:
            if descriptor in keys:
                ready.append((keys[descriptor], _TOLD[polled & 31]))
        return ready

    def get_map(self) -> Mapping[FileDescriptorLike, SelectorKey]:
        """The keys of all that is watched."""
        return _Watched(self._keys)

    def close(self) -> None:
        """Give the kernel's part back."""
        self._epoll.close()
        self._keys.clear()


class _Watched(Mapping["FileDescriptorLike", SelectorKey]):
    """A selector's keys, found by number or by what has a number."""

    def __init__(self, keys: dict[int, SelectorKey]) -> None:
        self._keys = keys

    def __getitem__(self, fileobj: FileDescriptorLike) -> SelectorKey:
        return self._keys[_descriptor(fileobj)]

    def __iter__(self) -> Iterator[FileDescriptorLike]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, over the LeanSelector."""

    def __init__(self) -> None:
        super().__init__(LeanSelector())
        # what asyncio's own method calls, asked several times for each read
        self.time = monotonic  # type: ignore[method-assign]


def _descriptor(fileobj: FileDescriptorLike) -> int:
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()
