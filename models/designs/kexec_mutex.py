"""kexec-mutex, 2025-04-17, not merged: of kexec and TDX the first disables the other.

Loading an image turns an uninitialised TDX off for good; once TDX is initialised
no image is loaded. The first SEAMCALLs of each CPU are outside of this lock.
"""

from __future__ import annotations

from tdxcheck.models.designs.v6_16 import V6_16
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import KEXEC_MUTEX

KEXEC_MUTEX_DESIGN = V6_16.variant(
    "kexec-mutex",
    "v6.16 with kexec: whichever of kexec and TDX comes first disables the other.",
    settings={Host.excludes_kexec: False, Host.excludes_kexec_by_status: True},
    sources=(KEXEC_MUTEX.at("whole patch"),),
)
