"""`istioctl proxy-config`: what one Envoy's dump says, in istioctl's columns and JSON.

One file per subcommand; each takes a `ConfigDump` (or Envoy's `clusters` page) and a filter, and gives a `Table` or
a tree for `bugbundle.views.gotext`. Source: istioctl/pkg/writer/envoy of Istio, newest layout.
"""
