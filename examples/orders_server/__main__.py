"""`python -m examples.orders_server --data FILE`: orders and parcels over stdio."""

import argparse

import anyio

from examples.calls import open_database
from examples.orders_server.data import SCHEMA, fill
from examples.orders_server.tools import TOOLS, VERSION
from examples.serving import serve_stdio
from examples.tools import make_server


async def main() -> None:
    parser = argparse.ArgumentParser(description="Orders and parcels of the demo shop, over stdio.")
    parser.add_argument("--data", required=True, help="SQLite file; it is made if it is not there")
    database = open_database(parser.parse_args().data, SCHEMA)
    fill(database)
    server = make_server("orders", VERSION, "Orders and parcels of the demo shop.", TOOLS, database)
    await serve_stdio(server)


anyio.run(main)
