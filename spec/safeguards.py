"""The safeguards of the kernel designs: every measure that protects TDX, as a switch.

A design lists those that it has; the actions of `models/` say what each one does,
in the place where the kernel's code has it. `tdxcheck guards DESIGN` takes them
out one by one and shows what breaks. Bug numbers are those of the sources' lists.
Those of runtime updates are in `spec/update.py`, and those of Dynamic PAMT in
`spec/dynamic_pamt.py`.
"""

from __future__ import annotations

from tdxcheck.checker.language import Safeguard, State
from tdxcheck.spec.sources import (
    ASM_TDX,
    BARE_ERRATUM,
    BASE_SPEC,
    BRING_UP_FIX,
    CRASH_C,
    CXL_2024,
    DISABLE_V3,
    FLUSH_EARLY,
    HW_7_1,
    ISSUES,
    K6_16,
    KEXEC_MUTEX,
    KEXEC_V7,
    KH_0429,
    KH_0503,
    KVM_6_19,
    L6_8,
    L6_18,
    MODULE_1_5,
    PREEMPTION,
    PULL_6_8,
    PULL_6_18,
    V3,
    V3_TREE,
    V5,
    V6,
    V7,
    V7_TREE,
    V8,
    V13,
    VMXON_V2,
    VMXON_V3,
)


