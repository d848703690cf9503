"""`python -m examples.crm_server --data FILE --port PORT`: contacts and tickets over Streamable HTTP."""

import argparse

from examples.calls import open_database
from examples.crm_server.guides import DOCUMENTS, PROMPTS, RECORDS
from examples.crm_server.tools import SCHEMA, TOOLS, VERSION, fill
from examples.documents import handlers
from examples.serving import serve_http
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
    serve_http(server, options.port)


main()
