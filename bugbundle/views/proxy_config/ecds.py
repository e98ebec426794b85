"""`proxy-config ecds`: typed extension configurations."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh.kube import as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config.dump import TYPE, ConfigDump, get, resources, text
from bugbundle.views.table import Table


def summary(dump: ConfigDump) -> Table:
    """One row per extension, by type and name."""
    found = [
        (text(one, "typed_config", "@type"), as_text(get(one, "name")))
        for section in dump.sections("EcdsConfigDump")
        for one in resources(section, "ecds_filters", "ecds_filter")
    ]
    rows = [(name, url.removeprefix(TYPE)) for url, name in gosort.sorted_by(found, lambda row: row)]
    return Table(("ECDS NAME", "TYPE"), tuple(rows), padding=5)


def tree(dump: ConfigDump) -> Any:
    """All sections as one EcdsConfigDump."""
    filters = [row for section in dump.sections("EcdsConfigDump") for row in dicts(get(section, "ecds_filters"))]
    return shape({"ecds_filters": filters}, "envoy.admin.v3.EcdsConfigDump")
