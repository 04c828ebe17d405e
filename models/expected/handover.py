"""What is known to be wrong where a kernel starts, ends, or hands over to another.

Tables of rules about the second kernel, power and the first calls to the module, for
the tables of the designs to take in.
"""

from __future__ import annotations

from tdxcheck.checker.catalogue import Expectation
from tdxcheck.models.expected.table import Table, vacuous
from tdxcheck.spec.sources import (
    DISABLE_V3,
    ISSUES,
    KEXEC_MUTEX,
    KEXEC_V4,
    KEXEC_V7,
    KVM_6_19,
    L6_8,
    L7_DEVELOPMENT,
    OFFLINE_SPLAT,
    PREEMPTION,
    V3,
    V7_TREE,
    VMXON_V3,
)

TSX = Expectation(
    note="nothing sees to TSX_CTRL before the module looks at it",
    bug="B30",
    sources=(ISSUES.at("25"), V7_TREE.at("tsx_ctrl_clear()")),
)
OLDER_MODULE = Expectation(
    note="a module 1.0, which has no TDH.SYS.RD, leaves the error for good",
    bug="B31",
    sources=(ISSUES.at("83, 331"), L6_8.at("tdx_enable()")),
)
AN_OLD_KERNEL = Expectation(
    note="a kernel of v3's time shuts TDX down after the failure: no rule binds it",
    sources=(V3.at("06/21"), KEXEC_V4.at("cover letter")),
)
FAILED_VCPU = Expectation(
    note="a vCPU whose creation fails midway stays in its CPU's list",
    bug="B35",
    sources=(KVM_6_19.at("vCPU list, creation that fails"),),
)
SPLAT = Expectation(
    note="the flush is reached in callbacks of CPU hotplug, which can be preempted: "
    "where KVM is unloaded, fails to load, or loses a CPU",
    bug="B15",
    sources=(PREEMPTION.at("whole patch"), KEXEC_V7.at("7/7")),
)
SPLAT_OFFLINE = Expectation(
    note="the flush of a CPU that goes offline, or that TDX gives up, still asserts "
    "that preemption is off",
    bug="B15",
    sources=(
        L7_DEVELOPMENT.at("tdx_offline_cpu(), tdx_cpu_flush_cache()"),
        OFFLINE_SPLAT.at("whole thread"),
    ),
)
LACKS_WHAT_KVM_NEEDS = Expectation(
    note="KVM bears that there is no TDX, -ENODEV, but no module that lacks what it "
    "needs: -EINVAL",
    sources=(VMXON_V3.at("16/16, tdx_hardware_setup()"),),
)
PART_INITIALIZED = Expectation(
    note="the first SEAMCALLs of a CPU are outside of the lock, as its author says",
    sources=(KEXEC_MUTEX.at("cover letter, on tdx_cpu_enable()"),),
)
ASKED_AT_MACHINE_CHECK = Expectation(
    note="KVM loads without TDX, VMX is on, and a machine check asks the module that "
    "a failure has left ready",
    sources=(
        L6_8.at("tdx_dump_mce_info()"),
        VMXON_V3.at("16/16, tdx_hardware_setup()"),
    ),
)
REBOOT_UNTOLD = Expectation(
    note="a reboot tells the module nothing", sources=(DISABLE_V3.at("cover letter"),)
)


NEVER_DISABLED = vacuous("no kernel declares TDX disabled", V3.at("04/21"))
ASKED_BY_INFO = vacuous("TDH.SYS.INFO is asked, which every module has", V3.at("09/21"))
NOTHING_REMEMBERED = vacuous("what TDH.SYS.INIT said is not kept", V3.at("07/21"))
CLEARED = vacuous(
    "TSX_CTRL is cleared around the calls", V7_TREE.at("tsx_ctrl_clear()")
)

NOT_DISABLED = Expectation(
    note="no kernel before v7.2 has the module forget what it holds",
    sources=(DISABLE_V3.at("cover letter"), V3.at("19/21, on shutdown")),
)
V3_HANDOVER: Table = {
    "kexec_leaves_the_module_disabled": NOT_DISABLED,
    "tsx_control_is_not_final": TSX,
    "an_older_module_is_not_final": ASKED_BY_INFO,
    "only_answers_are_remembered": NOTHING_REMEMBERED,
    "a_reboot_can_leave_the_module_disabled": REBOOT_UNTOLD,
}
V7_HANDOVER: Table = {"tsx_control_is_not_final": CLEARED}
V6_8_HANDOVER: Table = {
    "tsx_control_is_not_final": TSX,
    "disabled_tdx_is_left_alone": NEVER_DISABLED,
    "an_older_module_is_not_final": OLDER_MODULE,
    "no_list_holds_a_failed_vcpu": FAILED_VCPU,
    "a_reboot_can_leave_the_module_disabled": REBOOT_UNTOLD,
}
WITH_KEXEC: Table = {
    "next_kernel_stops_at_first_seamcall": AN_OLD_KERNEL,
    "kexec_leaves_the_module_disabled": NOT_DISABLED,
}
KEXEC_MUTEX_HANDOVER: Table = {
    **WITH_KEXEC,
    "kexec_leaves_the_module_disabled": vacuous(
        "no image is loaded once TDX is initialised", KEXEC_MUTEX.at("kexec_load()")
    ),
    "disabled_tdx_is_left_alone": PART_INITIALIZED,
}
V6_18_HANDOVER: Table = {**WITH_KEXEC, "no_assertion_fails": SPLAT}
V7_1_MENDED = ("no_list_holds_a_failed_vcpu", "disabled_tdx_is_left_alone")
V7_1_HANDOVER: Table = {"kvm_loads_without_tdx": LACKS_WHAT_KVM_NEEDS}
V7_2_HANDOVER: Table = {"no_assertion_fails": SPLAT_OFFLINE}
V7_2_MENDED = (
    "a_reboot_can_leave_the_module_disabled",
    "kexec_leaves_the_module_disabled",
)
