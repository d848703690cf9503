"""Patchbay's own tools, each one thing: look at workflows, runs and the inbox, start, cancel, answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import mcp_types as wire
from pydantic import BaseModel

from builder.http.database import in_database
from builder.http.idempotency import body_digest, once
from builder.http.paging import newest_first
from builder.inbox.actions import answer_item
from builder.inbox.queries import items_for
from builder.mcp_endpoint import shapes
from builder.mcp_endpoint.calling import Call, run_and_wait
from builder.mcp_endpoint.failures import ToolFailed, with_errors
from builder.mcp_endpoint.found import (
    item_with_id,
    run_with_id,
    slugs_of,
    view_of_item,
    view_of_run,
    view_of_workflow,
    workflow_named,
)
from builder.mcp_endpoint.offered import offered_tools
from builder.monitoring import actions
from builder.monitoring.queries import runs_of
from builder.workflows.queries import workflows

Taken = TypeVar("Taken", bound=BaseModel)


@dataclass(frozen=True)
class OwnTool(Generic[Taken]):
    """One tool.

    gives         of the structured result; None for what a workflow replies
    answer        does it; for most in the database
    reads_only, destructive, idempotent   the hints that callers decide by whether to ask a person first
    """

    name: str
    title: str
    description: str
    takes: type[Taken]
    gives: type[BaseModel] | None
    answer: Callable[[Call, Taken], Awaitable[wire.CallToolResult]]
    reads_only: bool = True
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = False

    def as_definition(self) -> wire.Tool:
        gives = with_errors(_schema(self.gives)) if self.gives else None
        return wire.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=_schema(self.takes),
            output_schema=_with_definitions_on_top(gives) if gives else None,
            annotations=wire.ToolAnnotations(
                read_only_hint=self.reads_only,
                destructive_hint=self.destructive,
                idempotent_hint=self.idempotent,
                open_world_hint=self.open_world,
            ),
        )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Without the class's own name and docstring, which are for readers of the code."""
    schema = model.model_json_schema()
    return {name: value for name, value in schema.items() if name not in {"title", "description"}}


def _with_definitions_on_top(schema: dict[str, Any]) -> dict[str, Any]:
    """References begin at the root, so that is where the definitions stand."""
    forms = [dict(form) for form in schema["anyOf"]]
    definitions: dict[str, Any] = {}
    for form in forms:
        definitions |= form.pop("$defs", {})
    return {**schema, "anyOf": forms} | ({"$defs": definitions} if definitions else {})


def shown(view: BaseModel) -> wire.CallToolResult:
    """A structured result, and the same as text."""
    body = view.model_dump(mode="json")
    text = wire.TextContent(type="text", text=json.dumps(body, ensure_ascii=False))
    return wire.CallToolResult(content=[text], structured_content=body)


def in_one_go(
    act: Callable[[Call, Taken], BaseModel],
) -> Callable[[Call, Taken], Awaitable[wire.CallToolResult]]:
    """A tool that is done once the database has answered."""

    async def answer(call: Call, given: Taken) -> wire.CallToolResult:
        return shown(await in_database(act, call, given))

    return answer


# --- workflows --------------------------------------------------------------------------------------------


def list_workflows(call: Call, given: shapes.ListWorkflowsArguments) -> shapes.WorkflowPage:
    rows = workflows().filter(workspace=call.member.workspace)
    if given.query:
        rows = rows.filter(name__icontains=given.query)
    tools = list(offered_tools(call.member.workspace))
    page = newest_first(
        rows,
        cursor=given.cursor,
        limit=given.limit,
        show=lambda row: shapes.WorkflowBrief(**shapes.WorkflowBrief.facts_of(row, tools)),
    )
    return shapes.WorkflowPage(**page)


def describe_workflow(call: Call, given: shapes.WorkflowArguments) -> shapes.WorkflowView:
    return view_of_workflow(call.member, workflow_named(call.member, given.workflow))


async def run_workflow(call: Call, given: shapes.RunWorkflowArguments) -> wire.CallToolResult:
    workflow = await in_database(workflow_named, call.member, given.workflow)
    return await run_and_wait(
        call,
        workflow,
        scope="run_workflow",
        given=given.input,
        trigger=given.trigger,
        wait_s=given.wait_s,
    )


# --- runs -------------------------------------------------------------------------------------------------


def list_runs(call: Call, given: shapes.ListRunsArguments) -> shapes.RunPage:
    workflow = workflow_named(call.member, given.workflow) if given.workflow else None
    rows = runs_of(call.member, workflow=workflow.pk if workflow else None, status=given.status)
    page = newest_first(rows, cursor=given.cursor, limit=given.limit, show=lambda run: run)
    slugs = slugs_of(page["items"])
    items = [
        shapes.RunBrief(**shapes.RunBrief.facts_of(run, slugs.get(run.workflow_id, "")))
        for run in page["items"]
    ]
    return shapes.RunPage(items=items, next=page["next"])


