"""bugbundle: record an Istio mesh into one file and answer from that file, offline."""

__version__ = "0.1.0"
