"""What a model call has cost: the tokens of all its tries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runtime.gateways import ModelSettings
from runtime.llm.answers import Answer


@dataclass(frozen=True)
class Usage:
    """Tokens of all tries of one call; cost in US dollars where the price is known."""

    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    model: str

    def as_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


class Spent:
    """Adds up the tokens of every try."""

    def __init__(self, model: ModelSettings) -> None:
        self._model = model
        self._input = self._output = 0
        self.tries = 0

    def add(self, answer: Answer) -> None:
        self.tries += 1
        self._input += answer.input_tokens
        self._output += answer.output_tokens

    @property
    def usage(self) -> Usage:
        return Usage(self._input, self._output, self._cost_usd(), self._model.model)

    def _cost_usd(self) -> float | None:
        paid_in, paid_out = self._model.input_price_per_m, self._model.output_price_per_m
        if paid_in is None or paid_out is None:
            return None
        return (self._input * paid_in + self._output * paid_out) / 1_000_000
