"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, OpenRouter,
and the compatible addresses of Gemini and Anthropic.
"""

from collections.abc import Mapping
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from scripts.assistants.provider import Busy, Reply, Request, Unreachable, identity, rejected


class OpenAI:
    """One client with one pool of connections for the whole stage."""

    def __init__(self, settings: Mapping[str, Any], key: str, timeout: float, concurrency: int):
        self.settings, self.identity, self._key = settings, identity(settings), key
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings["base_url"],
            timeout=timeout,
            max_retries=0,  # the pool tries again, and counts it
            http_client=openai.DefaultAioHttpClient(),
        )

    async def complete(self, request: Request) -> Reply:
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.prompt},
            ],
            self.settings["token_limit"]: request.reply_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if self.settings["structured"]:
            schema = {"name": request.kind, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        try:
            # As `chat.completions.create`, which first walks through all that it is given: a third
            # of the time of a request.
            answer = await self._client.post("/chat/completions", cast_to=ChatCompletion, body=body)
        except openai.RateLimitError as error:
            raise Busy(_seconds(error.response.headers.get("retry-after"))) from None
        except (openai.InternalServerError, openai.APIConnectionError) as error:
            raise Unreachable(type(error).__name__) from None
        except openai.APIStatusError as error:
            if error.status_code in (408, 409):
                raise Unreachable(str(error.status_code)) from None
            if error.status_code == 400 and "content_filter" in str(error.body):
                return Reply("", 0, 0, refused=True)
            raise rejected(self.settings, self._key, error.status_code, error.message) from None
        except (openai.APIError, ValueError) as error:  # an answer that is no JSON, or cut off
            raise Unreachable(type(error).__name__) from None
        if not getattr(answer, "choices", None):
            raise Unreachable("an answer without choices")
        choice, usage = answer.choices[0], answer.usage
        return Reply(
            choice.message.content or "",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            bool(choice.message.refusal) or choice.finish_reason == "content_filter",
        )

    async def close(self) -> None:
        await self._client.close()


def _seconds(header: str | None) -> float | None:
    try:
        return float(header)
    except (TypeError, ValueError):
        return None
