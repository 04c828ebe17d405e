"""v7.2, 2026-06: TDH.SYS.DISABLE before any other kernel runs.

The module is told to forget everything on reboot, kexec and crash; kexec is
refused no longer, whether or not the module has the call.
"""

from __future__ import annotations

from tdxcheck.models.designs.v7_1 import V7_1
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import DISABLE_V3, L7

V7_2 = V7_1.variant(
    "v7.2",
    "v7.1, disabling the module before another kernel runs; kexec always allowed.",
    settings={
        Host.refuses_kexec_on_erratum: False,
        Host.disables_module: True,
        Host.flushes_after_vp_flush: False,
        Host.flushes_with_preemption: True,
    },
    sources=(DISABLE_V3.at("whole series"), L7.at("tdx_shutdown()")),
)
