"""Columns of volumes and storage drivers.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from bugbundle.replay.ages import Clock
from bugbundle.replay.shape import Object, dig, mapping, objects, scalar, strings, text
from bugbundle.replay.tables.columns import NONE, UNSET, age_of, name_of, table

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(obj: Object, part: str) -> str:
    given = strings(obj, part, "accessModes")
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def _phase(obj: Object) -> str:
    deleted = dig(obj, "metadata", "deletionTimestamp") is not None
    return "Terminating" if deleted else text(obj, "status", "phase")


def _class(obj: Object) -> str:
    old = text(obj, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class")
    return old or text(obj, "spec", "storageClassName")


@table(
    "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode+",
    "persistentvolumes",
)
def volume(obj: Object, clock: Clock) -> list[Any]:
    """One PersistentVolume."""
    claim = mapping(obj, "spec", "claimRef")
    return [
        name_of(obj),
        scalar(dig(obj, "spec", "capacity", "storage")) or "0",
        _modes(obj, "spec"),
        text(obj, "spec", "persistentVolumeReclaimPolicy"),
        _phase(obj),
        f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else "",
        _class(obj),
        text(obj, "spec", "volumeAttributesClassName", default=UNSET),
        text(obj, "status", "reason"),
        age_of(obj, clock),
        text(obj, "spec", "volumeMode", default=UNSET),
    ]


@table(
    "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode+",
    "persistentvolumeclaims",
)
def claim(obj: Object, clock: Clock) -> list[Any]:
    """One PersistentVolumeClaim."""
    bound = text(obj, "spec", "volumeName")
    return [
        name_of(obj),
        _phase(obj),
        bound,
        (scalar(dig(obj, "status", "capacity", "storage")) or "0") if bound else "",
        _modes(obj, "status") if bound else "",
        _class(obj),
        text(obj, "spec", "volumeAttributesClassName", default=UNSET),
        age_of(obj, clock),
        text(obj, "spec", "volumeMode", default=UNSET),
    ]


def _default(obj: Object, *annotations: str) -> str:
    given = mapping(obj, "metadata", "annotations")
    is_default = any(given.get(annotation) == "true" for annotation in annotations)
    return f"{name_of(obj)} (default)" if is_default else name_of(obj)


@table(
    "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age",
    "storageclasses.storage.k8s.io",
)
def storage_class(obj: Object, clock: Clock) -> list[Any]:
    """One StorageClass."""
    group = "storageclass.kubernetes.io/is-default-class"
    return [
        _default(obj, group, "storageclass.beta.kubernetes.io/is-default-class"),
        text(obj, "provisioner"),
        text(obj, "reclaimPolicy", default="Delete"),
        text(obj, "volumeBindingMode", default="Immediate"),
        obj.get("allowVolumeExpansion") is True,
        age_of(obj, clock),
    ]


@table("Name|DriverName|Age", "volumeattributesclasses.storage.k8s.io")
def attributes_class(obj: Object, clock: Clock) -> list[Any]:
    """One VolumeAttributesClass."""
    shown = _default(obj, "storage.alpha.kubernetes.io/is-default-class")
    return [shown, text(obj, "driverName"), age_of(obj, clock)]


@table("Name|Attacher|PV|Node|Attached:boolean|Age", "volumeattachments.storage.k8s.io")
def attachment(obj: Object, clock: Clock) -> list[Any]:
    """One VolumeAttachment."""
    return [
        name_of(obj),
        text(obj, "spec", "attacher"),
        text(obj, "spec", "source", "persistentVolumeName"),
        text(obj, "spec", "nodeName"),
        dig(obj, "status", "attached") is True,
        age_of(obj, clock),
    ]


@table("Name|Drivers:integer|Age", "csinodes.storage.k8s.io")
def csi_node(obj: Object, clock: Clock) -> list[Any]:
    """One CSINode."""
    return [name_of(obj), len(objects(obj, "spec", "drivers")), age_of(obj, clock)]


@table(
    "Name|AttachRequired:boolean|PodInfoOnMount:boolean|StorageCapacity:boolean|TokenRequests"
    "|RequiresRepublish:boolean|Modes|Age",
    "csidrivers.storage.k8s.io",
)
def csi_driver(obj: Object, clock: Clock) -> list[Any]:
    """One CSIDriver."""
    spec = mapping(obj, "spec")
    requests = spec.get("tokenRequests")
    audiences = ",".join(text(item, "audience") for item in objects(spec, "tokenRequests"))
    return [
        name_of(obj),
        spec.get("attachRequired") is not False,
        spec.get("podInfoOnMount") is True,
        spec.get("storageCapacity") is True,
        audiences if isinstance(requests, list) else UNSET,
        spec.get("requiresRepublish") is True,
        ",".join(strings(spec, "volumeLifecycleModes")) or NONE,
        age_of(obj, clock),
    ]


@table("Name|StorageClassName|Capacity", "csistoragecapacities.storage.k8s.io")
def storage_capacity(obj: Object, clock: Clock) -> list[Any]:
    """One CSIStorageCapacity."""
    return [name_of(obj), text(obj, "storageClassName"), scalar(obj.get("capacity")) or UNSET]
