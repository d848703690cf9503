"""The demo model as a server: the part of the OpenAI API that Patchbay and other clients use.

Rule-based and offline. For tests it can be told to misbehave: by the model's name (`demo-rules:slow-500`,
`:status-429`, `:not-json`, `:wrong-shape`, `:no-schema`, `:hang`), or for everything by POST /switches.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from examples.demo_model import classify, extract, plan, write
from examples.demo_model.calling import arguments, function_to_call

MODEL = "demo-rules"
_DATA = re.compile(r"<data>\n?(.*?)\n?</data>", re.DOTALL)
_CHOICES = re.compile(r"Choices:\s*(\[.*\])", re.DOTALL)


class State:
    """Switches for everything that asks, and what was asked (the last 500)."""

    def __init__(self) -> None:
        self.switches: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []


async def models(request: Request) -> Response:
    row = {"id": MODEL, "object": "model", "created": 0, "owned_by": "patchbay-demo"}
    return JSONResponse({"object": "list", "data": [row]})


async def switches(request: Request) -> Response:
    state: State = request.app.state.demo
    if request.method == "POST":
        state.switches = await request.json()
    return JSONResponse({"switches": state.switches, "requests": state.requests})


async def completions(request: Request) -> Response:
    state: State = request.app.state.demo
    try:
        body = await request.json()
    except ValueError:
        return JSONResponse({"error": {"message": "the request is no JSON"}}, status_code=400)
    state.requests = [*state.requests[-499:], body]
    told = {**state.switches, **_by_name(str(body.get("model", "")))}
    if refusal := await _misbehave(told, body):
        return refusal
    message = _message(body, told)
    usage = _usage(body, message)
    if body.get("stream"):
        return StreamingResponse(_chunks(body, message, usage), media_type="text/event-stream")
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return JSONResponse(
        {
            "id": f"chatcmpl-{time.time_ns():x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", MODEL),
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": usage,
        }
    )


def _by_name(model: str) -> dict[str, Any]:
    """Switches written behind the model's name."""
    _, _, suffix = model.partition(":")
    kind, _, amount = suffix.partition("-")
    if kind in {"slow", "status"} and amount.isdigit():
        return {"latency_ms" if kind == "slow" else "status": int(amount)}
    return {suffix.replace("-", "_"): True} if suffix else {}


async def _misbehave(told: dict[str, Any], body: dict[str, Any]) -> Response | None:
    if told.get("latency_ms"):
        await asyncio.sleep(told["latency_ms"] / 1000)
    if told.get("hang"):
        await asyncio.sleep(3600)
    if status := told.get("status"):
        headers = {"retry-after": "1"} if status == 429 else {}
        error = {"error": {"message": f"told to answer {status}", "type": "switch"}}
        return JSONResponse(error, status_code=status, headers=headers)
    form = (body.get("response_format") or {}).get("type")
    if told.get("no_schema") and form == "json_schema":
        return JSONResponse(
            {"error": {"message": "response_format json_schema is not supported"}}, status_code=400
        )
    return None


