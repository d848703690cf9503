"""`python -m examples.demo_model --port PORT`: the rule-based model, on this machine only."""

import argparse

import uvicorn

from examples.demo_model.app import make_app

parser = argparse.ArgumentParser(
    description="A rule-based stand-in for a language model, with the OpenAI API."
)
parser.add_argument("--port", type=int, required=True)
uvicorn.run(make_app(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")
