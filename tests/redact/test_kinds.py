"""What goes, what stays: small entries in, whole entries out."""

# ruff: noqa: E501  (an entry and what is left of it, side by side)

from __future__ import annotations

import base64
import json
import re

import pytest

from bugbundle.redact import Redactor, residue

KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ" + f"{n:014d}" for n in range(6))
    + "\n-----END PRIVATE KEY-----\n"
)
CERT = "-----BEGIN CERTIFICATE-----\n" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n" * 3 + "-----END CERTIFICATE-----\n"
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
SECRET = "hunter2-Tr0ub4dor"


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def redact(path: str, body: str) -> tuple[str, dict[str, int]]:
    result = Redactor(b"k" * 16).redact(path, body.encode())
    again = Redactor(b"k" * 16).redact(path, result.body)
    assert (again.body, again.removed) == (result.body, {})
    return result.body.decode(), result.removed


def masked(text: str) -> str:
    """Stand-ins without length and digest."""
    return re.sub(r"redacted-([a-z-]+)-\d+-[0-9a-f]{8}", r"<\1>", text)


GONE = [
    ("k8s/api/v1/pods.json", '{"password":12345678}', '{"password":"<password>"}'),
    ("k8s/api/v1/pods.json", '{"a":"{\\"password\\": 12345678, \\"b\\": 1}"}', '{"a":"{\\"password\\": \\"<password>\\", \\"b\\": 1}"}'),
    ("k8s/api/v1/pods.json", '{"value":"@","name":"DB_PASSWORD"}', '{"value":"<password>","name":"DB_PASSWORD"}'),
    ("k8s/api/v1/pods.json", '{"tokens":["@","b@"],"n":1}', '{"tokens":["<token>","<token>"],"n":1}'),
    ("k8s/api/v1/configmaps.json", '{"a":"tokens:\\n- @\\n- b@\\nx: 1\\n"}', '{"a":"tokens:\\n- <token>\\n- <token>\\nx: 1\\n"}'),
    ("k8s/api/v1/configmaps.json", '{"a":"- value: @\\n  name: DB_PASSWORD\\n"}', '{"a":"- value: <password>\\n  name: DB_PASSWORD\\n"}'),
    ("k8s/api/v1/configmaps.json", '{"a":"\\u003cpassword\\u003e@\\u003c/password\\u003e"}', '{"a":"\\u003cpassword\\u003e<password>\\u003c/password\\u003e"}'),
    ("k8s/api/v1/pods.json", '{"command":["curl","-u","bob:@","http://x"]}', '{"command":["curl","-u","bob:<password>","http://x"]}'),
    ("k8s/api/v1/pods.json", '{"command":["sh","-c","mysql -u root -p@ db"]}', '{"command":["sh","-c","mysql -u root -p<password> db"]}'),
    ("k8s/api/v1/pods.json", '{"args":["-a","@","ping"],"command":["redis-cli"]}', '{"args":["-a","<password>","ping"],"command":["redis-cli"]}'),
    ("proxies/a/b/config_dump.json", '{"keys":[{"kty":"oct","kid":"a","k":"@"}]}', '{"keys":[{"kty":"oct","kid":"a","k":"<private-key>"}]}'),
    ("proxies/a/b/config_dump.json", '{"generic_secret": {"secrets": {"a": {"inline_string": "@"}, "b": {"inline_string": "@"}}}}',
     '{"generic_secret": {"secrets": {"a": {"inline_string": "<credential>"}, "b": {"inline_string": "<credential>"}}}}'),
    ("k8s/api/v1/configmaps.json", '{"release":"H4sIAAAA' + "aB3d" * 20 + '"}', '{"release":"<helm-release>"}'),
    ("k8s/api/v1/configmaps.json", '{"u":"https://hooks.slack.com/services/T0/B0/' + "aB3d" * 6 + '"}', '{"u":"https://hooks.slack.com/services/<webhook>"}'),
    ("logs/a/b/c.log", 'msg="x" token=@ user=bob\n', 'msg="x" token=<token> user=bob\n'),
    ("k8s/api/v1/pods.json", '{"name":"DB_PASSWORD","value":"@"}', '{"name":"DB_PASSWORD","value":"<password>"}'),
    ("k8s/api/v1/pods.json", '{"name":"PASSWORD_PROD","value":"@"}', '{"name":"PASSWORD_PROD","value":"<password>"}'),
    ("k8s/api/v1/pods.json", '{"name":"API_KEY","value":"a \\" @"}', '{"name":"API_KEY","value":"<key>"}'),
    ("k8s/api/v1/pods.json", '{"name": "github_token",\n  "value": "@"}', '{"name": "github_token",\n  "value": "<token>"}'),
    ("k8s/api/v1/pods.json", '{"args":["--password=@ x"]}', '{"args":["--password=<password>"]}'),
    ("k8s/api/v1/pods.json", '{"args":["--token","@","-v"]}', '{"args":["--token","<token>","-v"]}'),
    ("k8s/api/v1/pods.json", '{"args":["run --api-key @ --x"]}', '{"args":["run --api-key <key> --x"]}'),
    ("k8s/api/v1/pods.json", '{"args":["sh","-c","PGPASSWORD=@ psql"]}', '{"args":["sh","-c","PGPASSWORD=<password> psql"]}'),
    ("k8s/api/v1/pods.json", '{"value":"postgres://app:@@db/app?x=1"}', '{"value":"postgres://app:<url-password>@db/app?x=1"}'),
    ("k8s/api/v1/pods.json", '{"value":"https://h/p?a=1\\u0026access_token=@\\u0026b=2"}',
     '{"value":"https://h/p?a=1\\u0026access_token=<token>\\u0026b=2"}'),
    ("k8s/api/v1/pods.json", '{"annotations":{"openshift.io/token-secret.value":"@"}}',
     '{"annotations":{"openshift.io/token-secret.value":"<credential>"}}'),
    ("k8s/api/v1/pods.json", '{"annotations":{"a":"{\\"env\\":[{\\"name\\":\\"DB_PASSWORD\\",\\"value\\":\\"@\\"}]}\\n"}}',
     '{"annotations":{"a":"{\\"env\\":[{\\"name\\":\\"DB_PASSWORD\\",\\"value\\":\\"<password>\\"}]}\\n"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"app.yaml":"db:\\n  user: app\\n  password: @\\n  port: 5432\\n"}}',
     '{"data":{"app.yaml":"db:\\n  user: app\\n  password: <password>\\n  port: 5432\\n"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"p":"db.user=app\\ndb.password=@\\nx=y"}}',
     '{"data":{"p":"db.user=app\\ndb.password=<password>\\nx=y"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"j":"{\\n \\"clientSecret\\": \\"@\\",\\n \\"n\\": 1}"}}',
     '{"data":{"j":"{\\n \\"clientSecret\\": \\"<credential>\\",\\n \\"n\\": 1}"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"p":"password: |\\n  @\\n  more\\nuser: x"}}',
     '{"data":{"p":"password: |\\n  <password>\\nuser: x"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"password":"@"}}', '{"data":{"password":"<password>"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"d":"host=h user=u password=@ dbname=d"}}',
     '{"data":{"d":"host=h user=u password=<password> dbname=d"}}'),
    ("k8s/api/v1/configmaps.json", '{"data":{"c":"{\\"auths\\":{\\"r\\":{\\"auth\\":\\"dTpwYXNzd29yZDE=\\"}}}"}}',
     '{"data":{"c":"{\\"auths\\":{\\"r\\":{\\"auth\\":\\"<auth>\\"}}}"}}'),
    ("k8s/apis/networking.istio.io/v1alpha3/envoyfilters.json",
     '{"inlineCode":"h:add(\\"x-api-key\\", \\"@\\")\\nlocal token = \\"@\\""}',
     '{"inlineCode":"h:add(\\"x-api-key\\", \\"<key>\\")\\nlocal token = \\"<token>\\""}'),
    ("k8s/apis/networking.istio.io/v1alpha3/envoyfilters.json", '{"client_secret":{"inline_string":"@"}}',
     '{"client_secret":{"inline_string":"<credential>"}}'),
    ("k8s/apis/networking.istio.io/v1/virtualservices.json", '{"headers":{"request":{"set":{"Authorization":"Basic @"}}}}',
     '{"headers":{"request":{"set":{"Authorization":"<authorization>"}}}}'),
    ("proxies/a/b/config_dump.json", '{"header": {\n "key": "x-api-key",\n "value": "@"\n}}',
     '{"header": {\n "key": "x-api-key",\n "value": "<key>"\n}}'),
    ("proxies/a/b/config_dump.json", '{"name":"authorization","string_match":{"exact":"Bearer @"}}',
     '{"name":"authorization","string_match":{"exact":"<authorization>"}}'),
    ("proxies/a/b/config_dump.json", '{"session_ticket_keys":{"keys":[{"inline_bytes":"QUJD"},{"inline_bytes":"REVG"}]}}',
     '{"session_ticket_keys":{"keys":[{"inline_bytes":"W3JlZGFjdGVkXQ=="},{"inline_bytes":"W3JlZGFjdGVkXQ=="}]}}'),
    ("proxies/a/b/config_dump.json", '{"downstream_auth_passwords":[{"inline_string":"@"},{"inline_string":"@"}]}',
     '{"downstream_auth_passwords":[{"inline_string":"<password>"},{"inline_string":"<password>"}]}'),
    ("k8s/api/v1/x.json", '{"when":[{"key":"request.headers[x-api-key]","values":["@"]}]}', '{"when":[{"key":"request.headers[x-api-key]","values":["<key>"]}]}'),
    ("proxies/a/b/config_dump.json", '{"access_token":"@","collector_cluster":"x"}', '{"access_token":"<token>","collector_cluster":"x"}'),
    ("proxies/a/b/server_info.json", '{"command_line_options":{"config_yaml":"accessToken: @\\n"}}',
     '{"command_line_options":{"config_yaml":"accessToken: <token>\\n"}}'),
    ("logs/a/b/c.log", 'GET /x?token=@&y=1 HTTP/1.1\n', "GET /x?token=<token>&y=1 HTTP/1.1\n"),
    ("logs/a/b/c.log", "authorization: Bearer @\n", "authorization: <authorization>\n"),
    ("logs/a/b/c.log", 'level=info password="@ x" user=a\n', 'level=info password="<password>" user=a\n'),
    ("logs/a/b/c.log", '{"msg":"x","cookie":"session=@; a=b"}\n', '{"msg":"x","cookie":"<cookie>"}\n'),
    ("logs/a/b/c.log", "sent header Bearer @ to x\n", "sent header Bearer <authorization> to x\n"),
    ("logs/a/b/c.log", f"got {JWT} now\n", "got <jwt> now\n"),
    ("logs/a/b/c.log", "id AKIAIOSFODNN7EXAMPLE x\n", "id <access-key> x\n"),
    ("logs/a/b/c.log", KEY, "<private-key>\n"),
    ("logs/a/b/c.log", f"x {b64(KEY)} y\n", None),
    ("k8s/api/v1/configmaps.json", json.dumps({"data": {"k.pem": CERT + KEY}}), json.dumps({"data": {"k.pem": CERT + "<private-key>\n"}})),
    ("k8s/api/v1/configmaps.json", json.dumps({"data": {"b": b64(b64(CERT + KEY))}}), None),
    ("k8s/api/v1/configmaps.json", json.dumps({"data": {"k": json.dumps({"pem": KEY})}}),
     json.dumps({"data": {"k": json.dumps({"pem": "<private-key>\n"})}})),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "expected"), GONE)
