"""Rules about traffic: Services, routes, mTLS, policies, requests."""
