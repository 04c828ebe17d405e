"""The words of a host's state: who acts, what is there, and how far it has come."""

from __future__ import annotations

from enum import Enum


class Actor(Enum):
    """Who does something."""

    FIRMWARE = "firmware"
    ADMINISTRATOR = "administrator"
    KERNEL = "kernel"
    KVM = "KVM"
    MODULE = "TDX module"
    HARDWARE = "hardware"
    SECOND_KERNEL = "second kernel"


class Presence(Enum):
    """Whether a CPU or a memory block is there, and whether Linux uses it."""

    ABSENT = 0
    OFFLINE = 1
    ONLINE = 2


class MemoryKind(Enum):
    """Where a block's memory comes from.

    Boot DRAM lies in CMRs. Legacy PMEM and soft-reserved memory (EFI_MEMORY_SP), which
    the e820 map calls so, are there at boot, but a driver has to give them to the
    kernel first. CXL memory lies in a window that firmware leaves for it.
    """

    BOOT_DRAM = "boot DRAM"
    HOT_PLUG_DRAM = "hot-plug DRAM"
    NVDIMM = "NVDIMM"
    CXL = "CXL"
    LEGACY_PMEM = "legacy PMEM"
    SOFT_RESERVED = "soft-reserved"


class Running(Enum):
    """Which kernel runs."""

    FIRST = "the first kernel"
    SECOND = "a kernel started by kexec"
    CRASH = "the crash kernel"
    NONE = "no kernel: it has crashed"
    HUNG = "no kernel: kexec hangs"
    RESET = "no kernel: the machine is reset"
    STUCK = "no kernel: a CPU never comes back from the TDX module"


class Tdx(Enum):
    """How far the running kernel has come with TDX.

    v3 calls ERROR "TDX_MODULE_SHUTDOWN"; STARTED to UNDOING are the inside of
    its tdx_init() and of tdx_enable() from v6.8 on. UPDATING is the inside of
    v7.2's seamldr_install_module(), with every CPU stopped.
    """

    UNINITIALIZED = 0
    STARTED = 1
    BUILT = 2
    CONFIGURED = 3
    INITIALIZED = 4
    UNDOING = 5
    STOPPING = 6
    ERROR = 7
    DISABLED = 8
    UPDATING = 9
    UPDATE_FAILED = 10


class SysInitResult(Enum):
    """What the kernel remembers of its one call of TDH.SYS.INIT."""

    NOT_CALLED = 0
    SUCCEEDED = 1
    FAILED = 2


class Kvm(Enum):
    """Whether KVM is loaded, and offers TDX, with its callbacks of CPUs installed."""

    UNLOADED = 0
    LOADING = 1
    LOADED = 2
    WITHOUT_TDX = 3


class Td(Enum):
    """The life of a TD, as its HKID sees it."""

    NONE = 0
    HKID_ASSIGNED = 1
    KEYS_CONFIGURED = 2
    BLOCKED = 3


class Told(Enum):
    """What a requester outside the TDX module is told."""

    EPERM = "-EPERM"
    EIO = "-EIO"
    EBUSY = "-EBUSY"
    EACCES = "-EACCES"
    EINVAL = "-EINVAL"
    ENODEV = "-ENODEV"
    EFAULT = "-EFAULT"
    ENOSYS = "-ENOSYS"
    EOPNOTSUPP = "-EOPNOTSUPP"
