"""Every page, light and dark, wide and narrow: no error, no axe finding, and a picture to look at."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import picture
from tests.support.product import ROOT, Api

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


def addresses(api: Api) -> dict[str, str]:
    """Name -> path of every page."""
    workflow = api.workflow("delayed-parcel")
    runs = api("GET", "/runs?status=succeeded")["items"]
    item = api("GET", "/inbox?status=all")["items"][0]
    server = next(row for row in api("GET", "/mcp-servers")["items"] if row["slug"] == "orders")
    model = api("GET", "/model-connections")["items"][0]
    return {
        "home": "/",
        "workflows": "/workflows",
        "workflows-archived": "/workflows?show=archived",
        "editor": f"/workflows/{workflow['id']}",
        "runs": "/runs",
        "run": f"/runs/{runs[0]['id']}",
        "inbox": "/inbox",
        "inbox-item": f"/inbox/{item['id']}",
        "mcp-servers": "/mcp-servers",
        "mcp-server": f"/mcp-servers/{server['id']}",
        "mcp-server-settings": f"/mcp-servers/{server['id']}/settings",
        "mcp-inspector": f"/mcp-servers/{server['id']}/inspector?kind=tool&name=get_order",
        "mcp-tool": f"/mcp-servers/{server['id']}/tools/get_order",
        "mcp-server-new": "/mcp-servers/new",
        "mcp-server-import": "/mcp-servers/import",
        "model-connections": "/model-connections",
        "model-connection": f"/model-connections/{model['id']}",
        "model-connection-new": "/model-connections/new?preset=openai",
        "profile": "/settings/profile",
        "workspace": "/settings/workspace",
        "members": "/settings/members",
        "tokens": "/settings/tokens",
        "mcp-endpoint": "/settings/mcp",
        "programs": "/settings/programs",
        "budgets": "/settings/budgets",
        "audit": "/settings/audit",
    }


def findings(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    report = page.evaluate("async rules => await axe.run(document, {runOnly: rules})", RULES)
    return [f"{row['id']}: {row['nodes'][0]['html'][:160]}" for row in report["violations"]]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_every_page_is_clean(make_visitor: Any, api: Api, scheme: str, size: str) -> None:
    visitor = make_visitor(*SIZES[size], scheme)
    visitor.page.goto(f"{visitor.base}/sign-in")
    picture(visitor.page, f"sign-in-{size}-{scheme}")
    page = visitor.sign_in()
    wrong: dict[str, list[str]] = {}
    for name, path in addresses(api).items():
        response = page.goto(visitor.base + path)
        assert response is not None
        assert response.status == 200, f"{path}: {response.status}"
        if name in {"editor", "run"}:
            page.locator(".react-flow__node, .outline li").first.wait_for()
        page.wait_for_load_state("load")
        picture(page, f"{name}-{size}-{scheme}")
        if found := findings(page):
            wrong[name] = found
    assert wrong == {}
