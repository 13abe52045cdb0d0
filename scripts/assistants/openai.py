"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, OpenRouter,
and the compatible addresses of Gemini and Anthropic.
"""

from collections.abc import Mapping
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from scripts.assistants.provider import Form, Forms, Reply, Request, identity, rejected
from scripts.servers.chat import open_client, post


class OpenAI:
    """One client with one pool of connections for the whole stage."""

    def __init__(self, settings: Mapping[str, Any], key: str, timeout: float, concurrency: int):
        self.settings, self.identity, self._key = settings, identity(settings), key
        self._client = open_client(settings["base_url"], key, timeout)
        self._forms = Forms(settings["structured"])

    async def complete(self, request: Request) -> Reply:
        return await self._forms.ask(request, lambda form: self._complete(request, form))

    async def _complete(self, request: Request, form: Form) -> Reply:
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
        if form != "none":
            body["response_format"] = {"type": form}
        if form == "json_schema":
            schema = {"name": request.kind, "schema": dict(request.schema), "strict": True}
            body["response_format"]["json_schema"] = schema
        try:
            answer = await post(self._client, "/chat/completions", ChatCompletion, body)
        except openai.APIStatusError as error:
            if error.status_code == 400 and "content_filter" in str(error.body):
                return Reply("", 0, 0, refused=True)
            raise rejected(self.settings, self._key, error.status_code, error.message) from None
        choice, usage = answer.choices[0], answer.usage
        return Reply(
            choice.message.content or "",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            bool(choice.message.refusal) or choice.finish_reason == "content_filter",
            choice.finish_reason == "length",
        )

    async def close(self) -> None:
        await self._client.close()
