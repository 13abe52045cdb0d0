"""Pools that ask nobody: a benchmark answers each question itself, at once."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from scripts.assistants.client import Answer, Question
from scripts.assistants.provider import Request

T = TypeVar("T")


class SimulatedPool:
    """Takes the place of an assistant's pool; `asked` counts requests by kind and model."""

    def __init__(self) -> None:
        self.asked = Counter[tuple[str, str]]()

    def ask(self, questions: Sequence[Question[T]]) -> list[Answer[T]]:
        self.asked.update((request.kind, request.model) for request, _ in questions)
        return [self.answer(*question) for question in questions]

    def start(self, questions: Sequence[Question[T]]) -> Callable[[], list[Answer[T]]]:
        answers = self.ask(questions)
        return lambda: answers

    def expect(self, requests: int) -> None:
        """Nobody waits."""

    def answer(self, request: Request, read: Callable[[str], T]) -> Answer[T]:
        """What becomes of one request."""
        raise NotImplementedError


class SimulatedJudges(SimulatedPool):
    """Answers for judges. garbage: share of the replies that nobody can read; chance: the next
    number from 0 to 1."""

    def __init__(self, garbage: float, chance: Callable[[], float]):
        super().__init__()
        self._garbage, self._chance = garbage, chance

    def answer(self, request: Request, read: Callable[[str], T]) -> Answer[T]:
        if request.kind == "relate":  # no placebo is about what is tested
            return Answer("answered", read('{"related": []}'))
        if self._chance() < self._garbage:
            return Answer("unparsable")
        return Answer("answered", read(json.dumps(self.verdicts(request))))

    def verdicts(self, request: Request) -> Mapping[str, str]:
        """A, B or neither by the number of the statement."""
        raise NotImplementedError
