"""A bench: the module model set up like one recorded machine, ready for its calls.

It knows which element stands for which address, KeyID or register value, tells the
model what is wrong with a platform or a list of TDMRs, and reads the model's answer
and state as the real module's would be read. It never sees a recorded answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any

from tdxcheck.checker.language import Term, Variable
from tdxcheck.checker.language.instance import Assignment, Instance, Scope
from tdxcheck.checker.language.interpreter import Interpreter, View
from tdxcheck.checker.language.terms import Element
from tdxcheck.models.conformance.leaves import MODULE, Leaves
from tdxcheck.models.conformance.vectors import Platform, TdmrList
from tdxcheck.models.module.enumeration import UnknownRegister
from tdxcheck.models.module.platform import (
    Difference,
    Tables,
    check_platform,
    compare_early,
    compare_late,
    is_package_supported,
    package_read,
)
from tdxcheck.models.module.versions import TDMR_INIT_BYTES
from tdxcheck.spec.interleaving import Interleaved, Place
from tdxcheck.spec.layout import (
    ACCEPTED,
    GB1,
    KB4,
    TdmrInfo,
    Verdict,
)
from tdxcheck.spec.layout_rules import judge
from tdxcheck.spec.machine import Cpu, Hkid, Package, Tdmr
from tdxcheck.spec.module import (
    MAX_PKGS,
    Batch,
    Handoff,
    HandoffVersion,
    HkidState,
    Layout,
    Module,
    Page,
    Pages,
    Sample,
    Status,
)

BATCH_BYTES = TDMR_INIT_BYTES["1.5.01"]
HANDOFF_BYTES = 53386
"""The size of the handoff data that this module version writes."""
STATE = Interleaved()
"""The state as a rule reads it, for the definitions in it."""


@dataclass(frozen=True, eq=False)
class RecordedInstance(Instance):
    """An instance that lists the values of each sort once: a TDMR has many batches."""

    @cached_property
    def _listed(self) -> dict[Any, tuple[Any, ...]]:
        return {}

    def values(self, sort: Any) -> tuple[Any, ...]:
        if sort not in self._listed:
            self._listed[sort] = super().values(sort)
        return self._listed[sort]


@dataclass(frozen=True)
class Bench:
    """The names that a sequence uses, in the order in which elements stand for them."""

    platform: Platform
    layouts: tuple[TdmrList, ...]
    hkids: tuple[int, ...]
    pages: tuple[int, ...]
    differences: tuple[Difference | None, ...]
    versions: tuple[int, ...]
    leaves: Leaves

    @cached_property
    def layout_verdicts(self) -> tuple[Verdict, ...]:
        memory = self.platform.memory
        return tuple(judge(layout.tdmrs, memory) for layout in self.layouts)

    @cached_property
    def platform_verdicts(self) -> tuple[Verdict | UnknownRegister, ...]:
        """For each difference what TDH.SYS.INIT says, or why that is not known."""
        tables = Tables(
            self.platform.memory,
            self.platform.smrr,
            self.platform.module_hv,
            self.platform.handoff_pages,
        )
        return tuple(
            _known(partial(check_platform, difference, tables))
            for difference in self.differences
        )

    @cached_property
    def early_verdicts(self) -> Mapping[tuple[int, int], Verdict]:
        """The same of TDH.SYS.LP.INIT, for each reference and each LP's own."""
        return self._compare(compare_early)

    @cached_property
    def late_verdicts(self) -> Mapping[tuple[int, int], Verdict]:
        return self._compare(compare_late)

    def _compare(
        self, rule: Callable[[Difference | None, Difference | None], Verdict]
    ) -> Mapping[tuple[int, int], Verdict]:
        return {
            (i, j): rule(reference, own)
            for i, reference in enumerate(self.differences)
            for j, own in enumerate(self.differences)
        }

    @cached_property
    def packages(self) -> tuple[int, ...]:
        """The package numbers that elements stand for: the supported ones first."""
        read = {
            package_read(difference, package)
            for difference in self.differences
            for package in self.platform.lp_package
        }
        first = range(max(MAX_PKGS, self.platform.reported_pkgs))
        return elements(chain(first, sorted(read)), 0)

    @cached_property
    def scope(self) -> Scope:
        calls = [self._tdmr_batches(*at) for at in self._tdmrs]
        return {
            Cpu: max(len(self.platform.lp_package), self.platform.reported_lps),
            Package: len(self.packages),
            Hkid: len(self.hkids),
            Tdmr: max((len(layout.tdmrs) for layout in self.layouts), default=0) + 1,
            Layout: max(len(self.layouts), 1),
            Batch: max(calls, default=1),
            Sample: len(self.differences),
            HandoffVersion: len(self.versions),
            Page: len(self.pages),
        }

    @cached_property
    def interpreter(self) -> Interpreter:
        system = replace(MODULE, settings=self._settings())
        return Interpreter(RecordedInstance(system, self.scope))

    @cached_property
    def start(self) -> Assignment:
        """The state in which the module is loaded for the first time."""
        return next(self.interpreter.initial_states())

    def _settings(self) -> Mapping[Variable, Any]:
        platform = self.platform
        lps = platform.lp_package
        return {
            Module.counted: lambda cpu: cpu < platform.reported_lps,
            Module.package_of: lambda cpu: (
                self.packages.index(lps[cpu]) if cpu < len(lps) else 0
            ),
            Module.package_counted: lambda package: package < platform.reported_pkgs,
            Module.package_supported: lambda package: is_package_supported(
                self.packages[package]
            ),
            Module.init_check: lambda own: _status(self.platform_verdicts[own]),
            Module.lp_check: lambda *pair: self.early_verdicts[pair].status,
            Module.lp_check_late: lambda *pair: self.late_verdicts[pair].status,
            Module.package_misread: lambda own: (
                package_read(self.differences[own], 0) != 0
            ),
            Module.tdmr_batches: self._tdmr_batches,
            Module.handoff_version_readable: self._readable,
            Module.handoff_version_writable: self._writable,
            Pages.page_valid: lambda page: self.is_page(self.pages[page]),
            Pages.page_tdmr: lambda *at: self._place(*at)[0],
            Pages.page_batch: lambda *at: self._place(*at)[1],
            Pages.page_usable_from: lambda *at: self._place(*at)[2],
            Pages.page_reserved: lambda *at: self._place(*at)[3],
        }

    @property
    def _tdmrs(self) -> Iterator[tuple[int, int]]:
        """The numbers of each list and of each TDMR in it."""
        for number, layout in enumerate(self.layouts):
            for tdmr in range(len(layout.tdmrs)):
                yield number, tdmr

    def _tdmr_batches(self, layout: int, tdmr: int) -> int:
        """How many calls initialise a TDMR of a list that can be in force."""
        tdmrs = self._in_force(layout)
        return tdmrs[tdmr].area.size // BATCH_BYTES if tdmr < len(tdmrs) else 0

    def _in_force(self, layout: int) -> tuple[TdmrInfo, ...]:
        """The TDMRs of a list; none, if it is refused."""
        if not self.layouts or self.layout_verdicts[layout] is not ACCEPTED:
            return ()
        return self.layouts[layout].tdmrs

    def _readable(self, version: int) -> bool:
        number = self.versions[version]
        return self.platform.min_update_hv <= number <= self.platform.module_hv

    def _writable(self, version: int) -> bool:
        newest = self.versions[version] == self.platform.module_hv
        return self._readable(version) and (newest or not self.platform.no_downgrade)

    def is_page(self, address: int) -> bool:
        memory = self.platform.memory
        return address % KB4 == 0 and memory.is_plain(address)

    def _place(self, layout: int, page: int) -> tuple[int, int, int, bool]:
        """A page's TDMR, batch, the batch that completes its block; is it reserved."""
        address = self.pages[page]
        for number, tdmr in enumerate(self._in_force(layout)):
            if tdmr.area.base <= address < tdmr.area.end:
                offset = address - tdmr.area.base
                block_end = (offset // GB1 + 1) * GB1
                return (
                    number,
                    offset // BATCH_BYTES + 1,
                    block_end // BATCH_BYTES,
                    tdmr.is_reserved(address),
                )
        return 0, 0, 0, False

    def tdmr_at(self, state: Assignment, address: int) -> int:
        """The number of the TDMR with this base in the list in force, or of none."""
        if self.layouts:
            tdmrs = self.layouts[state[Module.layout, ()]].tdmrs
            for number, tdmr in enumerate(tdmrs):
                if tdmr.area.base == address:
                    return number
        return self.scope[Tdmr] - 1

    def next_address(self, state: Assignment, tdmr: int) -> int:
        """Up to where a TDMR is initialised, in whole blocks of 1 GB."""
        base = self.layouts[state[Module.layout, ()]].tdmrs[tdmr].area.base
        done = state[Module.tdmr_progress, (tdmr,)] * BATCH_BYTES
        return int(base + done // GB1 * GB1)

    def show(self, state: Assignment, wrong_size: int) -> dict[str, Any]:
        """The state, as the vectors tell a state."""
        lps = range(len(self.platform.lp_package))
        packages = range(self.scope[Package])
        shown: dict[str, Any] = {
            "sys": self._value(STATE.state_shown(), state).name,
            "lp_init": [int(state[Module.lp_initialized, (lp,)]) for lp in lps],
            "lp_pkg": [self.packages[state[Module.lp_package, (lp,)]] for lp in lps],
            "n_init_lps": sum(
                state[Module.lp_initialized, (cpu,)] for cpu in range(self.scope[Cpu])
            ),
            "n_init_pkgs": state[Module.n_init_pkgs, ()],
            "pkg_bitmap": sum(
                state[Module.key_configured, (package,)] << package
                for package in packages
            ),
        }
        hkids = list(enumerate(self.hkids))
        own = [keyid for hkid, keyid in hkids if state[Module.global_hkid, (hkid,)]]
        if own:
            shown["keyid"] = own[0]
        kot = {str(keyid): state[Module.kot, (hkid,)] for hkid, keyid in hkids}
        used = {key: each.name for key, each in kot.items() if each != HkidState.FREE}
        if used:
            shown["kot"] = used
        if self.is_configured(state):
            layout = self.layouts[state[Module.layout, ()]]
            shown["tdmr_init"] = [
                hex(state[Module.tdmr_progress, (tdmr,)] * BATCH_BYTES)
                for tdmr in range(len(layout.tdmrs))
            ]
        handoff = state[Module.handoff, ()]
        if handoff is not Handoff.NONE:
            right = state[Module.handoff_size_right, ()]
            key = "handoff" if handoff is Handoff.VALID else "handoff_invalid"
            shown[key] = {
                "hv": self.versions[state[Module.handoff_version, ()]],
                "size": HANDOFF_BYTES if right else wrong_size,
            }
        return shown | self._show_inside(state)

    def _show_inside(self, state: Assignment) -> dict[str, Any]:
        """Which LPs are inside, and what they hold; nothing where none is."""
        shown: dict[str, Any] = {}
        lps = range(len(self.platform.lp_package))
        if all(state[Interleaved.place, (lp,)] is Place.OUTSIDE for lp in lps):
            return shown
        cpus = [Element(Cpu, lp) for lp in lps]

        def flags(term: Callable[[Any], Term[bool]]) -> list[int]:
            return [int(self._value(term(cpu), state)) for cpu in cpus]

        busy = flags(STATE.busy)
        if any(busy):
            shown["busy"] = busy
        if any(flags(STATE.locks)):
            shown["lock"] = "exclusive"
        elif any(flags(STATE.shares_lock)):
            shown["lock"] = "shared"
        if self.is_configured(state):
            tdmrs = range(len(self.layouts[state[Module.layout, ()]].tdmrs))
            locked = [int(any(flags(partial(_locks_tdmr, tdmr)))) for tdmr in tdmrs]
            if any(locked):
                shown["tdmr_lock"] = locked
        return shown

    def _value(self, term: Term[Any], state: Assignment) -> Any:
        return self.interpreter.evaluate(term, View(state, {}))

    def is_configured(self, state: Assignment) -> bool:
        return state[Module.sys_state, ()].value >= 2 and bool(self.layouts)


def _locks_tdmr(tdmr: int, cpu: Any) -> Term[bool]:
    number: Any = Element(Tdmr, tdmr)
    return STATE.locks_tdmr(cpu, number)


def _known(rule: Callable[[], Verdict]) -> Verdict | UnknownRegister:
    """The verdict of a rule, or why it has none."""
    try:
        return rule()
    except UnknownRegister as reason:
        return reason


def _status(verdict: Verdict | UnknownRegister) -> Status:
    """Of what is not known any status will do: nobody is told it."""
    return verdict.status if isinstance(verdict, Verdict) else Status.TDX_SUCCESS


def elements(given: Iterable[int], first: int) -> tuple[int, ...]:
    """The numbers that elements stand for, each once, beginning with `first`."""
    return tuple(dict.fromkeys((first, *given)))
