"""Requests and answers as OpenAI-compatible servers and Gemini's REST interface write them."""

import json


def texts_of(body: dict, gemini: bool) -> tuple[str, str]:
    if gemini:
        system = body["systemInstruction"]["parts"][0]["text"]
        return system, body["contents"][0]["parts"][0]["text"]
    return body["messages"][0]["content"], body["messages"][1]["content"]


def form_of(body: dict, gemini: bool) -> str:
    if not gemini:
        return body.get("response_format", {"type": "none"})["type"]
    given = body.get("generationConfig", {})
    if "responseSchema" in given:
        return "json_schema"
    return "json_object" if "responseMimeType" in given else "none"


def in_openai(text: str, usage: tuple[int, int], refused: bool, cut: bool = False) -> dict:
    message = {"role": "assistant", "content": text or None}
    if refused:
        message["refusal"] = "I cannot judge this."
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "loopback",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
        ],
        "usage": {
            "prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage),
        },
    }  # fmt: skip


def in_gemini(text: str, usage: tuple[int, int], refused: bool, cut: bool = False) -> dict:
    counted = {
        "promptTokenCount": usage[0], "candidatesTokenCount": usage[1],
        "totalTokenCount": sum(usage),
    }  # fmt: skip
    if refused:
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": counted}
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [
            {"content": content, "finishReason": "MAX_TOKENS" if cut else "STOP", "index": 0}
        ],
        "usageMetadata": counted,
    }


def send(handler, status: int, body: dict | bytes, cut: bool = False) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2] if cut else content)
    handler.wfile.flush()
    if cut:
        handler.close_connection = True
