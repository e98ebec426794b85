"""Lines and templates: what many lines share, whoever printed them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bugbundle.logs import Template, shared, templates

ISTIOD = """\
2026-11-21T01:27:41.285436Z\tinfo\tdelta\tRDS: PUSH for node:toolbox.shop resources:9 removed:0 size:13.8kB cached:0/9
2026-11-21T01:27:42.285436Z\tinfo\tdelta\tRDS: PUSH for node:db-0.shop resources:10 removed:0 size:1.2kB cached:0/9
2026-11-21T01:27:43.381599Z\twarn\tklog\tfailed to list *v1.EndpointSlice: Unauthorized
"""


def at(hour: int, minute: int, second: int, micro: int = 0) -> datetime:
    return datetime(2026, 11, 21, hour, minute, second, micro, UTC)


def test_lines_of_one_kind_are_one_template() -> None:
    lines = ISTIOD.splitlines()
    assert templates(lines) == [
        Template(
            "delta RDS: PUSH for <*> resources:<*> removed:<*> size:<*> cached:<*>/<*>",
            "info", 2, at(1, 27, 41, 285436), at(1, 27, 42, 285436), lines[1], busiest=2,
        ),
        Template(
            "klog failed to list *v1.EndpointSlice: Unauthorized",
            "warning", 1, at(1, 27, 43, 381599), at(1, 27, 43, 381599), lines[2], busiest=1,
        ),
    ]  # fmt: skip


def test_access_logs_are_told_by_code_flags_and_cluster() -> None:
    ok = (
        '[2026-11-21T01:28:21.664Z] "GET /a HTTP/1.1" 200 - via_upstream - "-" 0 10 4 4 "-" "curl" "id" "cart:8080" '
        '"10.0.0.1:80" outbound|8080||cart.shop.svc.cluster.local 10.0.0.2:1 - default'
    )
    bad = ok.replace("200 - via_upstream", "503 UH no_healthy_upstream").replace("/a", "/b")
    both = templates([ok, ok.replace("/a", "/c"), bad])
    assert [(one.text, one.count, one.access) for one in both] == [
        ("200 - via_upstream outbound|8080||cart.shop.svc.cluster.local", 2, True),
        ("503 UH no_healthy_upstream outbound|8080||cart.shop.svc.cluster.local", 1, True),
    ]


def test_other_writers() -> None:
    lines = [
        "E1121 01:04:06.123456       1 reflector.go:147] cannot list resource",
        '{"level":"error","time":"2026-11-21T01:00:00Z","scope":"ads","msg":"boom 12"}',
        '{"start_time":"2026-11-21T01:00:01Z","response_code":503,"response_flags":"UF","upstream_cluster":"outbound|80||a"}',
        "2026-11-21T01:00:02.5Z\terror\tenvoy config x.cc:12\tgRPC config rejected: 0x1f at 10.1.2.3:80",
        "  a line without a head",
    ]
    assert sorted((one.level, one.text, one.first) for one in templates(lines)) == [
        ("", "503 UF - outbound|80||a", at(1, 0, 1)),
        ("", "a line without a head", at(1, 0, 2, 500000)),
        ("error", "boom <*> scope=<*>", at(1, 0, 0)),
        ("error", "cannot list resource", None),
        ("error", "envoy config x.cc:<*> gRPC config rejected: <*> at <*>", at(1, 0, 2, 500000)),
    ]  # fmt: skip


def test_templates_of_two_logs_are_the_same_where_their_lines_are() -> None:
    """Mined together, and whatever the order of lines."""
    lines = ISTIOD.splitlines()
    one, other = shared({"a": lines, "b": lines[:1]}), shared({"b": lines[:1], "a": lines[::-1]})
    assert [(each.text, {who: found.count for who, found in each.groups.items()}) for each in one] == [
        ("delta RDS: PUSH for <*> resources:<*> removed:<*> size:<*> cached:<*>/<*>", {"a": 2, "b": 1}),
        ("klog failed to list *v1.EndpointSlice: Unauthorized", {"a": 1}),
    ]
    assert [each.text for each in one] == [each.text for each in other]


@given(st.lists(st.text() | st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_any_text_has_templates_that_count_each_line_once(lines: list[str]) -> None:
    assert sum(one.count for one in templates(lines)) == sum(bool(line) and not line.isspace() for line in lines)
