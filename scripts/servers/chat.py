"""A client of a server that speaks OpenAI's interface, and its faults by what can be done."""

import logging
from collections.abc import Mapping
from typing import TypeVar

import openai
from openai.types.chat import ChatCompletionMessage

from scripts.servers.credentials import without_key
from scripts.servers.pace import Busy, TurnedAway, Unreachable

Answer = TypeVar("Answer")
QUOTED = 300  # characters of what a server said
THOUGHTS = ("reasoning_content", "reasoning")  # vLLM and SGLang; newer vLLM, Ollama, OpenRouter

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
    client: openai.AsyncOpenAI, path: str, cast_to: type[Answer], body: Mapping[str, object]
) -> Answer:
    """The answer to one request, with at least one choice.

    Raises Busy, Unreachable, or TurnedAway for what trying again cannot mend, all of them with what
    the server said, without the key.
    """
    try:
        # As `chat.completions.create`, which first walks through all that it is given: a third of
        # the time of a request.
        answer = await client.post(path, cast_to=cast_to, body=body)
    except openai.APIStatusError as error:
        more = f" ({error.code})" if error.code else ""
        if error.body and " - " not in error.message:  # a body of the server's own form
            more = f" - {error.body}"
        said = without_key(error.message + more, client.api_key)
        after = _seconds(error.response.headers.get("retry-after"))
        raise fault(error.status_code, said, error.param, after) from None
    except (openai.APIError, ValueError) as error:  # nobody there, or no JSON, or cut off
        raise Unreachable(type(error).__name__) from None
    choices = getattr(answer, "choices", None)
    if hidden := _error_of(answer) or (choices and _error_of(choices[0])):
        status, said = hidden
        raise fault(status, without_key(said, client.api_key))
    if not choices:
        raise Unreachable("an answer without choices")
    return answer


def thoughts_of(message: ChatCompletionMessage) -> str | None:
    """What a server has told apart from the text as thoughts."""
    more = message.model_extra or {}
    return next((more[name] for name in THOUGHTS if isinstance(more.get(name), str)), None)


def fault(
    status: int, said: str, param: str | None = None, after: float | None = None
) -> Exception:
    """What to raise for an HTTP status. param: the field that it is about; after: seconds to
    wait, as the server advises."""
    if status == 429:
        return Busy(after)
    if status >= 500 or status in (408, 409):
        return Unreachable(f"{status}: {said[:QUOTED]!r}")
    return TurnedAway(status, said, param)


def _error_of(part: object) -> tuple[int, str] | None:
    """The status and the words of an error that came with HTTP status 200, in the answer's own body
    or in a choice; some give a word for a status, or none."""
    more = getattr(part, "model_extra", None) or {}
    error = more.get("error")
    if error is None and getattr(part, "object", None) == "error":
        error = more
    if not error:
        return None
    given = error if isinstance(error, Mapping) else {"message": str(error)}
    words = [str(given.get(name)) for name in ("code", "status", "type") if given.get(name)]
    status = next((int(word) for word in words if word.isdigit()), None)
    if status is None:
        named = " ".join(words).lower()
        rejects = ("invalid", "context_length", "content_filter", "not_found")
        status = 429 if "rate" in named else 400 if any(w in named for w in rejects) else 500
    return status, str(given.get("message") or error)


def _seconds(header: str | None) -> float | None:
    try:
        return None if header is None else float(header)
    except ValueError:
        return None
