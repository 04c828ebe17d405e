"""The documents that the host rules and the kernel designs cite."""

from __future__ import annotations

from tdxcheck.checker.language import Document

SEED = Document(
    "seed", "LKML 2022-04-27 20:50 Dave Hansen, Re: [PATCH v3 00/21] TDX host support"
)
DH_1459 = Document(
    "DH-1459",
    "LKML 2022-04-27 14:59 Dave Hansen, Re: [PATCH v3 00/21] TDX host support",
)
KH_0427 = Document(
    "KH-0427",
    "LKML 2022-04-27 20:37 Kai Huang, Re: [PATCH v3 00/21] TDX host support",
)
RFC_V2 = Document(
    "RFC-v2", "LKML 2022-03-13 Kai Huang, [RFC PATCH v2 00/21] TDX host support"
)
V3 = Document("v3", "LKML 2022-04-06 Kai Huang, [PATCH v3 00/21] TDX host support")
V3_TREE = Document("v3-tree", "the v3 tree of 2022-04, arch/x86/virt/vmx/tdx/tdx.c")
KH_0429 = Document(
    "KH-0429", "LKML 2022-04-29 Kai Huang, Re: [PATCH v3 00/21] TDX host support"
)
KH_0503 = Document(
    "KH-0503", "LKML 2022-05-03 Kai Huang, Re: [PATCH v3 00/21] TDX host support"
)
DH_0624 = Document("DH-0624", "LKML 2022-06-24 Dave Hansen, Re: [PATCH v5 02/22]")
V5 = Document("v5", "LKML 2022-06-22 Kai Huang, [PATCH v5 00/22] TDX host support")
V6 = Document("v6", "LKML 2022-10-27 Kai Huang, [PATCH v6 00/21] TDX host support")
V7 = Document("v7", "LKML 2022-11-21 Kai Huang, [PATCH v7 00/20] TDX host support")
V8 = Document("v8", "LKML 2022-12-09 Kai Huang, [PATCH v8 00/16] TDX host support")
V13 = Document("v13", "LKML 2023-08-26 Kai Huang, [PATCH v13 00/22] TDX host support")
V10 = Document("v10", "LKML 2023-03-07 Kai Huang, [PATCH v10 00/16] TDX host support")
V15 = Document("v15", "LKML 2023-11-10 Kai Huang, [PATCH v15] TDX host support")
L6_8 = Document("L6.8", "Linux v6.8 arch/x86/virt/vmx/tdx/tdx.c")
K6_16 = Document("K6.16", "Linux v6.16 arch/x86/kvm/vmx/tdx.c")
PULL_6_8 = Document("PULL-6.8", "LKML 2024-01 GIT PULL x86/tdx for v6.8")
KEXEC_V7 = Document(
    "KX-v7", "LKML 2025-08-26 Kai Huang, [PATCH v7] TDX host: kexec/kdump support"
)
KEXEC_V4 = Document(
    "KX-v4", "LKML 2025-07 Kai Huang, [PATCH v4 0/7] TDX host: kexec/kdump support"
)
CXL_2024 = Document(
    "HY-2024", "LKML 2024-10 Huang Ying, memory hotplug and TDX host (RFC)"
)
PULL_6_18 = Document("PULL-6.18", "LKML 2025-10-01 GIT PULL x86/tdx for v6.18")
L6_18 = Document("L6.18", "Linux v6.18 arch/x86/virt/vmx/tdx/tdx.c")
FLUSH_EARLY = Document(
    "61221d07e815",
    "tip 2025-09-05 Kai Huang, KVM/TDX: Explicitly do WBINVD when no more "
    "TDX SEAMCALLs",
)
MCE_MASK = Document(
    "MCE-mask",
    "LKML 2025-08-12 Adrian Hunter, x86/mce: Fix missing address mask in recovery "
    "for errors in TDX/SEAM non-root mode",
)
MEMMAP = Document(
    "DHi-1124",
    "LKML 2022-11-24 David Hildenbrand, Re: [PATCH v7 10/20], on the notifier",
)
DH_1122 = Document(
    "DH-1122", "LKML 2022-11-22 Dave Hansen, Re: [PATCH v7 10/20] TDX host support"
)
DW_0428 = Document(
    "DW-0428", "LKML 2022-04-28 Dan Williams, Re: [PATCH v3 00/21] TDX host support"
)
KEXEC_MUTEX = Document(
    "KX-mutex", "LKML 2025-04-17 RFC, exclude kexec and TDX (20250416230259.97989-1)"
)
VMXON_V3 = Document(
    "VMXON", "LKML 2026-02-14 Sean Christopherson, Have TDX handle VMXON, v3"
)
HW_7_1 = Document("HW7.1", "Linux v7.1 arch/x86/virt/hw.c")
L7 = Document("L7.1", "Linux v7.1 arch/x86/virt/vmx/tdx/tdx.c")
L7_DEVELOPMENT = Document(
    "L7x", "x86 development branch 2026-10, arch/x86/virt/vmx/tdx/tdx.c"
)
DPAMT_V6 = Document(
    "DPAMT-v6", "LKML 2026-05-25 Rick Edgecombe, [PATCH v6 00/11] Dynamic PAMT"
)
DISABLE_V3 = Document(
    "SYSDIS", "LKML 2026-04-02 Vishal Verma, [PATCH v3] Fuller TDX kexec support"
)
SEAMLDR_7_2 = Document("SL7.2", "Linux v7.2 arch/x86/virt/vmx/tdx/seamldr.c")
L7_2 = Document("L7.2", "Linux v7.2 arch/x86/virt/vmx/tdx/tdx.c")
TDX_HOST = Document("TH7.2", "Linux v7.2 drivers/virt/coco/tdx-host/tdx-host.c")
UPDATE_V10 = Document(
    "UPD10",
    "LKML 2026-05-20 Chao Gao, [PATCH v10] Runtime TDX module update support",
)
UPDATE_V4 = Document(
    "UPD4",
    "LKML 2026-02-12 Chao Gao, [PATCH v4] Runtime TDX module update support",
)
LOADER_1_5 = Document("L1.5", "Intel SEAM loader 1.5 source")
BINARIES = Document("BIN", "Intel tdx-module-binaries repository")
CPU_SPEC = Document("CPU", "Intel Trust Domain CPU Architectural Extensions (343754)")
BARE_ERRATUM = Document(
    "LX-pw", "LKML 2025 Adrian Hunter, Skip clearing reclaimed pages unless PW_MCE, v7"
)
ACPI_SLEEP = Document("acpi-sleep", "Linux drivers/acpi/sleep.c")
TDX_RST = Document("tdx.rst", "Linux Documentation/arch/x86/tdx.rst")
BASE_SPEC = Document(
    "BASE", "Intel TDX Module Base Architecture Specification (348549)"
)
MODULE_1_0 = Document("S1.0", "Intel TDX module 1.0 source")
ISSUES = Document("canonical", "github.com/canonical/tdx, issues")
V7_TREE = Document(
    "v7-tree", "the development branch of 2022-11, arch/x86/virt/vmx/tdx/tdx.c"
)
KVM_6_19 = Document("KVM-6.19", "LKML 2025-12 GIT PULL KVM TDX changes for 6.19")
PREEMPTION = Document(
    "KX-preempt", "LKML 2026-03-12 Kai Huang, [PATCH v2 1/1], Fixes: 61221d07e815"
)
OFFLINE_SPLAT = Document(
    "DC-0511",
    "LKML 2026-05-11 David Carlier, [BUG] tdx_offline_cpu() violates "
    "tdx_cpu_flush_cache()'s preemption assert",
)
VMXON_V2 = Document(
    "VMXON-v2", "LKML 2025-12-05 Sean Christopherson, Have TDX handle VMXON, v2"
)
BRING_UP_FIX = Document(
    "TL-0918",
    "LKML 2025-09-18 Tony Lindgren, KVM: TDX, the error of __tdx_bringup() "
    "(20250918053226.802204-1)",
)
MODULE_1_5 = Document("S1.5", "Intel TDX module 1.5.01 source")
MODULE_1_5_34 = Document("S1.5.34", "Intel TDX module 1.5.34 source")
MODULE_2_0 = Document("S2.0", "Intel TDX module 2.0.08 source")
HOLES_OF_CMRS = Document(
    "CMR-holes",
    "LKML 2024-12-09 Kai Huang, [PATCH v8 8.2/9] Reduce TDMR's reserved areas by "
    "using CMRs to find memory holes",
)
TREE_6_2 = Document(
    "tree-6.2",
    "the tdx tree of 2023 that distributions took, arch/x86/virt/vmx/tdx/tdx.c",
)
KVM_V8 = Document(
    "KVM-v8",
    "LKML 2022-08-07 Isaku Yamahata, [PATCH v8 000/103] KVM TDX basic feature support",
)
CRASHES = Document(
    "crashes", "Linux v6.8 arch/x86/mm/fault.c, arch/x86/kernel/dumpstack.c"
)
VERSION_V2 = Document(
    "VER-v2", "LKML 2026-01, x86/virt/tdx: Print TDX module version during init, v2"
)
VIRT_AT_LOAD = Document(
    "b4886fab6fb6",
    "Linux 2024-08 Sean Christopherson, KVM: Add a module param to allow enabling "
    "virtualization when KVM is loaded",
)
KDUMP_RST = Document("kdump.rst", "Linux Documentation/admin-guide/kdump/kdump.rst")
CRASH_C = Document("crash.c", "Linux arch/x86/kernel/crash.c")
ASM_TDX = Document("asm/tdx.h", "Linux v6.8 arch/x86/include/asm/tdx.h")
