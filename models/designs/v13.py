"""v13, 2023-08-26: the caller brings each CPU up; kexec hands clean memory over.

The steps of v6.8, whose KVM it is judged with, but kexec is not excluded: every CPU is
flushed, the one that starts it included, and on parts with the partial-write
erratum private memory is reset by MOVDIR64B first. Suspend is not looked at yet.
"""

from __future__ import annotations

from tdxcheck.models.designs.v6_8 import V6_8
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import V13

V13_DESIGN = V6_8.variant(
    "v13",
    "v6.8 with kexec, which flushes every CPU and resets private memory.",
    settings={
        Host.checks_cmrs: True,
        Host.excludes_kexec: False,
        Host.flushes_other_cpus: True,
        Host.flushes_own_cpu: True,
        Host.resets_private_memory: True,
        Host.refuses_s3: False,
        Host.gives_way_to_hibernation: False,
    },
    sources=(V13.at("00/22, 17/22"),),
)
