"""The rules of a TDX host, grouped by concern."""

from tdxcheck.spec.rules.availability import AVAILABILITY
from tdxcheck.spec.rules.caches import CACHES
from tdxcheck.spec.rules.coverage import COVERAGE
from tdxcheck.spec.rules.cpus import CPUS
from tdxcheck.spec.rules.devices import DEVICES
from tdxcheck.spec.rules.dynamic_pamt import DYNAMIC_PAMT
from tdxcheck.spec.rules.initialization import INITIALIZATION
from tdxcheck.spec.rules.kexec import KEXEC_RULES
from tdxcheck.spec.rules.power import POWER
from tdxcheck.spec.rules.refusals import REFUSALS
from tdxcheck.spec.rules.service import SERVICE
from tdxcheck.spec.rules.update import UPDATE

GROUPS = {
    "initialisation": INITIALIZATION,
    "keys and caches": CACHES,
    "memory": COVERAGE,
    "NVDIMM and CXL": DEVICES,
    "dynamic PAMT": DYNAMIC_PAMT,
    "CPUs and keys": CPUS,
    "kexec": KEXEC_RULES,
    "suspend": POWER,
    "update": UPDATE,
    "refusals": REFUSALS,
    "availability": AVAILABILITY,
    "service": SERVICE,
}
"""By concern, the rules in the order in which reports show them."""

RULES = tuple(rule for rules in GROUPS.values() for rule in rules)

__all__ = ["GROUPS", "RULES"]
