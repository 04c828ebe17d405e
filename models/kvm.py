"""KVM's part: loading it, and running one TD from creation to its end.

v3 had no KVM for TDX in tree; the steps are those of v6.16, whose order the
module dictates. A design adds the checks that its own KVM makes.
"""

from __future__ import annotations

from tdxcheck.checker.language import Kind, Term, action, exists
from tdxcheck.models.td import (
    mem_page_aug,
    mng_create,
    mng_key_config,
    mng_key_freeid,
    mng_vpflushdone,
    phymem_cache_wb,
    vp_enter,
)
from tdxcheck.spec.events import TD_CREATE
from tdxcheck.spec.host import Actor, Host, Kvm, Running, Td
from tdxcheck.spec.machine import Block, Cpu
from tdxcheck.spec.module import Status
from tdxcheck.spec.sources import K6_16

TD_INIT = (K6_16.at("__tdx_td_init()"),)
RELEASE = (K6_16.at("tdx_mmu_release_hkid()"),)


def seamcall(host: Host, leaf: object, *arguments: object) -> Term[Status]:
    """A kernel's SEAMCALL: the module's answer, and that a second kernel made one."""
    answer: Term[Status] = host.call(leaf, *arguments)
    host.seamcall_made = host.running == Running.SECOND
    return answer


def vmxon_everywhere(host: Host) -> None:
    """VMXON on every CPU: now, or as the first thing when it comes online."""
    host.vmx_on.fill(True)


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST})
def kvm_load(host: Host) -> None:
    """The administrator loads KVM, which does VMXON on every online CPU."""
    host.require(host.kvm_may_load())
    host.require(host.kvm == Kvm.UNLOADED)
    host.require(~host.initializing())
    vmxon_everywhere(host)
    host.kvm = Kvm.LOADED


@action(actor=Actor.ADMINISTRATOR, kinds={Kind.REQUEST})
def kvm_unload(host: Host) -> None:
    """The administrator unloads KVM, with no TD left: VMXOFF on every CPU."""
    host.require(host.kvm == Kvm.LOADED)
    host.require(~host.initializing())
    host.require(host.td == Td.NONE)
    host.vmx_on.fill(False)
    host.kvm = Kvm.UNLOADED


@action(actor=Actor.KVM, event=TD_CREATE, sources=TD_INIT)
def td_create(host: Host, cpu: Cpu, shortage: Term[bool]) -> None:
    """KVM creates a TD: TDH.MNG.CREATE on {cpu}."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.NONE)
    host.require(host.online(cpu))
    host.require(host.faults | ~shortage)
    seamcall(host, mng_create, cpu, ~shortage)


@action(actor=Actor.KVM, sources=TD_INIT)
def td_configure_key(host: Host, cpu: Cpu, shortage: Term[bool]) -> None:
    """KVM programs the TD's key into a package: TDH.MNG.KEY.CONFIG on {cpu}."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.HKID_ASSIGNED)
    host.require(host.online(cpu))
    host.require(~host.td_key_configured[host.package_of[cpu]])
    host.require(host.faults | ~shortage)
    seamcall(host, mng_key_config, cpu, ~shortage)


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_vcpu_run()"),))
def td_run(host: Host, cpu: Cpu) -> None:
    """KVM runs the TD: TDH.VP.ENTER on {cpu} leaves private lines in its cache."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.online(cpu))
    seamcall(host, vp_enter, cpu)


@action(actor=Actor.KVM, sources=(K6_16.at("tdx_mem_page_aug()"),))
def td_add_page(host: Host, cpu: Cpu, block: Block) -> None:
    """KVM gives the TD a page that the allocator took from {block}, on {cpu}."""
    host.require(host.td_memory_available(block))
    host.require(host.td == Td.KEYS_CONFIGURED)
    host.require(host.online(cpu))
    outside = host.td_page_outside
    answer = seamcall(host, mem_page_aug, cpu, block)
    host.td_page_outside = outside | (answer != Status.TDX_SUCCESS)


@action(actor=Actor.KVM, sources=RELEASE)
def td_stop(host: Host, cpu: Cpu) -> None:
    """KVM ends the TD: TDH.MNG.VPFLUSHDONE on {cpu}."""
    host.require(host.tdx_in_use())
    host.require((host.td == Td.HKID_ASSIGNED) | (host.td == Td.KEYS_CONFIGURED))
    host.require(host.online(cpu))
    seamcall(host, mng_vpflushdone, cpu)


@action(actor=Actor.KVM, sources=RELEASE)
def td_write_back(host: Host, cpu: Cpu) -> None:
    """KVM writes back a package's lines: TDH.PHYMEM.CACHE.WB on {cpu}."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.BLOCKED)
    host.require(host.online(cpu))
    host.require(host.td_key_configured[host.package_of[cpu]])
    seamcall(host, phymem_cache_wb, cpu)


@action(actor=Actor.KVM, sources=RELEASE)
def td_free_key(host: Host, cpu: Cpu) -> None:
    """KVM frees the TD's KeyID: TDH.MNG.KEY.FREEID on {cpu}."""
    host.require(host.tdx_in_use())
    host.require(host.td == Td.BLOCKED)
    host.require(host.online(cpu))
    host.require(~exists(Cpu, lambda c: host.cache_write_back_possible(c)))
    seamcall(host, mng_key_freeid, cpu)


KVM = (
    kvm_load,
    kvm_unload,
    td_create,
    td_configure_key,
    td_run,
    td_add_page,
    td_stop,
    td_write_back,
    td_free_key,
)
"""KVM with TDX, with no check of its own."""
