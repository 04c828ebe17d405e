"""AIGER, for ABC and the tools of hardware checkers: latches for the slots' bits.

Inputs choose the step; where what they choose is not possible, nothing changes. A
system that starts in many ways first makes one step in which inputs choose the
state, and has no bad state before. Each rule is a `bad` literal.
"""

from __future__ import annotations

from collections.abc import Iterator

from tdxcheck.checker.export.circuit import FALSE, TRUE, Circuit, Wiring, width
from tdxcheck.checker.export.names import Vocabulary
from tdxcheck.checker.export.start import first_states
from tdxcheck.checker.export.subject import Subject
from tdxcheck.checker.ground.system import GroundSlot


def aiger(subject: Subject) -> bytes:
    """The subject in the binary format."""
    return _Aiger(subject).binary()


def aiger_text(subject: Subject) -> str:
    """The subject in the format that people can read."""
    return _Aiger(subject).text()


def waits(subject: Subject) -> int:
    """The steps that the circuit makes before the first of the system's."""
    return int(any(slot.start is None for slot in subject.system.slots))


class _Aiger:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.system = subject.system
        self.words = Vocabulary(subject.system, ())
        self.free = [slot for slot in self.system.slots if slot.start is None]
        first_states(self.system, 1)  # Or it has none, and every rule would hold.
        self._count()
        self._wire()

    def _count(self) -> None:
        """Give numbers to the inputs and latches, and names."""
        self.inputs: list[str] = []
        self.latches: list[str] = []
        steps = max(len(self.system.steps) - 1, 0).bit_length()
        self.inputs += [f"step[{bit}]" for bit in range(steps)]
        for slot in self.free:
            name = self.words.slots[slot.number]
            self.inputs += [f"start_{bit}" for bit in _bits(name, slot)]
        for slot, name in zip(self.system.slots, self.words.slots, strict=True):
            self.latches += _bits(name, slot)
        if self.free:
            self.latches.append("started")
        literals = iter(range(2, 2 * (len(self.inputs) + len(self.latches)) + 1, 2))
        self.selector = [next(literals) for _ in range(steps)]
        self.choices = {
            s.number: [next(literals) for _ in _bits("", s)] for s in self.free
        }
        self.slots = [[next(literals) for _ in _bits("", s)] for s in self.system.slots]
        self.started = next(literals) if self.free else TRUE

    def _wire(self) -> None:
        self.circuit = circuit = Circuit(len(self.inputs) + len(self.latches))
        wiring = Wiring(circuit, self.slots)
        after = [list(bits) for bits in self.slots]
        for step in self.system.steps:
            asked = [
                literal ^ (~step.number >> place & 1)
                for place, literal in enumerate(self.selector)
            ]
            taken = circuit.all([*asked, wiring.all(step.guards)])
            for number, value in step.updates.items():
                held = wiring.held(value, self.system.slots[number].term)
                after[number] = circuit.vector(taken, held, after[number])
        allowed = self._allowed()
        begin = circuit.and_(allowed, self.started ^ 1)
        for slot in self.free:
            choice = self.choices[slot.number]
            moved = circuit.vector(
                self.started, after[slot.number], self.slots[slot.number]
            )
            after[slot.number] = circuit.vector(begin, choice, moved)
        fixed = [slot.number for slot in self.system.slots if slot.start is not None]
        for number in fixed if self.free else ():
            after[number] = circuit.vector(
                self.started, after[number], self.slots[number]
            )
        self.next = [literal for bits in after for literal in bits]
        self.reset = [bit for slot in self.system.slots for bit in _reset(slot)]
        if self.free:
            self.next.append(circuit.or_(self.started, begin))
            self.reset.append(FALSE)
        self.bad = [
            circuit.and_(self.started, wiring.truth(check.whole) ^ 1)
            for check in self.subject.checks
        ]

    def _allowed(self) -> int:
        """What the inputs choose is a state that the system can start in."""
        if not self.free:
            return TRUE
        starts = [
            self.choices.get(slot.number, _reset(slot)) for slot in self.system.slots
        ]
        wiring = Wiring(self.circuit, starts)
        within = []
        for slot in self.free:
            most = [
                slot.term.high - slot.term.low >> b & 1 for b in range(width(slot.term))
            ]
            choice = self.choices[slot.number]
            within.append(self.circuit.less(most, choice) ^ 1)
        return self.circuit.all([*within, wiring.all(self.system.initial)])

    def header(self, kind: str) -> str:
        inputs, latches = len(self.inputs), len(self.latches)
        gates, bad = len(self.circuit.gates), len(self.bad)
        total = inputs + latches + gates
        return f"{kind} {total} {inputs} {latches} 0 {gates} {bad}"

    def text(self) -> str:
        first = 1 + len(self.inputs)
        lines = [self.header("aag")]
        lines += [f"{2 * number}" for number in range(1, first)]
        lines += [
            f"{2 * (first + number)} {line}"
            for number, line in enumerate(self._latch_lines())
        ]
        lines += map(str, self.bad)
        for number, (high, low) in enumerate(self.circuit.gates, self.circuit.first):
            lines.append(f"{2 * number} {high} {low}")
        return "".join(f"{line}\n" for line in (*lines, *self._symbols()))

    def binary(self) -> bytes:
        lines = [self.header("aig"), *self._latch_lines(), *map(str, self.bad)]
        gates = bytearray()
        for number, (high, low) in enumerate(self.circuit.gates, self.circuit.first):
            gates += _packed(2 * number - high)
            gates += _packed(high - low)
        head = "".join(f"{line}\n" for line in lines).encode()
        tail = "".join(f"{line}\n" for line in self._symbols()).encode()
        return head + bytes(gates) + tail

    def _latch_lines(self) -> Iterator[str]:
        for literal, reset in zip(self.next, self.reset, strict=True):
            yield f"{literal} {reset}" if reset else f"{literal}"

    def _symbols(self) -> Iterator[str]:
        for letter, names in (
            ("i", self.inputs),
            ("l", self.latches),
            ("b", self.words.rules),
        ):
            for number, name in enumerate(names):
                yield f"{letter}{number} {name}"
        yield "c"
        yield self.subject.title
        yield from self.subject.notes
        for step, name in zip(self.system.steps, self.words.steps, strict=True):
            yield f"step {step.number}: {name}, {step.action.location}"
        for check, name in zip(self.subject.checks, self.words.rules, strict=True):
            yield f"bad {name}: {check.rule.mode.value}, {check.rule.location}"


def _bits(name: str, slot: GroundSlot) -> list[str]:
    if slot.term.boolean:
        return [name]
    return [f"{name}[{bit}]" for bit in range(width(slot.term))]


def _reset(slot: GroundSlot) -> list[int]:
    """What the latches of the slot hold at first."""
    code = 0 if slot.start is None else slot.start - slot.term.low
    return [code >> bit & 1 for bit in range(len(_bits("", slot)))]


def _packed(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    found = bytearray()
    while number >= 128:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
