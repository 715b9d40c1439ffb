"""What in a server's configuration endangers sessions, or wastes memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..base import Finding

LISTPACK = 128  # bytes; user agents and Django's session hash are longer than the default 64

UNKNOWN = Finding(
    "unknown",
    "The Redis server does not tell its configuration (CONFIG GET).",
    "See to it that it evicts nothing (maxmemory-policy noeviction), keeps its data over a restart "
    f"(appendonly yes) and has hash-max-listpack-value {LISTPACK} or more.",
)


def findings(configurations: Iterable[Mapping[str, str]]) -> list[Finding]:
    """What is wrong with any of the servers, once."""
    found = {finding.name: finding for each in configurations for finding in _findings(each)}
    return list(found.values())


def _findings(configuration: Mapping[str, str]) -> Iterable[Finding]:
    policy = configuration["maxmemory-policy"]
    if policy != "noeviction" and configuration["maxmemory"] != "0":
        yield Finding(
            "eviction",
            f"A full Redis server drops sessions, and the index of whose they are ({policy}): "
            "people are logged out, or cannot be logged out everywhere.",
            "Set maxmemory-policy noeviction, and keep caches on another server.",
        )
    if not configuration["save"] and configuration["appendonly"] == "no":
        yield Finding(
            "persistence",
            "The Redis server keeps nothing on disk: a restart logs everybody out.",
            "Set appendonly yes.",
        )
    # Redis before 7 called it ziplist.
    names = ("hash-max-listpack-value", "hash-max-ziplist-value")
    longest = next((configuration[name] for name in names if name in configuration), "0")
    if int(longest) < LISTPACK:
        yield Finding(
            "memory",
            f"Every session takes about twice the memory it needs: {names[0]} is {longest}, and "
            "values of a session are longer.",
            f"Set {names[0]} {LISTPACK} or more (measured: 373 bytes a session instead of 729).",
        )