def get_run(call: Call, given: shapes.GetRunArguments) -> shapes.RunView:
    return view_of_run(run_with_id(call.member, given.run_id), full=given.full)


def cancel_run(call: Call, given: shapes.CancelRunArguments) -> shapes.RunHandle:
    run = actions.cancel_run(call.member, run_with_id(call.member, given.run_id), reason=given.reason)
    message = "Nothing new starts; what is running is told. get_run says when it has ended."
    return shapes.RunHandle(run_id=run.pk, status=run.status, message=message)


# --- the inbox --------------------------------------------------------------------------------------------


def list_inbox(call: Call, given: shapes.ListInboxArguments) -> shapes.InboxPage:
    rows = items_for(call.member)
    if given.status != "all":
        rows = rows.filter(status=given.status)
    return shapes.InboxPage(**newest_first(rows, cursor=given.cursor, limit=given.limit, show=view_of_item))


def answer_inbox_item(call: Call, given: shapes.AnswerArguments) -> shapes.InboxItemView:
    item = item_with_id(call.member, given.item_id)

    def act() -> dict[str, Any]:
        answer_item(call.member, item, choice=given.choice, answers=given.answers, comment=given.comment)
        return {"item": str(item.pk)}

    # As of the REST API: the item is read anew.
    once(item.pk, "mcp.answer_inbox_item", call.key, body_digest(given.model_dump(mode="json")), act)
    return view_of_item(item_with_id(call.member, given.item_id))


OWN_TOOLS: Mapping[str, OwnTool[Any]] = {
    tool.name: tool
    for tool in (
        OwnTool(
            name="list_workflows",
            title="List workflows",
            description="The workflows of this workspace, newest first, with the names of the tools that call them. "
            "A workflow without a live version cannot be run yet.",
            takes=shapes.ListWorkflowsArguments,
            gives=shapes.WorkflowPage,
            answer=in_one_go(list_workflows),
        ),
        OwnTool(
            name="describe_workflow",
            title="Describe a workflow",
            description="What a workflow does step by step, and which input each of its triggers takes. "
            "Ask this before run_workflow.",
            takes=shapes.WorkflowArguments,
            gives=shapes.WorkflowView,
            answer=in_one_go(describe_workflow),
        ),
        OwnTool(
            name="run_workflow",
            title="Run a workflow",
            description="Start a run of the live version and wait for its reply. If the run takes longer or waits for "
            "a person, the answer is a run_id to ask get_run with. With "
            '_meta["patchbay.dev/idempotency-key"] the same call never starts a second run.',
            takes=shapes.RunWorkflowArguments,
            gives=None,
            answer=run_workflow,
            reads_only=False,
            destructive=True,
            idempotent=False,
            open_world=True,
        ),
        OwnTool(
            name="list_runs",
            title="List runs",
            description="Runs of this workspace, newest first; of one workflow or with one status if wanted.",
            takes=shapes.ListRunsArguments,
            gives=shapes.RunPage,
            answer=in_one_go(list_runs),
        ),
        OwnTool(
            name="get_run",
            title="Look at a run",
            description="How a run stands: status, reply, error, what it waits for, and each of its steps.",
            takes=shapes.GetRunArguments,
            gives=shapes.RunView,
            answer=in_one_go(get_run),
        ),
        OwnTool(
            name="cancel_run",
            title="Cancel a run",
            description="End a run that goes on. Steps that are done stay done.",
            takes=shapes.CancelRunArguments,
            gives=shapes.RunHandle,
            answer=in_one_go(cancel_run),
            reads_only=False,
            destructive=True,
        ),
        OwnTool(
            name="list_inbox",
            title="List the inbox",
            description="What waits for an answer of the person whose token this is, with the choices and fields.",
            takes=shapes.ListInboxArguments,
            gives=shapes.InboxPage,
            answer=in_one_go(list_inbox),
        ),
        OwnTool(
            name="answer_inbox_item",
            title="Answer an inbox item",
            description="Choose for a run that waits; it goes on at once and the answer cannot be taken back. "
            "Ask the person before you decide in their name.",
            takes=shapes.AnswerArguments,
            gives=shapes.InboxItemView,
            answer=in_one_go(answer_inbox_item),
            reads_only=False,
            destructive=True,
            idempotent=False,
        ),
    )
}


async def answer_own(call: Call, tool: OwnTool[Any], verb: str) -> wire.CallToolResult:
    """Raises ToolFailed, ValidationError and what actions raise."""
    if not call.member.may(verb):
        raise forbidden(tool.name, call)
    return await tool.answer(call, tool.takes.model_validate(call.arguments))


def forbidden(name: str, call: Call) -> ToolFailed:
    text = f'The role "{call.member.role}" of this token may not use {name}. Use a token with another role.'
    return ToolFailed("FORBIDDEN", text)
