"""What several rules share: selectors, hosts, mTLS, injection, waypoints, network policies.

Knows mesh and the rules' model. Must not know any single rule.
"""
