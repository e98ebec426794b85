"""What a file looks like that is none of ours, by its first bytes: for errors that say it."""

from __future__ import annotations

TAKEN = (
    "Taken are bundles, istioctl bug-reports, must-gathers, `oc adm inspect`, `kubectl cluster-info dump`, "
    "Troubleshoot support bundles, crust-gather and k8shark captures, Kiali's offline folder, YAML and JSON of "
    "kubectl, pages of Envoy, istiod and ztunnel, and logs: as a folder, tar, zip, gz, xz, zst, or alone"
)

_MAGIC = (
    (b"age-encryption.org/", "a file encrypted with age"),
    (b"-----BEGIN AGE ENCRYPTED", "a file encrypted with age"),
    (b"-----BEGIN PGP MESSAGE", "a file encrypted with PGP"),
    (b"\x85\x01", "a file encrypted with PGP"),
    (b"\x85\x02", "a file encrypted with PGP"),
    (b"\x8c\x0d", "a file encrypted with PGP"),
    (b"Salted__", "a file encrypted with OpenSSL"),
    (b"7z\xbc\xaf'\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program or a core dump (ELF)"),
    (b"MZ", "a program of Windows"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture (pcap)"),
    (b"\xa1\xb2\xc3\xd4", "a packet capture (pcap)"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture (pcapng)"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
    (b"\xd0\xcf\x11\xe0", "a document of Office"),
)


def what_it_is(head: bytes) -> str:
    """What the first bytes say it is; empty where it may be text."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "binary data"
    return ""


def what_they_are(names: list[str]) -> str:
    """What the names in an archive say it is; empty where they say nothing."""
    lowered = [name.lower() for name in names]
    files = set(lowered)
    if files & {"manifest.json", "index.json", "oci-layout"} and any(
        name.endswith("layer.tar") or name.startswith("blobs/sha256") for name in lowered
    ):
        return "an image of Docker or OCI"
    if "[content_types].xml" in files:
        return "a document of Office"
    if "meta-inf/manifest.mf" in files:
        return "a Java archive"
    for what, endings in _ENDINGS:
        if names and sum(name.endswith(endings) for name in lowered) * 2 > len(names):
            return what
    if any(name.rpartition("/")[2] in ("chart.yaml", "go.mod", "package.json", "pyproject.toml") for name in lowered):
        return "source code or a Helm chart"
    return ""


_ENDINGS = (
    ("pictures", (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".heic")),
    ("documents", (".pdf", ".docx", ".xlsx", ".pptx", ".odt")),
    ("source code", (".go", ".py", ".js", ".ts", ".java", ".rs", ".c", ".h", ".cc", ".md", ".class")),
)
