"""`python -m examples.carrier_server --data FILE --port PORT`: what a parcel service knows, over Streamable HTTP."""

import argparse

from examples.calls import open_database
from examples.carrier_server.tools import SCHEMA, TOOLS, VERSION, fill
from examples.serving import serve_http
from examples.tools import make_server


def main() -> None:
    parser = argparse.ArgumentParser(description="Parcels of a carrier, over Streamable HTTP.")
    parser.add_argument("--data", required=True, help="SQLite file; it is made if it is not there")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    database = open_database(options.data, SCHEMA)
    fill(database)
    serve_http(make_server("carrier", VERSION, "Parcels of a carrier.", TOOLS, database), options.port)


main()
