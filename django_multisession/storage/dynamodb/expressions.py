"""The language of conditions and updates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .encoding import Value


class Expression:
    """Placeholders for names and values.

    No name is ever part of an expression: a field may be called like one of DynamoDB's 573 reserved
    words, hold a dot, or be empty.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def name(self, *path: str) -> str:
        """Of an attribute, or of what is inside it."""
        names = self._names
        if len(path) == 1:  # nearly always
            return names.setdefault(path[0], f"#{len(names)}")
        return ".".join(names.setdefault(part, f"#{len(names)}") for part in path)

    def value(self, value: Value) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def where(self, name: str, operator: str, value: Value) -> str:
        return f"{self.name(name)} {operator} {self.value(value)}"

    def begins(self, name: str, text: str) -> str:
        return f"begins_with({self.name(name)}, {self.value({'S': text})})"

    def parameters(self) -> dict[str, Any]:
        """Of a request, beside the expressions. DynamoDB refuses an empty mapping."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        both = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}
        return {name: mapping for name, mapping in both.items() if mapping}


def projection(attributes: Iterable[str]) -> Mapping[str, Any]:
    """The parameters that have only these attributes travel."""
    expression = Expression()
    names = ",".join(expression.name(attribute) for attribute in dict.fromkeys(attributes))
    return {"ProjectionExpression": names, **expression.parameters()}
