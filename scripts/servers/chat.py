"""A client of a server that speaks OpenAI's interface, and its faults by what can be done."""

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

import openai

from scripts.servers.pace import Busy, Unreachable

Answer = TypeVar("Answer")

for _noisy in ("httpx", "httpx2", "openai"):  # a line for each request otherwise
    logging.getLogger(_noisy).setLevel(logging.WARNING)


def open_client(url: str | None, key: str, timeout: float) -> openai.AsyncOpenAI:
    """One client with one pool of connections; time limit a request in seconds."""
    return openai.AsyncOpenAI(
        api_key=key,
        base_url=url,
        timeout=timeout,
        max_retries=0,  # pace.patiently tries again, and counts it
        http_client=openai.DefaultAioHttpClient(),
    )


async def post(
    client: openai.AsyncOpenAI, path: str, cast_to: type[Answer], body: Mapping[str, Any]
) -> Answer:
    """The answer to one request, with at least one choice.

    Raises Busy, Unreachable, or openai.APIStatusError for what trying again cannot mend.
    """
    try:
        # As `chat.completions.create`, which first walks through all that it is given: a third of
        # the time of a request.
        answer = await client.post(path, cast_to=cast_to, body=body)
    except openai.RateLimitError as error:
        raise Busy(_seconds(error.response.headers.get("retry-after"))) from None
    except (openai.InternalServerError, openai.APIConnectionError) as error:
        raise Unreachable(type(error).__name__) from None
    except openai.APIStatusError as error:
        if error.status_code in (408, 409):
            raise Unreachable(str(error.status_code)) from None
        raise
    except (openai.APIError, ValueError) as error:  # an answer that is no JSON, or cut off
        raise Unreachable(type(error).__name__) from None
    if not getattr(answer, "choices", None):
        raise Unreachable("an answer without choices")
    return answer


def _seconds(header: str | None) -> float | None:
    try:
        return float(header)
    except (TypeError, ValueError):
        return None