def _message(body: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    if not told and plan.knows(offered := _offered(body)) and body.get("tool_choice", "auto") == "auto":
        return _as_planned(body, offered)
    schema = _wanted(body)
    function = None if schema else _function(body)
    if schema is None and function is None:
        return {"role": "assistant", "content": "" if told.get("not_json") else _plain(body)}
    if told.get("not_json"):
        text = "I would rather talk about the weather."
    elif told.get("wrong_shape"):
        text = json.dumps({"unexpected": True})
    else:
        answer = _answer(body, schema) if schema else _called_with(body, function or {})
        text = json.dumps(answer, ensure_ascii=False)
    if function is None:
        return {"role": "assistant", "content": text}
    return _calling(body, function["name"], text)


def _wanted(body: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that the content of the answer must fit."""
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        schema: dict[str, Any] = form["json_schema"]["schema"]
        return schema
    if form.get("type") == "json_object":
        found = re.search(r"JSON Schema:\s*(\{.*\})", _said(body, "system"), re.DOTALL)
        return json.loads(found.group(1)) if found else {"type": "object", "properties": {}}
    return None


def _as_planned(body: dict[str, Any], offered: list[dict[str, Any]]) -> dict[str, Any]:
    known = plan.known_from(body["messages"], _material(body))
    following = plan.next_call(offered, known)
    if following is None:
        return {"role": "assistant", "content": plan.answer(known)}
    name, given = following
    return _calling(body, name, json.dumps(given, ensure_ascii=False))


def _calling(body: dict[str, Any], name: str, arguments: str) -> dict[str, Any]:
    call_id = f"call_{len(body.get('messages', ()))}"
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _offered(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]


def _function(body: dict[str, Any]) -> Mapping[str, Any] | None:
    return function_to_call(
        _offered(body),
        body.get("tool_choice", "auto"),
        _material(body),
        has_result=_tool_result(body) is not None,
    )


def _called_with(body: dict[str, Any], function: Mapping[str, Any]) -> dict[str, Any]:
    """Patchbay asks for an object by a function of its own; any other function gets what the text says."""
    parameters = function.get("parameters", {})
    if _is_demanded(body):
        return _answer(body, parameters)
    return arguments(function, _material(body))


def _is_demanded(body: dict[str, Any]) -> bool:
    return isinstance(body.get("tool_choice"), Mapping)


def _tool_result(body: dict[str, Any]) -> str | None:
    """What a function has just answered."""
    messages = body.get("messages") or [{}]
    last = messages[-1]
    return str(last.get("content") or "") if last.get("role") == "tool" else None


def _answer(body: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    text = _material(body)
    if "scores" not in properties:
        if set(properties) == {"works"}:
            return {"works": True}
        return extract.values(schema, text)
    choices = _choices(body, properties["scores"])
    given = classify.scores(choices, text)
    best = max(given, key=lambda choice: given[choice])
    answer: dict[str, Any] = {"scores": given, "reason": classify.reason(best, choices, text)}
    if "evidence" in properties:
        chosen = next((choice for choice in choices if choice["id"] == best), {"id": best})
        answer["evidence"] = [] if best == classify.OTHERWISE else classify.evidence(chosen, text)
    if "fields" in properties:
        answer["fields"] = extract.values(properties["fields"], text)
    return answer


def _choices(body: dict[str, Any], scores: dict[str, Any]) -> list[dict[str, Any]]:
    found = _CHOICES.search(_said(body, "system"))
    if found:
        try:
            listed = json.loads(found.group(1).split("\n\nAnswer with one JSON object")[0])
        except ValueError:
            listed = []
        if listed:
            return list(listed)
    return [{"id": name, "title": name} for name in scores.get("properties", {})]


def _plain(body: dict[str, Any]) -> str:
    asked = _DATA.sub("", _said(body, "user"))
    result = _tool_result(body)
    return write.text_from(asked, _material(body) if result is None else result)


def _material(body: dict[str, Any]) -> str:
    """The data block of the last message that has one, else what the person said last."""
    said = [str(row.get("content") or "") for row in body.get("messages", ()) if row.get("role") == "user"]
    for text in reversed(said):
        if found := _DATA.search(text):
            return found.group(1)
    return said[-1] if said else ""


def _said(body: dict[str, Any], role: str) -> str:
    return "\n".join(
        str(row.get("content") or "") for row in body.get("messages", ()) if row.get("role") == role
    )


def _usage(body: dict[str, Any], message: dict[str, Any]) -> dict[str, int]:
    asked = len(json.dumps(body.get("messages", []))) // 4
    given = len(json.dumps(message)) // 4
    return {"prompt_tokens": asked, "completion_tokens": given, "total_tokens": asked + given}


async def _chunks(body: dict[str, Any], message: dict[str, Any], usage: dict[str, int]) -> Any:
    base = {
        "id": "chatcmpl-stream",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body.get("model", MODEL),
    }
    calls = [{"index": number, **call} for number, call in enumerate(message.get("tool_calls", ()))]
    delta = {**message, "content": message["content"] or "", **({"tool_calls": calls} if calls else {})}
    for choices in (
        [{"index": 0, "delta": delta, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}],
    ):
        yield f"data: {json.dumps({**base, 'choices': choices})}\n\n"
    yield f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n"


def make_app() -> Starlette:
    app = Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/switches", switches, methods=["GET", "POST"]),
        ]
    )
    app.state.demo = State()
    return app
