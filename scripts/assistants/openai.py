"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, OpenRouter,
and the compatible addresses of Gemini and Anthropic.
"""

from typing import Any

from scripts.assistants.provider import Access, Form, Forms, Provider, Reply, Request


class OpenAI:
    """One client with one pool of connections for the whole stage."""

    def __init__(self, access: Access):
        from scripts.servers.chat import open_client

        self._access = access
        self._client = open_client(access.base_url, access.key, access.timeout)
        self._forms = Forms(access.structured)

    async def complete(self, request: Request) -> Reply:
        return await self._forms.ask(request, lambda form: self._complete(request, form))

    async def _complete(self, request: Request, form: Form) -> Reply:
        from openai.types.chat import ChatCompletion

        from scripts.servers.chat import post
        from scripts.servers.pace import TurnedAway

        body: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.prompt},
            ],
            self._access.token_limit: request.reply_tokens,
        }
        if request.role.temperature is not None:
            body["temperature"] = request.role.temperature
        if form != "none":
            body["response_format"] = {"type": form}
        if form == "json_schema":
            schema = {"name": request.kind, "schema": dict(request.schema), "strict": True}
            body["response_format"]["json_schema"] = schema
        body |= request.role.extra or {}
        body = {name: value for name, value in body.items() if value is not None}
        try:
            answer = await post(self._client, "/chat/completions", ChatCompletion, body)
        except TurnedAway as error:
            if error.status == 400 and "content_filter" in error.said:
                return Reply("", 0, 0, refused=True)
            raise self._access.rejected(error.status, error.said) from None
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


PROVIDER = Provider(
    "openai",
    key_variable="OPENAI_API_KEY",
    key_shape="sk-[A-Za-z0-9_-]{32,}",
    models=None,
    open=OpenAI,
)
