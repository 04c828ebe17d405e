"""A simulator of AIGER files, in both of their forms, of no use but in tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """A circuit with latches, its parts by their literals."""

    inputs: tuple[int, ...]
    latches: Mapping[int, tuple[int, int]]
    """What each latch holds next, and what it holds at first."""
    bad: tuple[int, ...]
    gates: Mapping[int, tuple[int, int]]
    names: Mapping[str, str]
    """By `i0`, `l0`, `b0` and so on."""

    def reset(self) -> dict[int, int]:
        return {latch: first for latch, (_, first) in self.latches.items()}

    def _wires(
        self, state: Mapping[int, int], inputs: Mapping[int, int]
    ) -> dict[int, int]:
        wires = {0: 0, **dict.fromkeys(self.inputs, 0), **inputs, **state}
        for gate, (one, other) in self.gates.items():
            wires[gate] = _value(wires, one) & _value(wires, other)
        return wires

    def after(
        self, state: Mapping[int, int], inputs: Mapping[int, int]
    ) -> dict[int, int]:
        wires = self._wires(state, inputs)
        return {
            latch: _value(wires, next_) for latch, (next_, _) in self.latches.items()
        }

    def broken(self, state: Mapping[int, int]) -> list[int]:
        wires = self._wires(state, {})
        return [_value(wires, literal) for literal in self.bad]

    def named(self, kind: str) -> dict[str, int]:
        """The literals of the inputs (`i`) or latches (`l`), by name."""
        literals: Sequence[int] = self.inputs if kind == "i" else list(self.latches)
        return {self.names[f"{kind}{n}"]: lit for n, lit in enumerate(literals)}


def _value(wires: Mapping[int, int], literal: int) -> int:
    return wires[literal & ~1] ^ literal & 1


def read_text(text: str) -> Machine:
    lines = iter(text.splitlines())
    kind, *numbers = next(lines).split()
    total, inputs, latches, outputs, gates, bad = map(int, numbers)
    assert (kind, outputs) == ("aag", 0)
    assert total == inputs + latches + gates
    found_inputs = tuple(int(next(lines)) for _ in range(inputs))
    found_latches = {}
    for _ in range(latches):
        latch, *rest = map(int, next(lines).split())
        found_latches[latch] = (rest[0], rest[1] if len(rest) > 1 else 0)
    found_bad = tuple(int(next(lines)) for _ in range(bad))
    found_gates = {}
    for _ in range(gates):
        gate, one, other = map(int, next(lines).split())
        found_gates[gate] = (one, other)
    return Machine(found_inputs, found_latches, found_bad, found_gates, _names(lines))


def read_binary(content: bytes) -> Machine:
    head, _, rest = content.partition(b"\n")
    kind, *numbers = head.decode().split()
    _, inputs, latches, outputs, gates, bad = map(int, numbers)
    assert (kind, outputs) == ("aig", 0)
    found_latches = {}
    for number in range(inputs + 1, inputs + latches + 1):
        line, _, rest = rest.partition(b"\n")
        next_, *first = map(int, line.split())
        found_latches[2 * number] = (next_, first[0] if first else 0)
    found_bad = []
    for _ in range(bad):
        line, _, rest = rest.partition(b"\n")
        found_bad.append(int(line))
    found_gates = {}
    for number in range(inputs + latches + 1, inputs + latches + gates + 1):
        less, rest = _unpacked(rest)
        lesser, rest = _unpacked(rest)
        high = 2 * number - less
        found_gates[2 * number] = (high, high - lesser)
    return Machine(
        tuple(range(2, 2 * inputs + 1, 2)),
        found_latches,
        tuple(found_bad),
        found_gates,
        _names(iter(rest.decode().splitlines())),
    )


def _unpacked(content: bytes) -> tuple[int, bytes]:
    number = place = 0
    while True:
        byte, content = content[0], content[1:]
        number |= (byte & 127) << 7 * place
        place += 1
        if byte < 128:
            return number, content


def _names(lines: Iterable[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        if line == "c":
            break
        match = re.fullmatch(r"([ilb]\d+) (.*)", line)
        assert match
        found[match[1]] = match[2]
    return found
