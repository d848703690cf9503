"""`python -m examples.crm_server --data FILE --port PORT`: contacts and tickets over Streamable HTTP."""

import argparse

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from examples.calls import open_database
from examples.crm_server.guides import DOCUMENTS, PROMPTS, RECORDS
from examples.crm_server.tools import SCHEMA, TOOLS, VERSION, fill
from examples.documents import handlers
from examples.tools import make_server


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Contacts and tickets of the demo shop, over Streamable HTTP."
    )
    parser.add_argument("--data", required=True, help="SQLite file; it is made if it is not there")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    database = open_database(options.data, SCHEMA)
    fill(database)
    besides = handlers(database, DOCUMENTS, RECORDS, PROMPTS)
    server = make_server("crm", VERSION, "Contacts and tickets of the demo shop.", TOOLS, database, besides)
    hosts = [f"127.0.0.1:{options.port}", f"localhost:{options.port}"]
    app = server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=True,
        transport_security=TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[]),
    )
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


main()
