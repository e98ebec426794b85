"""`analyze -o log|json|yaml`: what istioctl 1.29.6 prints for the same files and flags; files/*.txt are its answers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

FILES = Path(__file__).parent / "files"
DOCS = "https://istio.io/v1.29/docs/reference/config/analysis"
ALONE = "--use-kube=false"


def run(capsys: pytest.CaptureFixture[str], *words: str, known: object = None) -> tuple[int, str, str]:
    code = main(["analyze", *words], known)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)


@pytest.mark.parametrize(("name", "code"), [("references", 79), ("schema", 79), ("webhooks", 0)])
def test_files_alone(name: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    got, out, _ = run(capsys, ALONE, f"{name}.yaml", "-o", "log")
    assert out.splitlines() == (FILES / f"{name}.txt").read_text().splitlines()
    assert got == code


def objects(kind: str, api: str, *items: dict[str, object]) -> str:
    return json.dumps({"kind": f"{kind}List", "apiVersion": api, "items": list(items)})


def named(
    name: str, namespace: str = "", annotations: dict[str, str] | None = None, **rest: object
) -> dict[str, object]:
    meta = {"name": name, "annotations": annotations or {}, **({"namespace": namespace} if namespace else {})}
    return {"metadata": meta, **rest}


NETWORKING = "k8s/apis/networking.istio.io/v1"
ROUTE = {"hosts": ["web"], "gateways": ["no<such>"], "http": [{"redirect": {"uri": "/"}}]}


def mesh(annotations: dict[str, str] | None = None) -> dict[str, Mesh]:
    service = named("web", "shop", annotations, spec=ROUTE)
    entries = {
        "bundle.json": '{"format": 1, "started": "2026-11-20T18:03:11Z"}',
        "k8s/api/v1/namespaces.json": objects("Namespace", "v1", named("shop"), named("calm")),
        f"{NETWORKING}/virtualservices.json": objects("VirtualService", "networking.istio.io/v1", service),
        f"{NETWORKING}/gateways.json": objects("Gateway", "networking.istio.io/v1"),
    }
    return {"B": Mesh(Bundle.from_entries(entries))}


GATEWAY = 'Error [IST0101] (VirtualService shop/web) Referenced gateway not found: "no<such>"'
HOSTS = (
    "Warning [IST0132] (VirtualService shop/web) one or more host [web] defined in VirtualService shop/web "
    "not found in Gateway shop/no<such>."
)


def info(name: str) -> str:
    return (
        f"Info [IST0102] (Namespace {name}) The namespace is not enabled for Istio injection. Run 'kubectl label "
        f"namespace {name} istio-injection=enabled' to enable it, or 'kubectl label namespace {name} "
        "istio-injection=disabled' to explicitly mark it as not needing injection."
    )


def test_a_bundle_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "B", "-A", known=mesh())
    assert (code, out.splitlines()) == (79, [GATEWAY, HOSTS, info("calm"), info("shop")])
    assert err.splitlines()[-2:] == [
        "Error: Analyzers found issues when analyzing all namespaces.",
        f"See {DOCS} for more information about causes and resolutions.",
    ]
    assert run(capsys, "B", "-n", "shop", known=mesh())[1].splitlines() == [GATEWAY, HOSTS, info("shop")]
    assert run(capsys, "B", "-n", "calm", known=mesh())[:2] == (0, info("calm") + "\n")


def test_members_and_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "B", "-A", "-o", "json", "--output-threshold", "error", known=mesh())
    assert code == 0
    assert out == (
        '[\n\t{\n\t\t"code": "IST0101",\n'
        f'\t\t"documentationUrl": "{DOCS}/ist0101/?ref=istioctl-analyze",\n'
        '\t\t"level": "Error",\n'
        '\t\t"message": "Referenced gateway not found: \\"no\\u003csuch\\u003e\\"",\n'
        '\t\t"origin": "VirtualService shop/web"\n\t}\n]\n'
    )
    code, out, _ = run(capsys, "B", "-A", "-o", "yaml", "--output-threshold", "error", known=mesh())
    assert (code, out) == (
        0,
        f"- code: IST0101\n  documentationUrl: {DOCS}/ist0101/?ref=istioctl-analyze\n  level: Error\n"
        "  message: 'Referenced gateway not found: \"no<such>\"'\n  origin: VirtualService shop/web\n\n",
    )


NOTHING = "✔ No validation issues found when analyzing {}.\n"


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["-n", "nowhere"], 0, "", 'namespace "nowhere" not found\n'),
        (["-A", "--analyzer", "webhook.Analyzer"], 0, "\n", NOTHING.format("all namespaces")),
        (["-A", "--analyzer", "webhook.Analyzer", "-o", "json"], 0, "[]\n", NOTHING.format("all namespaces")),
        (["-o", "yaml", "--output-threshold", "error"], 0, "[]\n\n", NOTHING.format("namespace: default")),
        (["-A", "-S", "IST0101"], 1, "", "Error: IST0101 is not a valid suppression value"),
        (["-A", "-S", "IST0101=Virtual* shop/*", "-S", "IST0132=*", "--output-threshold", "Warning"], 0, "\n", NOTHING),
    ],
)
def test_flags(words: list[str], code: int, out: str, err: str, capsys: pytest.CaptureFixture[str]) -> None:
    got, said, told = run(capsys, "B", *words, known=mesh())
    assert (got, said) == (code, out)
    assert err.partition("{")[0] in told


def test_an_analyzer_that_does_not_exist_is_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    whole = run(capsys, "B", "-A", known=mesh())[1]
    assert run(capsys, "B", "-A", "--analyzer", "no.Such", known=mesh())[1] == whole
    assert run(capsys, "B", "-A", "--analyzer", "virtualservice.GatewayAnalyzer", known=mesh())[1] == (
        f"{GATEWAY}\n{HOSTS}\n"
    )


@pytest.mark.parametrize(("codes", "left"), [("IST0101", [HOSTS]), ("IST0132,IST0101", []), ("*", [])])
def test_the_annotation_suppresses(codes: str, left: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    known = mesh({"galley.istio.io/analyze-suppress": codes})
    out = run(capsys, "B", "-A", "--output-threshold", "Warning", known=known)[1]
    assert out.splitlines() == (left or [""])


def test_colours_only_where_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "B", "-A", "--color", known=mesh())[1]
    assert [line.partition(" [")[0] for line in out.splitlines()] == [
        "\x1b[1;31mError\x1b[0m",
        "\x1b[33mWarning\x1b[0m",
        "Info\x1b[0m",
        "Info\x1b[0m",
    ]
    assert "\x1b" not in run(capsys, "B", "-A", known=mesh())[1]


def test_a_file_takes_precedence_over_the_recorded_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fixed.yaml"
    file.write_text(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\n"
        "spec:\n  hosts: [web]\n  gateways: [mesh]\n  http:\n  - redirect: {uri: /}\n"
    )
    code, out, err = run(capsys, "B", str(file), "-n", "shop", "--output-threshold", "Warning", known=mesh())
    assert (code, out) == (0, "\n")
    assert err.endswith(NOTHING.format(file))


def test_mesh_config_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "mesh.yaml"
    config.write_text("defaultProviders: {accessLogging: [envoy]}\n")
    words = (ALONE, "references.yaml", "-o", "log", "--analyzer", "telemetry.ProviderAnalyzer")
    assert "IST0157" in run(capsys, *words)[1]
    assert run(capsys, *words, "--meshConfigFile", str(config))[1] == "\n"


def test_folders_stdin_and_what_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "gateway.yaml").write_bytes((FILES / "schema.yaml").read_bytes())
    (tmp_path / "notes.txt").write_text("x")
    code, out, err = run(capsys, ALONE, str(tmp_path), "-A", "--analyzer", "schema.ValidationAnalyzer.Sidecar")
    assert f"(Sidecar s {tmp_path}/sub/gateway.yaml:" in out
    assert (code, f"Skipping file {tmp_path}/notes.txt, recognized file extensions are" in err) == (79, True)

    text = b"a: [b\n---\napiVersion: v1\nkind: Foo\nmetadata: {name: x}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, out, err = run(capsys, ALONE, "-", "-A")
    assert (code, out) == (65, "\n")
    assert "error processing -[0]: yaml: line 2" in err
    assert err.endswith("Error: Some files couldn't be parsed.\n")
    assert run(capsys, ALONE, "nosuch.yaml", "-A")[0] == 1


def test_lists_and_aliases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "list.yaml"
    file.write_text(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.istio.io/v1\n  kind: Sidecar\n"
        "  metadata: {name: one, namespace: a}\n  spec: &empty {}\n- apiVersion: networking.istio.io/v1\n"
        "  kind: Sidecar\n  metadata: {name: two, namespace: a}\n  spec: *empty\n"
    )
    out = run(capsys, ALONE, str(file), "-A")[1]
    assert [line.split(" ")[3].rstrip() for line in out.splitlines()] == ["a/one", "a/two"]
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
    file.write_text(f"apiVersion: v1\nkind: Bomb\nmetadata: {{name: x}}\n{bomb}")
    code, _, err = run(capsys, ALONE, str(file), "-A")
    assert (code, "too many values" in err) == (65, True)
    file.write_text("apiVersion: v1\nkind: Loop\nspec: &loop\n  again: *loop\n")
    assert run(capsys, ALONE, str(file), "-A")[0] == 65


def test_ours_says_the_line_of_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "references.yaml", "--format", "json", "--rule", "IST0101")
    found = {(item["origin"], item["reference"]) for item in json.loads(out)["findings"]}
    assert ("VirtualService v1", "references.yaml:20") in found
    assert code == 79


def test_the_analyzers_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "-L")
    assert (code, out.count("\n")) == (0, 100)
    assert out.startswith("* annotations.K8sAnalyzer:\n    Checks for misplaced and invalid Istio annotations")