class Safeguards(State):
    """What a kernel design does to protect TDX, or to protect others from it."""

    # Memory that is added.

    refuses_acpi_memory = Safeguard(sources=(V5.at("03/22, acpi_memory_device_add()"),))
    """Memory that ACPI hot-adds is refused on any platform with TDX."""
    refuses_added_memory = Safeguard(
        sources=(
            KH_0429.at("approach 1"),
            V5.at("05/22, arch_memory_add_precheck()"),
        ),
    )
    """Any memory that is added, by ACPI or a driver, is refused on a TDX platform."""
    refuses_added_memory_outside_cmrs = Safeguard(
        sources=(KH_0503.at("approach 2, corrected"),)
    )
    """Until TDX is initialised, only memory in CMRs may be added."""
    refuses_added_memory_once_initialized = Safeguard(
        sources=(KH_0429.at("approach 2"),)
    )
    """Once TDX is initialised, no memory may be added."""
    refuses_added_memory_outside_list = Safeguard(
        sources=(
            V7.at("10/20, arch_add_memory()"),
            KH_0503.at("approach 2, corrected"),
        ),
    )
    """Once TDX is initialised, only memory in its list may be added."""
    prechecks_added_memory = Safeguard(
        bugs=("B32",), sources=(CXL_2024.at("arch_check_hotplug_memory_range()"),)
    )
    """The same, for the range as a whole, with a line in the log."""
    leaves_zone_device_alone = Safeguard(
        bugs=("B6",), sources=(V7.at("10/20, reply of Dan Williams 2022-11-23"),)
    )
    """A check of added memory lets pass what never reaches the page allocator."""
    refuses_onlining_outside_list = Safeguard(
        bugs=("A2",),
        sources=(
            V8.at("00/16, on the memory notifier"),
            L6_8.at("tdx_memory_notifier()"),
        ),
    )
    """Once TDX is initialised, only memory in its list may be brought online."""
    locks_memory_hotplug = Safeguard(
        bugs=("A2",), sources=(L6_8.at("init_tdx_module(), get_online_mems()"),)
    )
    """Memory cannot come or go while the kernel builds and configures TDMRs."""

    # CPUs that come and go.

    refuses_acpi_cpus = Safeguard(sources=(V5.at("02/22, acpi_processor_add()"),))
    """A CPU that ACPI hot-adds is refused on any platform with TDX."""
    leaves_boot_devices_alone = Safeguard(
        bugs=("B3",),
        sources=(V5.at("02/22, reply of Rafael Wysocki 2022-06-22"),),
    )
    """What firmware lists at boot is not taken for hot-added."""
    bears_acpi_removal = Safeguard(
        bugs=("B4",), sources=(V5.at("02/22, reply of Dave Hansen 2022-06-24"),)
    )
    """That firmware takes a device away is no reason to crash."""
    refuses_cpus_without_lp_init = Safeguard(
        sources=(V13.at("00/22"), K6_16.at("tdx_online_cpu()"))
    )
    """A CPU on which TDH.SYS.LP.INIT fails does not come online."""
    keeps_a_cpu_per_package = Safeguard(
        bugs=("B28",), sources=(K6_16.at("tdx_offline_cpu()"),)
    )
    """While a TD holds a KeyID, a package's last CPU stays online."""
    creates_tds_on_all_packages = Safeguard(sources=(K6_16.at("__tdx_td_init()"),))
    """No TD is created while a package that is present has no CPU online."""
    counts_hkids_exactly = Safeguard(
        bugs=("B17",), sources=(VMXON_V3.at("ida_is_empty() of the HKID pool"),)
    )
    """Whether a TD holds a KeyID is read from the pool, not from a counter."""
    propagates_bring_up_errors = Safeguard(
        bugs=("B16",), sources=(BRING_UP_FIX.at("whole patch"),)
    )
    """KVM offers no TDX where a check after the initialisation has failed."""
    flushes_vcpus_of_offlined_cpus = Safeguard(
        sources=(K6_16.at("tdx_disable_virtualization_cpu()"),)
    )
    """Before a CPU goes offline, TDH.VP.FLUSH lets its vCPUs go."""

    # TDs that end.

    locks_cpu_hotplug_for_tds = Safeguard(
        sources=(K6_16.at("__tdx_td_init(), tdx_mmu_release_hkid(), cpus_read_lock()"),)
    )
    """No CPU comes or goes while a TD's keys are programmed, or its KeyID released."""
    keys_tds_once_per_package = Safeguard(
        sources=(K6_16.at("__tdx_td_init(), packages"),)
    )
    """A TD's key is programmed by one CPU of each package, one after another."""
    flushes_migrating_vcpus = Safeguard(
        sources=(
            K6_16.at("tdx_vcpu_load(), tdx_flush_vp_on_cpu()"),
            MODULE_1_5.at("helpers.c, tdh_vp_flush.c"),
        )
    )
    """A vCPU that is to run on another CPU is let go by TDH.VP.FLUSH first."""
    serializes_keyid_calls = Safeguard(
        sources=(K6_16.at("tdx_lock"), MODULE_1_5.at("tdh_mng_key_freeid.c"))
    )
    """The calls that take or free a KeyID are made for one TD at a time."""
    flushes_vcpus_of_ended_tds = Safeguard(
        sources=(K6_16.at("tdx_mmu_release_hkid(), tdx_flush_vp_on_cpu()"),)
    )
    """TDH.VP.FLUSH lets every vCPU go before TDH.MNG.VPFLUSHDONE."""
    resumes_write_back = Safeguard(sources=(K6_16.at("smp_func_do_phymem_cache_wb()"),))
    """TDH.PHYMEM.CACHE.WB that was interrupted is resumed."""
    writes_back_before_freeing = Safeguard(
        sources=(K6_16.at("tdx_mmu_release_hkid()"),)
    )
    """TDH.PHYMEM.CACHE.WB runs in every package before TDH.MNG.KEY.FREEID."""
    flushes_given_pages = Safeguard(
        sources=(L6_18.at("tdx_clflush_page()"), BASE_SPEC.at("ch. 9.8"))
    )
    """A page's own lines are flushed before a TD has it, as some modules ask."""
    tracks_removed_pages = Safeguard(
        sources=(
            K6_16.at("tdx_sept_zap_private_spte(), tdx_track()"),
            MODULE_1_5.at("tdh_mem_page_remove.c, op_state_lookup.c"),
        )
    )
    """A page that a TD gives back is blocked before, and no vCPU has it in a TLB."""
    flushes_removed_pages = Safeguard(
        sources=(K6_16.at("tdx_sept_drop_private_spte()"), BASE_SPEC.at("ch. 9.8"))
    )
    """A page that a living TD gives back is flushed, by the TD's KeyID."""
    flushes_reclaimed_pages = Safeguard(
        sources=(K6_16.at("tdx_reclaim_td_control_pages()"), BASE_SPEC.at("ch. 9.8"))
    )
    """A TD's last page is flushed, by the module's own KeyID, before it is freed."""
    resets_reclaimed_pages = Safeguard(
        sources=(K6_16.at("tdx_clear_page()"), BARE_ERRATUM.at("whole patch"))
    )
    """MOVDIR64B clears a TD's page before it is freed: always, or with the erratum."""
    leaks_pages_held_back = Safeguard(sources=(K6_16.at("tdx_reclaim_page()"),))
    """A page that the module does not give back is leaked rather than freed."""

    leaks_tds_of_lost_keyids = Safeguard(
        sources=(K6_16.at("tdx_vcpu_free(), tdx_vm_destroy(), is_hkid_assigned()"),)
    )
    """A TD whose KeyID was not freed keeps all of its pages: they are leaked, too."""

    # Caches of CPUs.

    flushes_offlined_cpus = Safeguard(
        bugs=("B37",), sources=(DISABLE_V3.at("2/5, on play_dead"),)
    )
    """A CPU writes its caches back when it is dead, whatever ran on it until then.

    Recalled of native_play_dead(): it comes after every callback of the CPU's, and
    so after a TDH.VP.FLUSH that KVM makes behind TDX's own flush.
    """
    flushes_after_vp_flush = Safeguard(
        bugs=("B37",), sources=(KEXEC_V7.at("tdx_disable_virtualization_cpu()"),)
    )
    """As a CPU goes offline its flush comes after the callback with TDH.VP.FLUSH."""

    flushes_with_preemption = Safeguard(
        bugs=("B15",), sources=(PREEMPTION.at("whole patch"),)
    )
    """The flush asks to stay on its CPU, not that preemption be off."""

    # Initialisation.

    detects_tdx_on_every_cpu = Safeguard(
        sources=(V3_TREE.at("tdx_detect_cpu(), seamrr_enabled(), __tdx_detect()"),)
    )
    """TDX is used only where all CPUs that are present came up, and agree on it."""
    leaves_tds_a_keyid = Safeguard(
        bugs=("A8",),
        sources=(
            V3_TREE.at("tdx_keyid_sufficient()"),
            L6_8.at("tdx_init(), too few private KeyIDs available"),
        ),
    )
    """TDX is used only where firmware leaves a KeyID besides the module's own."""
    waits_for_opt_in = Safeguard(sources=(V3.at("20/21, tdx_host=on"),))
    """TDX is used only where the kernel's command line asks for it."""
    waits_for_kvm_parameter = Safeguard(sources=(K6_16.at("tdx_bringup(), tdx=1"),))
    """KVM takes TDX up only where its parameter asks for it: by itself it does not."""
    requires_virtualization_at_load = Safeguard(
        sources=(K6_16.at("tdx_bringup(), enable_virt_at_load"),)
    )
    """KVM takes TDX up only if it may turn VMX on as it loads, and leave it on."""
    requires_x2apic = Safeguard(sources=(V6.at("tdx_init(), x2apic_enabled()"),))
    """TDX is used only with x2APIC: registers of the xAPIC might leak a TD's data."""
    keeps_own_keyid_from_tds = Safeguard(
        bugs=("A7",), sources=(L6_8.at("tdx_init(), on the global KeyID"),)
    )
    """KVM's pool of KeyIDs begins after the one that is the module's."""
    does_without_a_lost_notifier = Safeguard(
        bugs=("A2",), sources=(L6_8.at("tdx_init(), register_memory_notifier()"),)
    )
    """Where the memory notifier cannot be registered TDX is not offered at all."""
    checks_processor = Safeguard(
        sources=(K6_16.at("tdx_bringup()"), VMXON_V3.at("tdx_enable()"))
    )
    """TDX is used only where the processor has what the kernel's TDX code uses."""
    checks_module_for_kvm = Safeguard(sources=(K6_16.at("__tdx_bringup()"),))
    """KVM uses TDX only with a module that has the attributes and CPUID that it needs.

    It also compares the module's number of vCPUs with the number of CPUs.
    """
    gives_up_for_good = Safeguard(
        sources=(V3_TREE.at("tdx_init()"), L6_8.at("tdx_enable()"))
    )
    """An initialisation that has failed is not tried again."""
    calls_sys_init_once = Safeguard(sources=(L6_8.at("try_init_module_global()"),))
    """One CPU makes TDH.SYS.INIT, under a lock, and its result counts for all."""
    calls_lp_init_once = Safeguard(
        sources=(L6_8.at("tdx_cpu_enable()"), V3_TREE.at("tdx_module_init_cpus()"))
    )
    """On a CPU whose TDH.SYS.LP.INIT is remembered no second one is made."""
    enables_cpus_first = Safeguard(
        sources=(
            V3_TREE.at("init_tdx_module()"),
            K6_16.at("__tdx_bringup()"),
            VMXON_V3.at("tdx_enable()"),
        )
    )
    """Every online CPU has made TDH.SYS.LP.INIT before anything is configured."""
    keys_each_package_once = Safeguard(
        sources=(V3.at("17/21"), L6_8.at("config_global_keyid()"))
    )
    """The module's key is programmed by one CPU of each package, and no other."""
    serializes_key_config = Safeguard(
        sources=(
            V3.at("17/21"),
            L6_8.at("config_global_keyid(), do_global_key_config()"),
            MODULE_1_5.at("tdh_sys_key_config.c"),
        )
    )
    """The module's key is programmed in one package after another."""
    keys_packages_first = Safeguard(
        sources=(V3.at("17/21"), L6_8.at("init_tdx_module()"))
    )
    """Every package has the module's key before a TDMR is initialised."""
    completes_every_tdmr = Safeguard(
        sources=(V3.at("18/21"), L6_8.at("init_tdmr(), init_tdmrs()"))
    )
    """TDH.SYS.TDMR.INIT is called until it has come to the end of every TDMR."""
    checks_cmrs = Safeguard(
        bugs=("A1",),
        sources=(
            V3_TREE.at("e820_check_against_cmrs(), sanitize_cmrs()"),
            V7.at("10/20"),
        ),
    )
    """The kernel compares its memory with the CMRs, whose table must have no gap."""
    leaves_low_memory_out = Safeguard(
        bugs=("A3",), sources=(V3.at("14/21"), L6_8.at("build_tdx_memlist()"))
    )
    """The first MiB, which lies in no CMR, is in no TDMR either."""
    flushes_before_key_config = Safeguard(
        bugs=("B27",), sources=(V3.at("17/21"), L6_8.at("config_global_keyid()"))
    )
    """WBINVD on every CPU before the module's key is programmed."""
    retries_no_entropy = Safeguard(
        bugs=("B11",),
        sources=(
            PULL_6_8.at("no entropy error in common code"),
            ASM_TDX.at("sc_retry()"),
        ),
    )
    """A SEAMCALL that meets a shortage of entropy is made again, up to ten times."""
    empties_list_on_failure = Safeguard(
        sources=(L6_8.at("init_tdx_module(), error path"),)
    )
    """A failed initialisation opens memory hotplug again."""
    flushes_before_freeing_pamt = Safeguard(
        sources=(V3.at("17/21"), L6_8.at("init_tdx_module(), error path"))
    )
    """After a failure, WBINVD on every CPU before the PAMT's pages are freed."""
    flushes_after_failed_config = Safeguard(
        bugs=("A12",), sources=(V3_TREE.at("init_tdx_module(), error path"),)
    )
    """The same, even if it was TDH.SYS.CONFIG that failed."""
    shuts_module_down = Safeguard(
        sources=(V3.at("06/21"), V3_TREE.at("shutdown_tdx_module()"))
    )
    """After a failure TDH.SYS.LP.SHUTDOWN is called on every CPU."""
    resets_freed_pamt = Safeguard(
        sources=(V13.at("17/22"), L6_8.at("tdmrs_reset_pamt_all()"))
    )
    """After a failure, MOVDIR64B clears the PAMT before its pages are freed."""
    refuses_rbp_clobber = Safeguard(
        bugs=("B29",), sources=(L6_18.at("check_features()"),)
    )
    """A module that cannot leave RBP alone is not initialised."""
    clears_tsx_control = Safeguard(
        bugs=("B30",), sources=(V7_TREE.at("tsx_ctrl_clear()"), ISSUES.at("25"))
    )
    """TSX_CTRL is zero on a CPU while TDH.SYS.INIT or TDH.SYS.LP.INIT runs there."""
    turns_vmx_on_first = Safeguard(
        bugs=("B38",),
        sources=(K6_16.at("tdx_bringup()"), VMXON_V3.at("tdx_online_cpu()")),
    )
    """VMXON comes before the first SEAMCALL, on every CPU."""
    bears_missing_tdx = Safeguard(
        bugs=("B33",),
        sources=(
            K6_16.at("tdx_bringup(), success_disable_tdx"),
            VMXON_V2.at("3/7, reply of Chao Gao 2025-12-09"),
            VMXON_V3.at("11/16"),
        ),
    )
    """KVM loads, without TDX, where there is no TDX to be had."""
    forgets_failed_vcpus = Safeguard(
        bugs=("B35",), sources=(KVM_6_19.at("vCPU list, creation that fails"),)
    )
    """A vCPU whose creation fails leaves the list of its CPU's vCPUs."""
    releases_only_held_locks = Safeguard(
        bugs=("B8",),
        sources=(
            V7.at("10/20, init_tdx_module()"),
            L6_18.at("init_tdx_module(), check_features()"),
        ),
    )
    """What fails before memory hotplug's lock is taken does not let go of it."""
    serializes_initialization = Safeguard(
        sources=(
            V3_TREE.at("tdx_init(), tdx_module_lock"),
            L6_8.at("tdx_enable(), tdx_module_lock"),
        )
    )
    """Whoever asks for TDX waits until the one before has initialised it, or failed."""
    locks_cpu_hotplug = Safeguard(
        sources=(V3.at("04/21, cpus_read_lock()"), K6_16.at("__tdx_bringup()"))
    )
    """No CPU comes or goes while the kernel initialises TDX."""

    # kexec.

    excludes_kexec = Safeguard(
        sources=(PULL_6_8.at("Kconfig: INTEL_TDX_HOST depends on !KEXEC_CORE"),)
    )
    """A kernel with TDX is built without kexec."""
    excludes_kexec_by_status = Safeguard(
        sources=(KEXEC_MUTEX.at("tdx_enable(), kexec_load()"),)
    )
    """Loading a kexec image and initialising TDX each disable the other."""
    refuses_kexec_on_erratum = Safeguard(
        bugs=("B25",),
        sources=(KEXEC_V7.at("machine_kexec_prepare()"), PULL_6_18.at("kexec")),
    )
    """No kexec image is loaded on parts with the partial-write erratum."""
    flushes_other_cpus = Safeguard(
        sources=(V3.at("19/21, stop_this_cpu()"), KEXEC_V7.at("2/7"))
    )
    """WBINVD on every CPU that kexec stops."""
    flushes_own_cpu = Safeguard(
        bugs=("B1",),
        sources=(V13.at("17/22"), KEXEC_V7.at("2/7, relocate_kernel()")),
    )
    """WBINVD on the CPU that kexec starts from."""
    marks_cache_of_seamcalls = Safeguard(sources=(KEXEC_V7.at("3/7"),))
    """A SEAMCALL marks its CPU's cache as one to be flushed."""
    marks_cache_of_vp_enter = Safeguard(bugs=("B13",), sources=(KEXEC_V7.at("3/7"),))
    """TDH.VP.ENTER, too, marks its CPU's cache as one to be flushed."""
    marks_cache_of_page_rdmd = Safeguard(bugs=("B13",), sources=(KEXEC_V7.at("3/7"),))
    """TDH.PHYMEM.PAGE.RDMD, which a machine check asks, marks its CPU's cache, too."""
    flushes_when_seamcalls_end = Safeguard(
        bugs=("B14",),
        sources=(
            FLUSH_EARLY.at("tdx_disable_virtualization_cpu()"),
            DISABLE_V3.at("tdx_offline_cpu(), tdx_shutdown_cpu()"),
        ),
    )
    """A CPU writes its caches back once it makes no more SEAMCALLs: when it goes
    offline, when KVM leaves it, and when a shutdown for kexec reaches it.

    In v6.18 KVM does so in one place, and from v7.2 on TDX in one for each.
    """
    resets_private_memory = Safeguard(
        sources=(V13.at("17/22"), BARE_ERRATUM.at("MOVDIR64B"))
    )
    """On parts with the erratum, private memory is reset by MOVDIR64B before kexec."""
    disables_module = Safeguard(
        bugs=("B25",), sources=(DISABLE_V3.at("tdx_shutdown()"),)
    )
    """TDH.SYS.DISABLE makes the module forget everything before another kernel runs."""
    disables_module_in_panic = Safeguard(
        sources=(DISABLE_V3.at("native_machine_crash_shutdown()"),)
    )
    """So it does on the CPU that panics, before the crash kernel runs."""
    retries_disable = Safeguard(sources=(DISABLE_V3.at("tdx_shutdown(), retries"),))
    """TDH.SYS.DISABLE that was interrupted, or met a busy module, is made again."""
    disables_in_vmx_operation = Safeguard(
        sources=(
            DISABLE_V3.at("tdx_shutdown(), tdx_shutdown_cpu()"),
            DISABLE_V3.at("native_machine_crash_shutdown()"),
        ),
    )
    """TDH.SYS.DISABLE comes before VMXOFF: on a CPU that has left it, it is #UD."""
    stops_cpus_before_disabling = Safeguard(
        sources=(CRASH_C.at("native_machine_crash_shutdown()"),)
    )
    """In a panic every other CPU is stopped before TDH.SYS.DISABLE: no TD runs."""
    flushes_after_disabling = Safeguard(
        bugs=("B14",), sources=(DISABLE_V3.at("tdx_shutdown(), tdx_shutdown_cpu()"),)
    )
    """Caches are written back after TDH.SYS.DISABLE, which leaves lines in them."""
    silences_emergency_callback = Safeguard(
        bugs=("B34",), sources=(HW_7_1.at("x86_virt_invoke_kvm_emergency_callback()"),)
    )
    """In a panic the callback that ends VMX operation is not read as RCU wants it."""
    counts_vmx_users = Safeguard(
        sources=(VMXON_V3.at("x86_virt_get_ref()"), DISABLE_V3.at("cover letter"))
    )
    """VMX operation ends with its last user: the core kernel's outlasts KVM's."""

    # Suspend.

    refuses_s3 = Safeguard(
        sources=(L6_8.at("tdx_init(), acpi_suspend_lowlevel = NULL"),)
    )
    """A kernel that can use TDX does not suspend to memory."""
    gives_way_to_hibernation = Safeguard(
        sources=(L6_8.at("tdx_init(), hibernation_available()"),)
    )
    """TDX is not used where hibernation was possible at boot."""
