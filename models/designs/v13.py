"""v13, 2023-08-26: the caller brings each CPU up; kexec hands clean memory over.

The steps of v6.8, whose KVM it is judged with, but kexec is not excluded: every CPU is
flushed, the one that starts it included, and on parts with the partial-write
erratum private memory is reset by MOVDIR64B first. Suspend is not looked at yet. It
stands for v11 and v12, too: v11 brought the common retry, the work on the erratum and,
it seems, the flush of the CPU that starts kexec.

v10, 2023-03-07, is the first in which the caller does VMXON and enables each CPU, and
has none of the three. What else it does about CPUs was not read.

v15, 2023-11-10, asks the module by TDH.SYS.RD, and no longer reads CMRs; suspend and
hibernation are excluded since v14. It stands for v16 and v17, too. v14 lies between
v13 and v15, and breaks no rule that neither of them breaks.
"""

from __future__ import annotations

from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import V10, V13, V15

V13_DESIGN = V6_8.variant(
    "v13",
    "v6.8 with kexec, which flushes every CPU and resets private memory.",
    settings={
        Host.checks_cmrs: True,
        Host.asks_by_sys_rd: False,
        Host.excludes_kexec: False,
        Host.flushes_other_cpus: True,
        Host.flushes_own_cpu: True,
        Host.resets_private_memory: True,
        Host.refuses_s3: False,
        Host.gives_way_to_hibernation: False,
    },
    sources=(V13.at("00/22, 17/22"),),
)

V10_DESIGN = V13_DESIGN.variant(
    "v10",
    "v13 before the retry, the reset by MOVDIR64B and the flush of its own CPU.",
    settings={
        Host.retries_no_entropy: False,
        Host.resets_freed_pamt: False,
        Host.resets_private_memory: False,
        Host.flushes_own_cpu: False,
    },
    sources=(V10.at("15/16"), V13.at("00/22, changelog; 17/22")),
)

V15_DESIGN = V13_DESIGN.variant(
    "v15",
    "v13 for modules of 1.5 and later, without a look at CMRs, and without S3.",
    settings={
        Host.checks_cmrs: False,
        Host.asks_by_sys_rd: True,
        Host.refuses_s3: True,
        Host.gives_way_to_hibernation: True,
    },
    sources=(V15.at("cover letter"),),
)