def test_gone(path: str, body: str, expected: str | None) -> None:
    body = re.sub(r"@(?!db/)", SECRET, body) if "app:@@" not in body else body.replace(":@@", f":{SECRET}@")
    result, removed = redact(path, body)
    assert sum(removed.values()) >= 1
    if expected is not None:
        assert masked(result) == expected
    assert SECRET not in result
    assert residue(path, result.encode()) == []
    if path.endswith(".json"):
        json.loads(result)


STAYS = [
    '["Password\\"="]',
    '{"watches":{"type.googleapis.com/istio.security.Authorization":["a/b1","c/d_2"]},"imagePullSecret":"registry-1"}',
    '{"annotations":{"checksum/secret":"ab12cd34ef56"},"token_bucket":{"max_tokens":100000,"tokens_per_fill":10000000}}',
    '{"command":["docker","run","-p","8080:80"],"args":["-u","1000:1000"],"name":"mysql","a":["mysql","-P","3306","-p","db1"]}',
    '{"command":["curl","-u","$USER:$PASS","http://x:80/y"],"b":["mkdir","-p","a1B2"],"c":["curl","-p","8080x1"]}',
    '{"keys":[{"kty":"RSA","kid":"DHFbpoIUqrY8t2zpA2qXfCmr5VO5ZEr4RzHU","e":"AQAB","n":"xAE7eB6qugXyCAG3yhh7pkDkT65pHymX"}]}',
    '{"inlineCode":"local token = request_handle:headers():get(\\"x-token1\\")\\nif token == nil then return end"}',
    '{"name":"envoy.filters.http.basic_auth","required":["password","token1","tokens"],"token_endpoint":{"uri":"https://o/t1"}}',
    '{"privateKey":"/etc/certs/key.pem","tls_certificate":{"certificate_chain":{"inline_bytes":"' + b64(CERT) + '"}}}',
    '{"fromParams":["token1"],"fromHeaders":[{"name":"x-auth-token","prefix":"Bearer "}],"allowHeaders":["authorization","x-1"]}',
    '{"name":"JWT_POLICY","value":"third-party-jwt"}',
    '{"name":"PILOT_CERT_PROVIDER","value":"istiod"}',
    '{"name":"TRUST_DOMAIN","value":"cluster.local"}',
    '{"name":"CA_ADDR","value":"istiod.istio-system.svc:15012"}',
    '{"name":"TOKEN_AUDIENCES","value":"istio-ca,x"}',
    '{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}',
    '{"name":"DB_PASSWORD","value":"$(OTHER)"}',
    '{"name":"PASSWORD_FILE","value":"/run/secrets/db/password"}',
    '{"volumes":[{"name":"istio-token","projected":{"sources":[{"serviceAccountToken":{"path":"istio-token","audience":"istio-ca"}}]}}]}',
    '{"secret":{"secretName":"db-password"},"secretName":"x-1","credentialName":"bookinfo-cert"}',
    '{"imagePullSecrets":[{"name":"registry-1"}],"secrets":[{"name":"default-token-x1"}]}',
    '{"token": {"aud": "istio-ca"}, "tokenReviews": 5, "password": null, "token": 12345, "secret": true}',
    '{"tls_certificate_sds_secret_configs":[{"name":"kubernetes://cert","sds_config":{"ads":{}}}]}',
    '{"private_key":{"inline_bytes":"W3JlZGFjdGVkXQ=="}}',
    '{"args":["--tokenAudience=istio-ca","--token-path","/var/run/secrets/tokens/istio-token"]}',
    '{"headers":{"cookie":{"regex":"^(.*?;)?(user=jason)(;.*)?$"},"authorization":{"prefix":"Bearer "}}}',
    '{"consistentHash":{"httpCookie":{"name":"user","ttl":"0s"}}}',
    '{"caBundle":"' + b64(CERT) + '","uri":"spiffe://cluster.local/ns/a/sa/b"}',
    '{"managedFields":[{"fieldsV1":{"f:data":{".":{},"f:password":{},"f:token":{}}}}]}',
    '{"properties":{"password":{"description":"The password of the user.","type":"string"}}}',
    '{"nonce":"X-53ee-4fa9-b754-374c8","hash":"5f84dbb856","url":"http://a.b.c:8080/x@y"}',
    '{"description":"Use the token: see the docs. A secret: not here. Basic authentication, bearer tokens."}',
]


