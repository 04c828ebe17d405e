"""The index sorts of a machine: what there are several of."""

from __future__ import annotations

from tdxcheck.checker.language import Index


class Cpu(Index):
    """A logical processor, which the TDX module calls an LP."""

    label = "CPU"


class Package(Index):
    """A physical processor package, with keys and caches of its own."""

    label = "package"


class Block(Index):
    """A memory block, the unit in which memory is hot-added and onlined."""

    label = "block"


class Tdmr(Index):
    """A TD memory region, the unit of the module's memory configuration."""

    label = "TDMR"


class Hkid(Index):
    """A private KeyID."""

    label = "HKID"
