"""v5, 2022-06-22 (v4 in substance): firmware's hotplug is a "[BIOS bug]".

acpi_processor_add(), acpi_memory_device_add() and add_memory_resource() refuse on
any platform with TDX, initialised or not; the two removals end in BUG(). The
first two also run for what firmware lists at boot, and the removal of memory asks
for the attribute of CPUs. Memory is listed from memblock.
"""

from __future__ import annotations

from tdxcheck.models.designs.v3 import V3_DESIGN
from tdxcheck.spec.host import Host
from tdxcheck.spec.sources import V5

V5_DESIGN = V3_DESIGN.variant(
    "v5",
    "Refuse every hot-add, and BUG() on every removal, as bugs of the BIOS.",
    settings={
        Host.detects_tdx_on_every_cpu: False,
        Host.waits_for_opt_in: False,
        Host.lists_legacy_pmem: False,
        Host.refuses_acpi_cpus: True,
        Host.refuses_acpi_memory: True,
        Host.refuses_added_memory: True,
        Host.bears_acpi_removal: False,
        Host.memory_removal_tests_cpu_attribute: True,
    },
    sources=(V5.at("02/22 to 05/22"),),
)
