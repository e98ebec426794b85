"""mTLS that does not fit, policies that deny, tokens and certificates that do not arrive."""

# ruff: noqa: E501

from __future__ import annotations

import functools

import pytest
from variants import AP, CFG, DR, PA, RA, Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)
RAW = {
    "name": "envoy.transport_sockets.raw_buffer",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
}


def plain_cluster(s: Scene, host: str, rule: tuple[str, str]) -> None:
    def ch(b):
        b.pop("transport_socket_matches", None)
        b.pop("transport_socket", None)
        b.setdefault("metadata", {}).setdefault("filter_metadata", {}).setdefault("istio", {})["config"] = CFG % (
            rule[0],
            "destination-rule",
            rule[1],
        )

    s.every(ch, "cluster", "|" + host)


def strict_port(s: Scene, prefix: str, port: int) -> None:
    """Of the inbound chains of a port only those with TLS stay."""
    for p in s.proxies(prefix):

        def ch(b):
            b["filter_chains"] = [
                c
                for c in b["filter_chains"]
                if not (
                    c.get("filter_chain_match", {}).get("destination_port") == port
                    and c["filter_chain_match"].get("transport_protocol") != "tls"
                )
            ]

        s.every(ch, "listener", "virtualInbound", [p])


@case("BB705", "DestinationRule shop/web-plain")
def disable_strict(s: Scene) -> None:
    s.add(
        PA,
        "PeerAuthentication",
        "shop",
        "web-strict",
        {"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": "STRICT"}},
    )
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "web-plain",
        {"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )
    for port in (8080, 80, 9000):
        strict_port(s, "web", port)
    plain_cluster(s, "web.shop.svc.cluster.local", ("shop", "web-plain"))
    s.access(
        s.proxy("toolbox"),
        8,
        flags="UC",
        details="upstream_reset_before_response_started{connection_termination}",
        authority="web.shop",
        cluster="outbound|80||web.shop.svc.cluster.local",
    )
    s.access(s.proxy("web"), 8, flags="NR", code="0", details="filter_chain_not_found", local="10.244.2.9:8080")


@case("BB705", "DestinationRule shop/web-plain")
def disable_strict_port(s: Scene) -> None:
    s.add(
        PA,
        "PeerAuthentication",
        "shop",
        "web-port",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "mtls": {"mode": "PERMISSIVE"},
            "portLevelMtls": {"9000": {"mode": "STRICT"}},
        },
    )
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "web-plain",
        {
            "host": "web",
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": 9000}, "tls": {"mode": "DISABLE"}}]},
        },
    )
    strict_port(s, "web", 9000)

    def ch(b):
        b.pop("transport_socket_matches", None)
        b["metadata"]["filter_metadata"]["istio"]["config"] = CFG % ("shop", "destination-rule", "web-plain")

    s.every(ch, "cluster", "outbound|9000||web.shop")


@case()
def disable_permissive_port(s: Scene) -> None:
    s.add(
        PA,
        "PeerAuthentication",
        "shop",
        "web-port",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "mtls": {"mode": "STRICT"},
            "portLevelMtls": {"9000": {"mode": "DISABLE"}},
        },
    )
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "web-plain",
        {
            "host": "web",
            "trafficPolicy": {"portLevelSettings": [{"port": {"number": 9000}, "tls": {"mode": "DISABLE"}}]},
        },
    )


@case("BB705", "DestinationRule istio-system/all-plain")
def disable_wide(s: Scene) -> None:
    s.add(
        DR,
        "DestinationRule",
        "istio-system",
        "all-plain",
        {"host": "*.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )


@case("BB706", "DestinationRule shop/legacy")
def mutual_to_plain(s: Scene) -> None:
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "legacy",
        {"host": "legacy-api.legacy.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    )

    def ch(b):
        m = [x for x in b.get("transport_socket_matches", []) if x["name"] == "tlsMode-istio"]
        b["transport_socket"] = (
            m[0]["transport_socket"]
            if m
            else {
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "default"}]},
                },
            }
        )
        b.pop("transport_socket_matches", None)
        b.setdefault("metadata", {}).setdefault("filter_metadata", {}).setdefault("istio", {})["config"] = CFG % (
            "shop",
            "destination-rule",
            "legacy",
        )

    s.every(ch, "cluster", "|legacy-api.legacy")
    s.access(
        s.proxy("toolbox"),
        8,
        flags="UF,URX",
        details="upstream_reset_before_response_started{remote_connection_failure|TLS_error:_|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER}",
        reason="TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
        authority="legacy-api.legacy:8080",
        cluster="outbound|8080||legacy-api.legacy.svc.cluster.local",
    )


@case("BB717", "PeerAuthentication bookinfo/default")
def plain_client(s: Scene) -> None:
    s.access(
        s.proxy("productpage"),
        20,
        flags="NR",
        code="0",
        details="filter_chain_not_found",
        local="10.244.3.24:9080",
        remote="10.244.9.9:1234",
    )
    for pod in s.objects("pods", "legacy", "legacy-curl"):
        ip = pod["status"]["podIP"]
    s.files[f"logs/{s.proxy('productpage')}/istio-proxy.log"] = s.files[
        f"logs/{s.proxy('productpage')}/istio-proxy.log"
    ].replace(b"10.244.9.9", ip.encode())


@case("BB713", "AuthorizationPolicy shop/lockdown")
def deny_all(s: Scene) -> None:
    s.add(AP, "AuthorizationPolicy", "shop", "lockdown", {})
    s.access(
        s.proxy("web"),
        12,
        code="403",
        details="rbac_access_denied_matched_policy[none]",
        authority="web.shop",
        cluster="inbound|80||",
    )


