"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, Ollama, llama.cpp, OpenRouter,
and the compatible addresses of Gemini and Anthropic.
"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.assistants.provider import (
    Access,
    Connection,
    Form,
    Forms,
    Provider,
    Reply,
    Request,
)
from scripts.core.files import JsonObject
from scripts.servers.engines import fields
from scripts.servers.sampling import Warping

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

    from scripts.servers.pace import TurnedAway


class OpenAI:
    """One client with one pool of connections for the whole stage."""

    def __init__(self, access: Access):
        from scripts.servers.adaptation import Adaptation
        from scripts.servers.chat import open_client

        self._access = access
        self.client = open_client(access.base_url, access.key, access.timeout)
        self.forms = Forms(access.structured)
        self._adaptations: dict[str, Adaptation] = defaultdict(Adaptation)  # by model

    async def complete(self, request: Request) -> Reply:
        return await self.forms.ask(request, lambda form: self.ask(request, form))

    async def ask(self, request: Request, form: Form) -> Reply:
        """The reply to a request in one form."""
        from openai.types.chat import ChatCompletion

        from scripts.servers.chat import post
        from scripts.servers.pace import TurnedAway

        while True:
            sent = self.body(request, form)
            try:
                answer = await post(self.client, "/chat/completions", ChatCompletion, sent)
            except TurnedAway as error:
                if not self._adaptations[request.model].learns(error, sent):
                    return self.turned_away(error)
            else:
                return self.reply(answer, request.model)

    def body(self, request: Request, form: Form) -> JsonObject:
        """A request as the server takes it from this model."""
        body: JsonObject = {
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
        if started := self._access.started:
            sampling: Warping = {"temperature": request.role.temperature or 0.0, "top_k": 0}
            body["model"] = started.name
            body |= fields(started.engine, started.model, sampling)
        body |= request.role.extra or {}
        sent = {name: value for name, value in body.items() if value is not None}
        return self._adaptations[request.model].applied(sent)

    def reply(self, answer: "ChatCompletion", model: str) -> Reply:
        """What the server answered, asked for this model."""
        from scripts.servers.chat import thoughts_of

        choice, usage = answer.choices[0], answer.usage
        return Reply(
            choice.message.content or "",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            bool(choice.message.refusal) or choice.finish_reason == "content_filter",
            choice.finish_reason == "length",
            thoughts_of(choice.message),
            tuple(sorted(self._adaptations[model].without)),
        )

    def turned_away(self, error: "TurnedAway") -> Reply:
        """The reply to what the server does not take; raises Rejected unless a filter said so."""
        if error.status == 400 and "content_filter" in error.said:
            return Reply("", 0, 0, refused=True)
        raise self._access.rejected(error.status, error.said) from None

    async def close(self) -> None:
        await self.client.close()


def open_batches(access: Access, folder: Path) -> Connection:
    """Its batch interface, which keeps in a folder what it has sent."""
    from scripts.assistants.batches import Batches

    return Batches(access, folder)


PROVIDER = Provider(
    "openai",
    key_variable="OPENAI_API_KEY",
    key_shape="sk-[A-Za-z0-9_-]{32,}",
    models=None,
    open=OpenAI,
    open_batches=open_batches,
)
