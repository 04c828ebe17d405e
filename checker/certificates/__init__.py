"""Certificates: proofs in files, which any SMT solver can check.

`checker/certificate_checker.py` checks them, and has nothing from here.
"""

from tdxcheck.checker.certificates.making import Attempt, certify, certify_all
from tdxcheck.checker.certificates.writing import Subject

__all__ = ["Attempt", "Subject", "certify", "certify_all"]
