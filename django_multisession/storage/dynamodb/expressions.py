"""Condition and update expressions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .encoding import Value


class Expression:
    """The placeholders for names and values that the expressions of one request use.

    Names are never written into an expression: a field's name may be one of DynamoDB's 573 reserved
    words, contain a dot, or be empty.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def name(self, *path: str) -> str:
        """Return the placeholder for an attribute, or the path to a member of it."""
        names = self._names
        if len(path) == 1:  # the usual case
            return names.setdefault(path[0], f"#{len(names)}")
        return ".".join(names.setdefault(part, f"#{len(names)}") for part in path)

    def value(self, value: Value) -> str:
        """Return a new placeholder for the value."""
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def where(self, name: str, operator: str, value: Value) -> str:
        return f"{self.name(name)} {operator} {self.value(value)}"

    def begins(self, name: str, text: str) -> str:
        return f"begins_with({self.name(name)}, {self.value({'S': text})})"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters that define the placeholders. DynamoDB refuses empty mappings."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        both = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}
        return {name: mapping for name, mapping in both.items() if mapping}


def projection(attributes: Iterable[str]) -> Mapping[str, Any]:
    """Return the parameters of a read that returns only these attributes."""
    expression = Expression()
    names = ",".join(expression.name(attribute) for attribute in dict.fromkeys(attributes))
    return {"ProjectionExpression": names, **expression.parameters()}
