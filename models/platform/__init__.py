"""What firmware, hardware and the administrator do, and what Linux makes of it.

Each action has every check that a design ever made there, in the order of the
kernel's code, each behind the safeguard that it is: a design without safeguards
is a Linux that knows nothing of TDX.
"""

from tdxcheck.models.platform.boot import BOOT, boot_scan
from tdxcheck.models.platform.caches import CACHES
from tdxcheck.models.platform.cpus import (
    cpu_hot_add,
    cpu_hot_remove,
    cpu_offline,
    cpu_online,
)
from tdxcheck.models.platform.kexec import (
    crash_kexec,
    crash_kexec_disabling,
    kexec,
    kexec_disabling,
    kexec_interrupted,
    kexec_load,
    panic_hangs,
    partial_write,
)
from tdxcheck.models.platform.memory import (
    device_as_memory,
    memory_hot_add,
    memory_hot_remove,
    memory_offline,
    memory_online,
    zone_device,
)
from tdxcheck.models.platform.next_kernel import NEXT_KERNEL
from tdxcheck.models.platform.power import (
    disable_again,
    emergency_reboot,
    hibernate,
    reboot_disabling,
    suspend,
)

PLATFORM = (
    memory_hot_add,
    device_as_memory,
    zone_device,
    memory_online,
    memory_offline,
    memory_hot_remove,
    boot_scan,
    cpu_hot_add,
    cpu_hot_remove,
    cpu_online,
    cpu_offline,
    kexec_load,
    kexec,
    kexec_disabling,
    kexec_interrupted,
    crash_kexec,
    crash_kexec_disabling,
    panic_hangs,
    partial_write,
    *CACHES,
    suspend,
    hibernate,
    reboot_disabling,
    emergency_reboot,
    disable_again,
    *NEXT_KERNEL,
)
"""Everything that happens to a host, whatever its design."""

__all__ = [
    "BOOT",
    "PLATFORM",
    "boot_scan",
    "cpu_hot_add",
    "cpu_hot_remove",
    "cpu_offline",
    "cpu_online",
    "crash_kexec",
    "crash_kexec_disabling",
    "device_as_memory",
    "emergency_reboot",
    "hibernate",
    "kexec",
    "kexec_disabling",
    "kexec_interrupted",
    "kexec_load",
    "memory_hot_add",
    "memory_hot_remove",
    "memory_offline",
    "memory_online",
    "partial_write",
    "suspend",
    "zone_device",
]
