"""As many requests at once as a server takes, each tried again while its fault may pass."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

ATTEMPTS = 10  # with growing pauses, over about two minutes

Result = TypeVar("Result")


class Busy(Exception):
    """The server asks for fewer requests (429); `after` is its advice in seconds, if any."""

    def __init__(self, after: float | None = None):
        super().__init__("too many requests")
        self.after = after


class Unreachable(Exception):
    """A fault that may pass: 5xx, a timeout, a broken connection, a cut-off answer."""


class TurnedAway(Exception):
    """A request that the server will never accept as it is: the HTTP status, what it said, and the
    field that this is about, if it names one."""

    def __init__(self, status: int, said: str, field: str | None = None):
        super().__init__(f"{status}: {said[:300]!r}")
        self.status, self.said, self.field = status, said, field


class Concurrency:
    """How many requests may be under way: halved when the server is busy, then one more for each
    round of requests that went well, as TCP does (additive increase, multiplicative decrease)."""

    def __init__(self, most: int):
        self.most, self.limit, self.under_way = most, float(most), 0
        self._free = asyncio.Condition()
        self._eased = 0.0

    async def __aenter__(self) -> None:
        async with self._free:
            await self._free.wait_for(lambda: self.under_way < int(self.limit))
            self.under_way += 1

    async def __aexit__(self, kind: type | None, *error: object) -> None:
        async with self._free:
            self.under_way -= 1
            if kind is Busy:
                # Those sent before the last halving say nothing about the limit after it.
                if time.monotonic() - self._eased > 1:
                    self.limit, self._eased = max(1.0, self.limit / 2), time.monotonic()
            elif kind is None:
                self.limit = min(self.most, self.limit + 1 / self.limit)
            self._free.notify(max(0, int(self.limit) - self.under_way))


async def patiently(
    call: Callable[[], Awaitable[Result]],
    concurrency: Concurrency,
    on_retry: Callable[[], None] = lambda: None,
    attempts: int | None = None,
) -> Result:
    """The call's result, tried again with growing random pauses, or those the server advises.

    Raises Busy or Unreachable after so many attempts (else ATTEMPTS), and what else the call raises
    at once.
    """
    backoff = wait_random_exponential(multiplier=1, max=60)

    def wait(state: RetryCallState) -> float:
        error = state.outcome and state.outcome.exception()
        return max(backoff(state), getattr(error, "after", None) or 0.0)

    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((Busy, Unreachable)),
        stop=stop_after_attempt(attempts or ATTEMPTS),
        wait=wait,
        before_sleep=lambda state: on_retry(),
        reraise=True,
    ):
        with attempt:
            async with concurrency:
                result = await call()
    return result
