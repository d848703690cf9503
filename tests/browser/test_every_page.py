"""Every page, light and dark, wide and narrow: no error, no axe finding, and a picture to look at."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import picture
from tests.support.product import ROOT, Api

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

CHANGED = """() => Promise.allSettled(
  document.getAnimations().filter(each => each instanceof CSSTransition).map(each => each.finished)
)"""
"""Settles once no colour is on its way to another one."""


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
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    report = page.evaluate("async rules => await axe.run(document, {runOnly: rules})", RULES)
    return [f"{row['id']}: {row['nodes'][0]['html'][:160]}" for row in report["violations"]]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_clean(make_visitor: Any, api: Api, size: str) -> None:
    visitor = make_visitor(*SIZES[size])
    visitor.page.goto(f"{visitor.base}/sign-in")
    wrong = looked_at(visitor.page, f"sign-in-{size}")
    page = visitor.sign_in()
    for name, path in addresses(api).items():
        response = page.goto(visitor.base + path)
        assert response is not None
        assert response.status == 200, f"{path}: {response.status}"
        if name in {"editor", "run"}:
            page.locator(".react-flow__node, .outline li").first.wait_for()
        page.wait_for_load_state("load")
        wrong |= looked_at(page, f"{name}-{size}")
    assert wrong == {}


def looked_at(page: Page, name: str) -> dict[str, list[str]]:
    """What axe finds in each scheme, where it finds anything; the page itself is loaded once."""
    found = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(CHANGED)
        picture(page, f"{name}-{scheme}")
        found[scheme] = findings(page)
    return {f"{name}-{scheme}": rows for scheme, rows in found.items() if rows}
