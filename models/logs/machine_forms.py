"""What a log says of the machine itself: kernel, processor, encryption."""

from __future__ import annotations

from typing import Final

from tdxcheck.models.logs.form import Form, Origin, Role


def fact(key: str, says: str, *formats: str, origin: Origin = Origin.ANY) -> Form:
    return Form(key, Role.MACHINE, origin, formats, says=says)


MACHINE_FORMS: Final = (
    fact("boot", "a boot begins", "-- Boot"),
    fact("linux", "Linux {version}", "Linux version {version:w}"),
    fact("vmlinuz", "the image is Linux {version}", "/vmlinuz-{version:w}",
         "BOOT_IMAGE=/boot/vmlinuz-{version:w}", "BOOT_IMAGE=/vmlinuz-{version:w}"),
    fact("usb_linux", "the kernel is Linux {version}",
         "Manufacturer: Linux {version:w}"),
    fact("command_line", "the command line", "Command line: {params:t}"),
    fact("hypervisor", "there is a hypervisor: {name}",
         "Hypervisor detected: {name:w}"),
    fact("processor", "the processor is {name}", "CPU0: {name:t}"),
    fact("dmi", "the machine is {name}", "DMI: {name:t}"),
    fact("tme_on", "TME is on", "enabled by BIOS", origin=Origin.TME),
    fact("tme_off", "TME is off", "not enabled by BIOS", "disabled by BIOS",
         origin=Origin.TME),
    fact("mktme_keyids", "there are {count} KeyIDs", "{count:u} KeyIDs available",
         "BIOS enabled {count:u} keyids", origin=Origin.TME),
    fact("tme_policy", "TME's policy {policy:#x} is not known to this kernel",
         "Unknown policy is active: {policy:x}", origin=Origin.TME),
    fact("mktme_algorithm", "no algorithm of TME is known to this kernel",
         "No known encryption algorithm is supported: {bits:x}", origin=Origin.TME),
)  # fmt: skip
