"""What rules of several families share: the form of istioctl's analyzers, one finding for many proxies."""
