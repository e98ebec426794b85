"""Which form of an answer a client asks for, from its `Accept` header.

Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation; protobuf, YAML and CBOR are answered with JSON,
which every client reads by the answer's own Content-Type.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ACCEPT = 4096


@dataclass(frozen=True, slots=True)
class Form:
    """A form: plain (`as_` empty), `Table`, `PartialObjectMetadata(List)`, `APIGroupDiscoveryList`."""

    as_: str = ""
    version: str = "v1"

    @property
    def table(self) -> bool:
        """Rows and columns."""
        return self.as_ == "Table"

    @property
    def partial(self) -> bool:
        """Metadata alone."""
        return self.as_.startswith("PartialObjectMetadata")


PLAIN = Form()

_KNOWN = {
    "Table": ("meta.k8s.io", ("v1", "v1beta1")),
    "PartialObjectMetadata": ("meta.k8s.io", ("v1", "v1beta1")),
    "PartialObjectMetadataList": ("meta.k8s.io", ("v1", "v1beta1")),
    "APIGroupDiscoveryList": ("apidiscovery.k8s.io", ("v2", "v2beta1")),
}


def form(accept: str, allowed: tuple[str, ...]) -> Form:
    """The first form that is asked for and `allowed` here; plain JSON where there is none."""
    for part in accept[:MAX_ACCEPT].split(","):
        media, *options = (piece.strip() for piece in part.split(";"))
        given = dict(option.split("=", 1) for option in options if "=" in option)
        wanted = given.get("as", "")
        if not wanted and media in ("application/json", "*/*", "application/*"):
            return PLAIN
        if wanted in allowed and media in ("application/json", "*/*", "application/*"):
            group, versions = _KNOWN[wanted]
            if given.get("g") == group and given.get("v") in versions:
                return Form(wanted, given["v"])
    return PLAIN


LIST_FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
DISCOVERY_FORMS = ("APIGroupDiscoveryList",)
