"""Gemini through google-generativeai, which its vendor develops no longer: all that touches it is
here. Gemini also answers on an OpenAI-compatible address (docs/assistants.md).

Its REST calls block, so each runs in a thread.
"""

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scripts.assistants.provider import (
    Access,
    Form,
    Forms,
    Models,
    Provider,
    Reply,
    Request,
    Schema,
)
from scripts.core.files import JsonObject
from scripts.servers.pace import Busy, Unreachable

_STOPPED, _TOO_LONG = 1, 2  # finish reasons with a text; the others withheld it


class Gemini:
    """One transport with a thread for each request that may be under way."""

    def __init__(self, access: Access):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            import google.generativeai as genai
            from google.generativeai.client import get_default_generative_client
        from requests.adapters import HTTPAdapter

        self._access = access
        self._forms = Forms(access.structured)
        address = {"api_endpoint": access.base_url} if access.base_url else None
        genai.configure(api_key=access.key, transport="rest", client_options=address)
        transport: Any = get_default_generative_client().transport
        session = transport._session
        session._refresh_status_codes = ()  # with a key there is nothing to renew: no second 401
        for scheme in ("http://", "https://"):  # a connection a thread, where ten are the default
            session.mount(scheme, HTTPAdapter(pool_maxsize=access.concurrency))
        self._threads = ThreadPoolExecutor(access.concurrency, "gemini")

    async def complete(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        return await self._forms.ask(
            request,
            lambda form: loop.run_in_executor(self._threads, self._complete, request, form),
        )

    def _complete(self, request: Request, form: Form) -> Reply:
        import google.generativeai as genai
        import requests
        from google.api_core import exceptions
        from google.generativeai.types import GenerationConfig, RequestOptions

        given: JsonObject = {"max_output_tokens": request.reply_tokens}
        if request.role.temperature is not None:
            given["temperature"] = request.role.temperature
        if form != "none":
            given["response_mime_type"] = "application/json"
        if form == "json_schema":
            given["response_schema"] = _schema(request.schema)
        given |= request.role.extra or {}
        model = genai.GenerativeModel(request.model, system_instruction=request.system)
        try:
            answer = model.generate_content(
                request.prompt,
                generation_config=GenerationConfig(**given),
                request_options=RequestOptions(timeout=self._access.timeout),
            )
        except exceptions.TooManyRequests:
            raise Busy from None
        except (exceptions.ServerError, exceptions.RetryError) as error:
            raise Unreachable(type(error).__name__) from None
        except exceptions.GoogleAPICallError as error:
            if error.code == 408:
                raise Unreachable("408") from None
            status, said = int(error.code or 0), error.message or ""
            raise self._access.rejected(status, said) from None
        except (requests.RequestException, ValueError) as error:  # also an answer that is no JSON
            raise Unreachable(type(error).__name__) from None
        usage = answer.usage_metadata
        spent = usage.prompt_token_count, usage.total_token_count - usage.prompt_token_count
        if not answer.candidates:
            if answer.prompt_feedback.block_reason:
                return Reply("", *spent, refused=True)
            raise Unreachable("an answer without candidates")
        candidate = answer.candidates[0]
        text = "".join(part.text for part in candidate.content.parts)
        withheld = candidate.finish_reason not in (_STOPPED, _TOO_LONG)
        return Reply(text, *spent, withheld and not text, candidate.finish_reason == _TOO_LONG)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _schema(schema: Schema) -> JsonObject:
    """A JSON schema as Gemini takes it: without the keys that its protocol does not know."""
    known: JsonObject = {k: v for k, v in schema.items() if k != "additionalProperties"}
    if "properties" in known:
        known["properties"] = {k: _schema(v) for k, v in known["properties"].items()}
    if "items" in known:
        known["items"] = _schema(known["items"])
    if "enum" in known:
        known["format"] = "enum"
    return known


PROVIDER = Provider(
    "gemini",
    key_variable="GEMINI_API_KEY",
    key_shape="AIza[A-Za-z0-9_-]{35}",
    models=Models("gemini-3.5-flash-lite", "gemini-3.1-pro-preview"),
    open=Gemini,
    extra=("top_p", "top_k", "presence_penalty", "frequency_penalty", "stop_sequences"),
)
