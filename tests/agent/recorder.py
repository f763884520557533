"""A connection without a host: keeps what would be sent, answers what it was given."""

from __future__ import annotations

from typing import Any

from libcloud_ovm3.agent.connection import AgentConnection


class Recorder(AgentConnection):
    """:ivar calls: ``((function, *arguments), options)``, options without those that are None."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__("oracle", "pw", host="h")
        self.answer = answer
        self.calls: list[Any] = []

    def call(self, function: str, *arguments: Any, **options: Any) -> Any:
        given = {key: value for key, value in options.items() if value is not None}
        self.calls.append(((function, *arguments), given))
        return self.answer
