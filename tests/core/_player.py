"""Plays the driver of a flow: answers its steps from a script, on a clock of its own. Nothing is sent and nobody waits."""

from __future__ import annotations

from collections import deque

from llmengine_integrations.core._operation import Operation
from llmengine_integrations.core._steps import Done, Emit, Local, Now, Sleep, advance


class Player:
    """Answers each operation with the next of `answers`: a value to send back, an error to raise, or a function of the operation."""

    def __init__(self, *answers, clock: float = 1000.0) -> None:
        self.answers = deque(answers)
        self.clock = clock
        self.slept: list[float] = []
        self.asked: list[Operation] = []
        self.emitted: list = []

    def run(self, flow):
        """Run a flow to its end."""
        step = advance(flow)
        while not isinstance(step, Done):
            answer, error = None, None
            try:
                answer = self._answer(step)
            except Exception as raised:  # noqa: BLE001 - as the drivers do
                error = raised
            step = advance(flow, answer, error)
        assert not self.answers, f"Never asked for: {self.answers}"
        return step.result

    def _answer(self, step):
        match step:
            case Sleep():
                self.slept.append(step.seconds)
                self.clock += step.seconds
            case Now():
                return self.clock
            case Local():
                return step.work()
            case Emit():
                self.emitted.append(step.item)
            case _:
                return self._reply(step)
        return None

    def _reply(self, operation):
        self.asked.append(operation)
        assert self.answers, f"No answer to {operation}"
        answer = self.answers.popleft()
        if callable(answer):
            answer = answer(operation)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [operation.request.path for operation in self.asked]