@case("BB727", "AuthorizationPolicy shop/web-allow")
def allow_nobody(s: Scene) -> None:
    s.add(
        AP,
        "AuthorizationPolicy",
        "shop",
        "web-allow",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "action": "ALLOW",
            "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/frontend"]}}]}],
        },
    )
    s.access(
        s.proxy("web"),
        12,
        code="403",
        details="rbac_access_denied_matched_policy[none]",
        authority="web.shop",
        cluster="inbound|80||",
    )


@case("BB727", "AuthorizationPolicy shop/web-deny")
def deny_matched(s: Scene) -> None:
    s.add(
        AP,
        "AuthorizationPolicy",
        "shop",
        "web-deny",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "action": "DENY",
            "rules": [{"to": [{"operation": {"methods": ["GET"]}}]}],
        },
    )
    s.access(
        s.proxy("web"),
        12,
        code="403",
        details="rbac_access_denied_matched_policy[ns[shop]-policy[web-deny]-rule[0]]",
        authority="web.shop",
        cluster="inbound|80||",
    )


@case("BB714", "RequestAuthentication shop/jwt")
def jwks(s: Scene) -> None:
    s.add(
        RA,
        "RequestAuthentication",
        "shop",
        "jwt",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "jwtRules": [{"issuer": "https://id.example.net", "jwksUri": "https://id.example.net/keys"}],
        },
    )
    i = s.paths("istiod/.*/debug/syncz.json")[0].split("/")
    s.log(
        f"{i[1]}/{i[2]}/discovery",
        *[
            '{t}\terror\tmodel\tFailed to fetch public key from jwks URI "https://id.example.net/keys": dial tcp: lookup id.example.net: no such host'
        ]
        * 4,
    )
    s.access(
        s.proxy("web"),
        12,
        flags="-",
        code="401",
        details="jwt_authn_access_denied{Jwks_remote_fetch_is_failed}",
        authority="web.shop",
        cluster="-",
    )


@case("BB410", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def cert_log_expired(s: Scene) -> None:
    p = s.proxy("reviews-v2")
    s.log(
        p + "/istio-proxy",
        *[
            '{t}\terror\tsecretcache\tfailed to sign: create certificate: rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-21T01:28:43Z is before 2026-11-21T05:00:00Z"'
        ]
        * 5,
    )


@case("BB408", "Pod istio-system/istiod-57c6756f8-wtjzj")
def csr_auth(s: Scene) -> None:
    i = s.paths("istiod/.*/debug/syncz.json")[0].split("/")
    s.log(
        f"{i[1]}/{i[2]}/discovery",
        *[
            '{t}\terror\tserverca\tAuthentication failed: Authenticator KubernetesJWTAuthenticator: failed to validate the JWT from cluster "Kubernetes": the token is not authenticated'
        ]
        * 8,
    )
    p = s.proxy("reviews-v2")
    s.log(
        p + "/istio-proxy",
        *[
            "{t}\terror\tcache\tresource:default request:11 CSR failed with error: rpc error: code = Unauthenticated desc = authentication failure",
            "{t}\twarn\tsds\tfailed to warm certificate: failed to generate workload certificate: create certificate: rpc error: code = Unauthenticated desc = authentication failure",
        ]
        * 4,
    )


@case("BB406", "DestinationRule shop/pay")
def file_mounted(s: Scene) -> None:
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "pay",
        {
            "host": "api.payments.example.com",
            "trafficPolicy": {
                "tls": {
                    "mode": "MUTUAL",
                    "caCertificates": "/etc/certs/ca.pem",
                    "clientCertificate": "/etc/certs/c.pem",
                    "privateKey": "/etc/certs/k.pem",
                }
            },
        },
    )

    def ch(b):
        b["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": {
                    "tls_certificate_sds_secret_configs": [
                        {"name": "file-cert:/etc/certs/c.pem~/etc/certs/k.pem", "sds_config": {"ads": {}}}
                    ],
                    "combined_validation_context": {
                        "validation_context_sds_secret_config": {"name": "file-root:/etc/certs/ca.pem"}
                    },
                },
            },
        }
        b.setdefault("metadata", {}).setdefault("filter_metadata", {}).setdefault("istio", {})["config"] = CFG % (
            "shop",
            "destination-rule",
            "pay",
        )

    s.every(ch, "cluster", "outbound|443||api.payments", s.proxies("shop/"))


@case("BB408", "Pod istio-system/istiod-57c6756f8-wtjzj")
def token_refused(s: Scene) -> None:
    proxy = s.proxy("reviews-v2")
    namespace, name = proxy.split("/")
    address = s.objects("pods", namespace, name)[0]["status"]["podIP"]
    path = s.paths("istiod/.*/debug/syncz.json")[0]
    s.json(path)[:] = [row for row in s.json(path) if row["proxy"] != f"{name}.{namespace}"]
    refused = (
        f"{{t}}\terror\tsecurity\tFailed to authenticate client from {address}:41234: Authenticator KubeJWTAuthenticator: "
        'failed to validate the JWT from cluster "Kubernetes": the token is not authenticated'
    )
    s.log("/".join(path.split("/")[1:3]) + "/discovery", *[refused] * 8)
    told = (
        "{t}\twarn\tsds\tfailed to warm certificate: failed to generate workload certificate: create certificate: "
        "rpc error: code = Unauthenticated desc = authentication failure"
    )
    s.log(f"{proxy}/istio-proxy", *[told] * 4)


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
