"""The mesh's own settings, from the ConfigMap that istiod reads."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kinds import CONFIG_MAP
from bugbundle.mesh.kube import as_dict, as_text, texts
from bugbundle.mesh.once import once


@once
def mesh_config_map(mesh: Mesh) -> KubeObject | None:
    """The ConfigMap `istio` (or `istio-<revision>`) with the key `mesh`."""
    found = [
        item
        for item in mesh.kube.list(CONFIG_MAP)
        if (item.name == "istio" or item.name.startswith("istio-")) and "mesh" in texts(item.raw.get("data"))
    ]
    return min(found, key=lambda item: (len(item.name), item.namespace), default=None)


def mesh_configs(mesh: Mesh) -> list[tuple[KubeObject, dict[str, Any]]]:
    """(ConfigMap, its MeshConfig) of every control plane that runs; of all of them where no istiod was recorded."""
    import yaml

    wanted = {(istiod.namespace, _name_for(istiod.revision)) for istiod in mesh.istiods}
    found: list[tuple[KubeObject, dict[str, Any]]] = []
    for item in mesh.kube.list(CONFIG_MAP):
        text = texts(item.raw.get("data")).get("mesh")
        named = item.name == "istio" or item.name.startswith("istio-")
        if text is None or not named or (wanted and (item.namespace, item.name) not in wanted):
            continue
        try:
            found.append((item, as_dict(yaml.safe_load(text))))
        except yaml.YAMLError:
            continue
    return found


def _name_for(revision: str) -> str:
    return "istio" if revision in ("", "default") else f"istio-{revision}"


def mesh_config(mesh: Mesh) -> dict[str, Any]:
    """MeshConfig as written; empty where it was not recorded or is not YAML."""
    return _settings(mesh, "mesh")


def mesh_networks(mesh: Mesh) -> dict[str, Any]:
    """MeshNetworks as written; empty where there is none, or it is not YAML."""
    return _settings(mesh, "meshNetworks")


@once
def _settings(mesh: Mesh, key: str) -> dict[str, Any]:
    found = mesh_config_map(mesh)
    return yaml_object(texts(found.raw.get("data")).get(key, "")) if found else {}


def yaml_object(text: str) -> dict[str, Any]:
    """The object that YAML (or JSON) in a ConfigMap holds; empty where it is none."""
    import yaml

    try:
        return as_dict(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}


@once
def root_namespace(mesh: Mesh) -> str:
    """`rootNamespace`, else where the ConfigMap lies, else `istio-system`."""
    found = mesh_config_map(mesh)
    named = as_text(mesh_config(mesh).get("rootNamespace"))
    return named or (found.namespace if found else "istio-system")


def injector_config_map(mesh: Mesh, revision: str) -> KubeObject | None:
    """The ConfigMap with the injection template of a revision."""
    name = "istio-sidecar-injector" if revision in ("", "default") else f"istio-sidecar-injector-{revision}"
    return next((item for item in mesh.kube.list(CONFIG_MAP) if item.name == name), None)


@once
def injection_values(mesh: Mesh, revision: str = "") -> dict[str, Any]:
    """The Helm values in the injector's ConfigMap (JSON); empty where absent or odd."""
    from bugbundle.codec import decode
    from bugbundle.errors import BugbundleError

    found = injector_config_map(mesh, revision)
    if found is None:
        return {}
    try:
        text = texts(found.raw.get("data")).get("values", "")
        return as_dict(decode(text.encode(), found.pointer.entry))
    except BugbundleError:
        return {}
