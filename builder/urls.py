from django.urls import URLPattern, URLResolver, path

from builder.accounts import views as accounts
from builder.api import api
from builder.budgets import views as budgets
from builder.home import views as home
from builder.http import views as http
from builder.inbox import views as inbox
from builder.llm_connections import views as models
from builder.mcp_endpoint import views as mcp_endpoint
from builder.mcp_servers import inspector as mcp_inspector
from builder.mcp_servers import oauth_views as mcp_oauth
from builder.mcp_servers import tool_test_views as mcp_tests
from builder.mcp_servers import views as mcp
from builder.monitoring import views as monitoring
from builder.oauth_server import consent, programs
from builder.oauth_server import views as oauth
from builder.triggers import views as triggers
from builder.workflows import views as workflows

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("try-example", home.try_example, name="try_example"),
    # workflows
    path("workflows", workflows.workflows, name="workflows"),
    path("workflows/<uuid:workflow_id>", workflows.editor, name="editor"),
    path("workflows/<uuid:workflow_id>/pause", workflows.pause, name="pause_workflow"),
    path("workflows/<uuid:workflow_id>/resume", workflows.resume, name="resume_workflow"),
    path("workflows/<uuid:workflow_id>/archive", workflows.archive, name="archive_workflow"),
    path("workflows/<uuid:workflow_id>/restore", workflows.restore, name="restore_workflow"),
    # runs
    path("runs", monitoring.runs, name="runs"),
    path("runs/<uuid:run_id>", monitoring.run, name="run"),
    # inbox
    path("inbox", inbox.inbox, name="inbox"),
    path("inbox/count", inbox.count, name="inbox_count"),
    path("inbox/<uuid:item_id>", inbox.item, name="inbox_item"),
    # MCP servers
    path("mcp-servers", mcp.server_list, name="mcp_servers"),
    path("mcp-servers/new", mcp.new_server, name="new_mcp_server"),
    path("mcp-servers/import", mcp.import_servers, name="import_mcp_servers"),
    path("mcp-servers/<uuid:server_id>", mcp.server_page, name="mcp_server"),
    path("mcp-servers/<uuid:server_id>/settings", mcp.server_settings, name="mcp_server_settings"),
    path("mcp-servers/<uuid:server_id>/refresh", mcp.refresh, name="refresh_mcp_server"),
    path("mcp-servers/<uuid:server_id>/doctor", mcp.examine, name="examine_mcp_server"),
    path("mcp-servers/<uuid:server_id>/inspector", mcp_inspector.inspector, name="mcp_inspector"),
    path("mcp-servers/<uuid:server_id>/tests", mcp_tests.save, name="save_mcp_test"),
    path("mcp-servers/<uuid:server_id>/tests/<uuid:test_id>/run", mcp_tests.run, name="run_mcp_test"),
    path(
        "mcp-servers/<uuid:server_id>/tests/<uuid:test_id>/remove", mcp_tests.remove, name="remove_mcp_test"
    ),
    path("mcp-servers/<uuid:server_id>/remove", mcp.remove, name="remove_mcp_server"),
    path("mcp-servers/<uuid:server_id>/connect", mcp_oauth.connect, name="connect_mcp_server"),
    path("mcp-servers/<uuid:server_id>/disconnect", mcp_oauth.disconnect, name="disconnect_mcp_server"),
    path("mcp-servers/oauth/callback", mcp_oauth.callback, name="mcp_oauth_callback"),
    path("mcp-servers/oauth/client.json", mcp_oauth.client_document, name="mcp_oauth_client"),
    path("mcp-servers/<uuid:server_id>/tools/<str:name>", mcp.tool_page, name="mcp_tool"),
    path("mcp-servers/<uuid:server_id>/tools/<str:name>/call", mcp.call_tool, name="call_mcp_tool"),
    # model connections
    path("model-connections", models.connections, name="model_connections"),
    path("model-connections/new", models.new_connection, name="new_model_connection"),
    path("model-connections/<uuid:connection_id>", models.connection, name="model_connection"),
    path("model-connections/<uuid:connection_id>/test", models.test, name="test_model_connection"),
    path(
        "model-connections/<uuid:connection_id>/default", models.make_default, name="default_model_connection"
    ),
    path("model-connections/<uuid:connection_id>/remove", models.remove, name="remove_model_connection"),
    # people and settings
    path("sign-in", accounts.sign_in, name="sign_in"),
    path("sign-out", accounts.sign_out, name="sign_out"),
    path("workspaces/<slug:slug>", accounts.choose_workspace, name="choose_workspace"),
    path("settings", accounts.settings, name="settings"),
    path("settings/profile", accounts.profile, name="settings_profile"),
    path("settings/workspace", accounts.workspace, name="settings_workspace"),
    path("settings/budgets", budgets.budgets, name="settings_budgets"),
    path("settings/members", accounts.members, name="settings_members"),
    path("settings/members/<uuid:membership_id>", accounts.change_member, name="change_member"),
    path("settings/tokens", accounts.tokens, name="settings_tokens"),
    path("settings/tokens/<uuid:token_id>/revoke", accounts.revoke, name="revoke_token"),
    path("settings/mcp", mcp_endpoint.settings_page, name="settings_mcp"),
    path("settings/programs", programs.connected, name="settings_programs"),
    path("settings/programs/<uuid:grant_id>/disconnect", programs.disconnect, name="disconnect_program"),
    path("settings/audit", accounts.audit, name="settings_audit"),
    # sign-in of programs (OAuth)
    path(".well-known/oauth-protected-resource/mcp", oauth.resource_metadata),
    path(".well-known/oauth-authorization-server", oauth.server_metadata),
    path(".well-known/mcp/server.json", mcp_endpoint.server_json),
    path("oauth/authorize", oauth.authorize),
    path("oauth/consent", consent.consent, name="oauth_consent"),
    path("oauth/token", oauth.token),
    path("oauth/register", oauth.register),
    path("oauth/revoke", oauth.revoke),
    # public addresses
    path("forms/<str:token>", triggers.form_page, name="form"),
    path("healthz", http.healthz, name="healthz"),
    path("readyz", http.readyz, name="readyz"),
    path("favicon.ico", http.favicon, name="favicon"),
    path("api/v1/", api.urls),
]
handler403 = "builder.http.views.forbidden"
handler404 = "builder.http.views.not_found"
handler500 = "builder.http.views.server_error"
