"""`python -m examples.payments_server --data FILE`: payments and what was paid back, over stdio."""

import argparse

import anyio

from examples.calls import open_database
from examples.payments_server.tools import SCHEMA, TOOLS, VERSION, fill
from examples.serving import serve_stdio
from examples.tools import make_server


async def main() -> None:
    parser = argparse.ArgumentParser(description="Payments of the demo shop, over stdio.")
    parser.add_argument("--data", required=True, help="SQLite file; it is made if it is not there")
    database = open_database(parser.parse_args().data, SCHEMA)
    fill(database)
    await serve_stdio(make_server("payments", VERSION, "Payments of the demo shop.", TOOLS, database))


anyio.run(main)
