"""A stdio server that breaks the rules, as a script: the tool that is called names the way it does.

The first argument says how it behaves before that: `dies`, `mute`, `endless`, `crowded`, or `normal`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

START = sys.argv[1] if len(sys.argv) > 1 else "normal"


def main() -> None:
    if START == "dies":
        sys.exit("the licence file is missing")
    for line in sys.stdin:
        message = json.loads(line)
        if START == "mute" or "id" not in message:
            continue
        handle(message)


def handle(message: dict[str, Any]) -> None:
    match message["method"]:
        case "initialize":
            info = {"name": "hostile", "version": "0.1"}
            version = message["params"]["protocolVersion"]
            give(message, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        case "tools/list":
            give(message, listing())
        case "tools/call":
            call(message, message["params"]["name"], message["params"].get("arguments") or {})
        case _:
            refuse(message, -32601, "Method not found")


def listing() -> dict[str, Any]:
    count = 1100 if START == "crowded" else 1
    tools = [{"name": f"tool_{number}", "inputSchema": {"type": "object"}} for number in range(count)]
    return {"tools": tools, "nextCursor": "more"} if START == "endless" else {"tools": tools}


def call(message: dict[str, Any], name: str, arguments: dict[str, Any]) -> None:
    match name:
        case "no_newline":
            write("x" * (9 * 1024 * 1024))
            time.sleep(60)
        case "chatter":
            line = json.dumps(
                {"jsonrpc": "2.0", "method": "notifications/chatter", "params": {"x": "y" * 900_000}}
            )
            for _ in range(80):
                write(line + "\n")
            say(message, "done")
        case "exits":
            sys.stderr.write("out of memory\n")
            sys.stderr.flush()
            os._exit(3)
        case "answers_and_exits":
            say(message, "the last words")
            os._exit(0)
        case "silent":
            time.sleep(60)
        case "ignores":
            pass
        case "junk_first":
            write("Loading models…\n{not json}\n[]\n")
            say(message, "after the junk")
        case "wrong_shape":
            give(message, {"content": "this should be a list"})
        case "refuses_arguments":
            refuse(message, -32602, "order_id must be a number")
        case "not_structured":
            give(message, {"content": [], "structuredContent": {"total": "a lot"}})
        case "rate_limited":
            failed(message, json.dumps({"error": {"code": "RATE_LIMITED", "message": "Slow down."}}))
        case "plain_failure":
            failed(message, "The printer is on fire.")
        case "environment":
            say(message, json.dumps(dict(os.environ)))
        case "announces":
            changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            write(json.dumps(changed) + "\n")
            say(message, "announced")
        case "metadata":
            say(message, json.dumps(message["params"].get("_meta", {})))
        case "grandchild":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
            say(message, json.dumps({"server": os.getpid(), "grandchild": child.pid}))
        case "progress":
            token = message["params"]["_meta"]["progressToken"]
            params = {"progressToken": token, "progress": 1, "total": 4, "message": "Packing"}
            write(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}) + "\n")
            say(message, "packed")
        case _:
            say(message, json.dumps({"pid": os.getpid(), "arguments": arguments}))


def say(message: dict[str, Any], text: str) -> None:
    give(message, {"content": [{"type": "text", "text": text}]})


def failed(message: dict[str, Any], text: str) -> None:
    give(message, {"content": [{"type": "text", "text": text}], "isError": True})


def give(message: dict[str, Any], result: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")


def refuse(message: dict[str, Any], code: int, text: str) -> None:
    write(
        json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": text}}) + "\n"
    )


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
