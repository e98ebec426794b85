"""The ledger: everything in a bundle that shows trouble, each with its subject, count, time and evidence.

Knows the mesh and logs. Must not know rules, causes or any output: what explains a symptom is said above.
"""

from bugbundle.symptoms.ledger import Ledger, ledger
from bugbundle.symptoms.model import Kind, State, Symptom

__all__ = ["Kind", "Ledger", "State", "Symptom", "ledger"]