@pytest.mark.parametrize("body", STAYS)
@pytest.mark.parametrize("path", ["k8s/api/v1/pods.json", "proxies/a/b/config_dump.json", "logs/a/b/c.log"])
def test_stays(path: str, body: str) -> None:
    raw = body.encode()
    result = Redactor().redact(path, raw)
    assert result.removed == {}
    assert result.body is raw
    assert residue(path, raw) == []


def secret(**more: object) -> dict[str, object]:
    return {"metadata": {"name": "s"}, "type": "Opaque", **more}


def test_secret_values_go_and_keys_and_public_certificates_stay() -> None:
    body = json.dumps(
        {"kind": "SecretList", "items": [secret(data={"tls.crt": b64(CERT), "tls.key": b64(KEY), "a": b64("x")})]}
    )
    text, removed = redact("k8s/api/v1/secrets.json", body)
    data = json.loads(text)["items"][0]["data"]
    assert removed == {"secret-data": 2}
    assert data["tls.crt"] == b64(CERT)
    assert masked(base64.b64decode(data["tls.key"]).decode()) == "<secret-data>"
    assert masked(base64.b64decode(data["a"]).decode()) == "<secret-data>"


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"krt": {"outputs": {"shop/s": secret(data={"a": b64(SECRET)})}}}),
        json.dumps({"kind": "Secret", "stringData": {"a": SECRET}}),
        json.dumps({"items": [{"kind": "Secret", "data": {"a": b64(SECRET)}}]}, indent=2),
        json.dumps({"m": {"annotations": {"last": json.dumps({"kind": "Secret", "data": {"a": b64(SECRET)}})}}}),
        json.dumps(
            {"data": {"m.yaml": f"a: b\n---\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  foo: {SECRET}\n"}}
        ),
        json.dumps({"kind": "Secret", "data": {"a": b64(SECRET)}})[:-3],
    ],
)
def test_secret_in_any_dress(body: str) -> None:
    text, removed = redact("istiod/a/b/debug/krtz.json", body)
    assert removed == {"secret-data": 1}
    assert SECRET not in text
    assert b64(SECRET) not in text


def test_secret_in_yaml() -> None:
    body = f"apiVersion: v1\nitems:\n- apiVersion: v1\n  data:\n    a: {b64(SECRET)}\n    b: |\n      {b64(KEY)}\n  kind: Secret\n  metadata:\n    name: x\n- data:\n    a: kept\n  kind: ConfigMap\n"
    text, removed = redact("k8s/secrets.yaml", body)
    assert sum(removed.values()) == 2
    assert SECRET not in text
    assert text.endswith("  kind: Secret\n  metadata:\n    name: x\n- data:\n    a: kept\n  kind: ConfigMap\n")


def test_equal_secrets_have_equal_standins_in_one_bundle_only() -> None:
    body = f'{{"password":"{SECRET}"}}'.encode()
    one = Redactor()
    assert one.redact("a.json", body).body == one.redact("b.json", body).body
    assert one.redact("a.json", body).body != Redactor().redact("a.json", body).body
