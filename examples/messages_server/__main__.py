"""`python -m examples.messages_server --data FILE`: messages to customers, over stdio."""

import argparse

import anyio

from examples.calls import open_database
from examples.messages_server.tools import SCHEMA, TOOLS, VERSION
from examples.serving import serve_stdio
from examples.tools import make_server


async def main() -> None:
    parser = argparse.ArgumentParser(description="Messages of the demo shop, over stdio.")
    parser.add_argument("--data", required=True, help="SQLite file; it is made if it is not there")
    database = open_database(parser.parse_args().data, SCHEMA)
    await serve_stdio(make_server("messages", VERSION, "Messages of the demo shop.", TOOLS, database))


anyio.run(main)
