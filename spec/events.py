"""The events that happen to a host, whatever its kernel makes of them."""

from __future__ import annotations

from tdxcheck.checker.language import Event
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.sources import DISABLE_V3, K6_16, L6_8, TDX_HOST, TDX_RST

MEMORY_HOT_ADD = Event(
    "memory_hot_add",
    "firmware adds a memory block",
    (Block,),
    (TDX_RST.at("Physical memory hotplug"),),
)
MEMORY_HOT_REMOVE = Event(
    "memory_hot_remove",
    "firmware takes a memory block away",
    (Block,),
    (TDX_RST.at("Physical memory hotplug"),),
)
BOOT_SCAN = Event("boot_scan", "Linux meets a CPU that firmware listed at boot", (Cpu,))
ZONE_DEVICE = Event(
    "zone_device",
    "a driver maps a device's memory without giving it to the page allocator",
    (Block,),
)
DEVICE_AS_MEMORY = Event(
    "device_as_memory",
    "an NVDIMM or CXL device is handed to the kernel as memory",
    (Block,),
)
MEMORY_ONLINE = Event(
    "memory_online",
    "a memory block is brought online",
    (Block,),
    (TDX_RST.at("Physical memory hotplug"),),
)
MEMORY_OFFLINE = Event("memory_offline", "a memory block is taken offline", (Block,))
CPU_HOT_ADD = Event(
    "cpu_hot_add", "firmware adds a CPU", (Cpu,), (TDX_RST.at("CPU hotplug"),)
)
CPU_HOT_REMOVE = Event(
    "cpu_hot_remove", "firmware takes a CPU away", (Cpu,), (TDX_RST.at("CPU hotplug"),)
)
CPU_ONLINE = Event(
    "cpu_online", "a CPU is brought online", (Cpu,), (TDX_RST.at("CPU hotplug"),)
)
CPU_OFFLINE = Event(
    "cpu_offline", "a CPU is taken offline", (Cpu,), (TDX_RST.at("CPU hotplug"),)
)
KEXEC_LOAD = Event(
    "kexec_load", "an image for kexec is loaded", (), (TDX_RST.at("Kexec()"),)
)
SUSPEND = Event(
    "suspend", "the machine is suspended to memory", (), (TDX_RST.at("S3"),)
)
HIBERNATE = Event(
    "hibernate", "the machine hibernates", (), (TDX_RST.at("hibernation"),)
)
KEXEC = Event(
    "kexec", "another kernel is started by kexec", (Cpu,), (TDX_RST.at("Kexec()"),)
)
CRASH_KEXEC = Event(
    "crash_kexec",
    "the crash kernel is started after a panic",
    (Cpu,),
    (TDX_RST.at("Kexec()"),),
)
MACHINE_CHECK = Event(
    "machine_check",
    "a memory error is reported on a CPU",
    (Cpu,),
    (L6_8.at("tdx_dump_mce_info()"),),
)
REBOOT = Event(
    "reboot", "the machine is rebooted", (Cpu,), (DISABLE_V3.at("tdx_shutdown()"),)
)
KVM_LOAD = Event("kvm_load", "KVM is loaded", ())
TD_CREATE = Event("td_create", "a TD is created", ())
TD_END = Event(
    "td_end",
    "a TD is torn down, up to the call that frees its KeyID",
    (),
    (K6_16.at("tdx_mmu_release_hkid()"),),
)
MODULE_UPDATE = Event(
    "module_update",
    "the administrator updates the TDX module",
    (),
    (TDX_HOST.at("tdx_fw_write()"),),
)
