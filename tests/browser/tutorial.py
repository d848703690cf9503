"""docs/tutorial.md as a script: the test that follows it must use its words, in its order."""

from __future__ import annotations

import re
import shlex

from tests.support.product import ROOT

_FENCED = re.compile(r"^```\n(.*?)^```", re.DOTALL | re.MULTILINE)
_WORDS = re.compile(r"\*\*(.+?)\*\*|`(.+?)`", re.DOTALL)


class Tutorial:
    """Calling it with the next words that the tutorial emphasizes gives them back; with others it fails."""

    def __init__(self) -> None:
        text = (ROOT / "docs" / "tutorial.md").read_text()
        self.commands = _FENCED.findall(text)
        story = _FENCED.sub("", text).split("## 1.", 1)[1].rsplit("Where to go from here", 1)[0]
        self._words = [(bold or code).replace("\n", " ") for bold, code in _WORDS.findall(story)]

    def __call__(self, words: str) -> str:
        assert self._words, f"the tutorial has ended, and does not say {words!r}"
        assert self._words.pop(0) == words
        return words

    @property
    def rest(self) -> list[str]:
        return self._words

    @property
    def posted(self) -> str:
        """The body that the tutorial's curl command posts."""
        arguments = shlex.split(self.commands[0])
        return arguments[arguments.index("-d") + 1]

    @property
    def reply(self) -> str:
        return self.commands[1].strip()
