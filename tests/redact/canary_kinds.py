"""The kinds of canaries: texts with `@` (any secret) or `#` (letters and digits) where the secret stands."""

# ruff: noqa: E501

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

_HEX, _LOW, _ALL = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_letters + string.digits
_URL = _ALL + "-_"

PROMISED: dict[str, tuple[str, ...]] = {
    "yaml": ("password: @", 'password: "@"', "password: '@'", "db:\n  password: @\n  port: 1", "- name: DB_PASSWORD\n  value: @"),
    "yaml block": ("password: |\n  @", "password: >-\n  @", "db:\n  password: >\n    @\n  port: 1", "apiKey: |-\n  @"),
    "yaml flow": ("db: {user: app, password: @, port: 1}", "{token: @}", "users: [{name: a, password: @}]"),
    "yaml list": ("tokens:\n- @", "passwords:\n  - \"@\"\n  - x1y2z3"),
    "toml": ('password = "@"', "password = '@'", "password = '''@'''", 'password = """\n@"""', '[db]\napi_key = "@"'),
    "ini": ("[db]\npassword=@", "[db]\npassword = @", "password: @"),
    "properties": ("spring.datasource.password=@", "db.password: @", "spring.redis.password = @"),
    "env file": ("DB_PASSWORD=@", "export API_TOKEN=@", "export API_TOKEN='@'", 'SECRET_KEY="@"', "ENV DB_PASSWORD @"),
    "arguments": ("app --password=@ --x", "app --password @ --x", "app --api-key '@'", "app -token=#", "app --db-password=@"),
    "telling name": ("apiKey: @", "client_secret=@", "accessToken: #", "secret_access_key = #", "privateKey=#", "auth_token=#"),
    "json": ('{"password":"@"}', '{"password": "@", "a": 1}', '{"db":{"clientSecret":"@"}}', '{"tokens":["@"]}'),
    "json in json": ('{"a":"{\\"password\\":\\"@\\"}"}', '{"name":"DB_PASSWORD","value":"@"}'),
    "log field": ("login password=@ user=bob", "token=# expired", 'msg="x" password="@"', "user bob, password: @, host x"),
    "authorization": ("Authorization: Bearer #", "authorization: Token #", "Authorization: ApiKey #", "Authorization: #", "authorization: Basic #"),
    "authorization digest": ('Authorization: Digest username="u", realm="r", response="#"', 'authorization: Digest nonce="a", response="#", opaque="b"'),
    "authorization aws": ("Authorization: AWS4-HMAC-SHA256 Credential=AKIAABCDEFGH23456723/20260101/x/s3/aws4_request, SignedHeaders=host, Signature=#",),
    "authorization oauth": ('Authorization: OAuth oauth_token="#", oauth_version="1.0"', "Authorization: SSWS #", "Authorization: Splunk #"),
    "header envoy": ("':authority', 'x'\n'authorization', 'Token #'", "'x-api-key', '#'", "'proxy-authorization', 'Bearer #'"),
    "header go map": ("map[Accept:[*/*] Authorization:[Token #] X-A:[b]]", "map[Authorization:[Bearer #]]", "headers: map[X-Api-Key:[#]]"),
    "header nghttp2": ("[  0.012] send HEADERS frame <length=43>\n          authorization: Bearer #", "recv (stream_id=1) x-api-key: #"),
    "header curl": ("> GET / HTTP/1.1\n> Authorization: Bearer #\n> Accept: */*", "> X-Api-Key: #", "< Set-Cookie: sid=#; Path=/"),
    "header python": ("{'Authorization': 'Token #', 'Accept': '*/*'}", "[('Authorization', 'Bearer #')]", "[(b'authorization', b'Bearer #')]", "send: b'GET / HTTP/1.1\\r\\nAuthorization: Token #\\r\\n'"),
    "header json": ('{"headers":{"authorization":"Token #"}}', '{"Authorization":["Token #"]}', '["Authorization","Token #"]', '{"key":"authorization","value":"Token #"}'),
    "cookies": ("Cookie: lang=de; session=#", "cookie: a=b; c=d; sid=#; e=f", "'cookie', 'x=1; session=#'", "Cookie: #=1"),
    "second value": ("password=x1y2z3w4 password=@", "token: ab12cd34 token: #", '{"password":"a1b2c3d4","x":1,"password":"@"}'),
    "url password": ("postgres://app:#@db:5432/app", "redis://:#@redis:6379/0", "mongodb+srv://u:#@h/x", "amqp://g:#@mq", "https://u:#@git.example.com/x.git"),
    "url query": ("GET /x?access_token=#&y=1", "https://h/p?a=1&api_key=#", "https://h/?sig=#", "/cb?client_secret=#"),
    "pem": ("-----BEGIN PRIVATE KEY-----\n" + "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEF#AASC"] * 4) + "\n-----END PRIVATE KEY-----",),
    "xml": ("<password>@</password>", '<add key="password" value="#"/>'),
    "helm set": ("helm upgrade x --set auth.password=@ y",),
    "client arguments": ("curl -u admin:@ http://x", "mysql -u root -p# db", "redis-cli -a @ ping", "sshpass -p @ ssh x", "PGPASSWORD=@ psql"),
    "lua": ('handle:headers():add("x-api-key", "#")', 'local token = "#"'),
    "kubeconfig": ("users:\n- name: a\n  user:\n    token: #", "    client-key-data: #"),
    "aws": ("aws_secret_access_key = #", "AWS_SECRET_ACCESS_KEY=#"),
}  # fmt: skip

EXPECTED: dict[str, tuple[str, ...]] = {
    "netrc": ("machine git.example.com login bob password @", "machine x\n  login bob\n  password @"),
    "nginx": ('proxy_set_header Authorization "Basic #";', "proxy_set_header X-Api-Key #;", 'if ($http_x_api_key != "#") { return 403; }'),
    "sql": ("CREATE USER 'a'@'%' IDENTIFIED BY '#';", "ALTER ROLE a WITH PASSWORD '#';", "ALTER USER a IDENTIFIED WITH mysql_native_password BY '#'", "SET PASSWORD = '#'", "create user a encrypted password '#'"),
    "dsn": ("user:#@tcp(db:3306)/x", "host=h user=u password=# dbname=d", "Server=x;User Id=u;Password=#;Database=d", "jdbc:mysql://h/d?user=u&password=#", "Driver={x};UID=u;PWD=#"),
    "redis conf": ("requirepass @", "masterauth @", "redis-server --requirepass @", "user default on ># ~* +@all"),
    "htpasswd": ("bob:$2y$05$#abcdefghijklmnopqrstuv", "bob:$apr1$x$#", "root:$6$salt$#0123456789:1:"),
    "npmrc": ("//registry.npmjs.org/:_authToken=#", "_auth=#", "//r/:_password=#"),
    "docker auth": ('{"auths":{"r.io":{"auth":"Ym9iOlpxN2FiY2Rl#"}}}', '{"auths":{"r.io":{"username":"b","password":"@"}}}'),
    "pgpass": ("db.shop:5432:app:bob:@",),
    "azure": ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=#==;EndpointSuffix=x", "Endpoint=sb://x/;SharedAccessKeyName=R;SharedAccessKey=#="),
    "ldap": ("bindpw @", "bind_password: @", "ldapsearch -D cn=a -w @ x", "olcRootPW: @"),
    "jaas": ('sasl.jaas.config=org.apache.kafka.X required username="a" password="@";',),
    "wireguard": ("PrivateKey = #AB12cd34EF56gh78=", "PresharedKey = #="),
    "otp": ("otpauth://totp/x?secret=#&issuer=y",),
    "session": ("JSESSIONID=#", "PHPSESSID=#; path=/", "sessionid=#", "connect.sid=#", "session_id=#"),
    "said": ("the password is @", "password for bob is @", "using token #", "with password @"),
    "php": ("define('DB_PASSWORD', '@');", "'password' => '@',", "$password = '@';"),
    "code": ("password='@'", 'setPassword("@")', "password: '@',", 'new BasicAuth("bob", "#")', 'os.environ["API_KEY"] = "#"', "const apiKey = '#';"),
    "hcl": ('variable "db_password" {\n  default = "@"\n}', 'password = "@"', 'encrypt = "#=="'),
    "oauth": ("grant_type=password&username=u&password=#", "refresh_token=#", '{"refresh_token":"#","id_token":"x"}', "code_verifier=#", "client_assertion=#"),
    "sentry": ("https://#@o1.ingest.sentry.io/1",),
    "webhook": ("https://hooks.slack.com/services/T00000000/B00000000/#", "https://discord.com/api/webhooks/123456789012345678/#"),
    "signed url": ("https://s3/x?X-Amz-Signature=#&X-Amz-Date=1", "https://storage/x?X-Goog-Signature=#", "https://a.blob/x?sv=1&sig=#"),
    "erlang": ("RABBITMQ_ERLANG_COOKIE=#", "-setcookie #"),
    "password prompt": ("Enter password: @", "Password for user bob: @"),
    "passphrase": ("passphrase: @", "ssl_key_passphrase=@", "--passphrase @"),
    "smtp": ("smtp_auth_password: @", "AUTH PLAIN #AAA=", "spring.mail.password=@"),
    "hmac": ("hmac_secret: @", "JWT_SIGNING_KEY=#", "webhook-secret=@", "encryption.key=#", "cookie_secret: @"),
    "snmp": ("rocommunity #",),
    # kinds that were held out of the first round
    "java props": ("db.credentials.password=#","jdbc.password : @","spring.security.oauth2.client.registration.x.client-secret=#"),
    "yaml anchors": ("password: &pw @","secretKey: !!str @","password:   @   # comment"),
    "env json": ('[{"name":"API_SECRET","value":"@"}]','{"key":"DB_PASS","value":"@"}','{"Name":"DbPassword","Value":"@"}'),
    "header list": ('headers=[("x-auth-token","#")]','x-auth-token=[#]','Headers{Authorization=[Bearer #]}','"headers":[{"name":"x-api-key","value":"#"}]','HeaderMap { "authorization": "Bearer #" }'),
    "ruby": ("{:password=>\"@\"}",":token => '#'",'"Authorization"=>"Token #"'),
    "proxy url": ("http_proxy=http://user:#@proxy:3128","HTTPS_PROXY=http://u:#@p:1","git clone https://oauth2:#@gitlab.com/x","postgresql+asyncpg://u:#@h/d"),
    "ws protocol": ("Sec-WebSocket-Protocol: bearer.#","sec-websocket-protocol: base64url.bearer.authorization.k8s.io.#"),
    "cookie json": ('{"cookie":"a=b; session=#"}','"Set-Cookie":["sid=#; Path=/"]','cookies={"sid":"#"}'),
    "grpc metadata": ("metadata: authorization=[Bearer #]",'MD{"authorization":["Bearer #"]}'),
    "vault": ("vault login token=#","X-Vault-Token: #","VAULT_TOKEN=hvs.#abcdefghijkl"),
    "k8s": ("kubectl create secret generic x --from-literal=password=@","--from-literal=api-key=#"),
    "aws sts": ('"SecretAccessKey":"#","SessionToken":"#"','aws_session_token = #','"accessKeyId":"AKIAABCDEFGH23456723","secretAccessKey":"#"'),
    "azure more": ("AZURE_CLIENT_SECRET=#","client-secret: #","SharedAccessSignature sr=x&sig=#&se=1"),
    "openssl": ("openssl enc -k # -in x","openssl pkcs12 -passin pass:# -in x","-passout pass:#"),
    "psql": ("psql \"host=h password=# user=u\"","psql postgres://u:#@h/d","mongosh -u a -p # x","mysql --password=# -u a","mysqldump -uroot -p# x"),
    "curl": ("curl -H 'Authorization: Bearer #' x","curl -H \"X-Api-Key: #\" x","curl --user bob:# x","curl -b 'session=#' x","wget --password=# x","http -a bob:# x"),
    "docker": ("docker login -u a -p # r.io","echo # | docker login --password-stdin","skopeo copy --src-creds u:# x"),
    "kafka": ("org.apache.kafka.common.security.scram.ScramLoginModule required username=\"a\" password=\"#\";","sasl.password=#","ssl.keystore.password=#","ssl.key.password=#"),
    "zk": ("addauth digest user:#",),
    "smtp more": ("smtp://u:#@mail:25","EMAIL_HOST_PASSWORD='#'","smtp_password = \"#\""),
    "django": ("SECRET_KEY = '#'","SECRET_KEY_BASE=#","APP_KEY=base64:#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa="),
    "sql insert": ("INSERT INTO users (name, password) VALUES ('bob', '#')","UPDATE users SET password='#' WHERE 1","GRANT ALL ON x TO 'u'@'%' IDENTIFIED BY '#'","CREATE LOGIN x WITH PASSWORD = N'#'"),
    "xml attr": ('<user name="bob" password="#"/>','<property name="password" value="#"/>','<entry key="db.password">#</entry>','<password><![CDATA[#]]></password>'),
    "toml table": ('[auth]\ntoken="#"','auth.token = "#"','credentials = { user = "u", password = "#" }'),
    "url fragment": ("https://x/cb#access_token=@&x=1","/reset?token=@","/x?apikey=@","/x?key=@&y=1","/x?password=@","/x?auth=@","/x?code=@&state=1"),
    "log kv": ("auth_token:# user:x","api-key=#; next","Token=#,x=1","password->#","pwd='#'","secret=[#]","passwd=#)","\"pass\":\"#\"","pass=#","credentials=bob:#"),
    "uuid token": ("api_key: 42b9f2f3-ec83-4ce1-a037-#","X-Api-Key: 8f14e45f#"),
    "jwt secret": ("jwt.secret=#","jwtSecret: #","HMAC key: #","signing_secret=#","encryption_key: '#'"),
    "redis": ("redis-cli -h h -a # ping","AUTH #","CONFIG SET requirepass #","redis://default:#@h:6379","--requirepass #","masterauth #"),
    "rabbit": ("rabbitmqctl change_password u #","rabbitmqctl add_user u #","default_pass = #","amqps://u:#@h/v"),
    "ldap more": ("ldapwhoami -D x -w #","LDAP_BIND_PASSWORD=#","BindCredentials: #","bindPassword: '#'"),
    "htpasswd cmd": ("htpasswd -bB file bob #","openssl passwd -6 #"),
    "etcd": ("etcdctl --user root:# get x",),
    "minio": ("MINIO_ROOT_PASSWORD=#","mc alias set x http://h AKID #"),
    "go struct": ('Config{User:"bob", Password:"#"}',"{User:bob Password:# Host:x}","&{Token:# Name:x}",'Password:(string) (len=12) "#"'),
    "rust struct": ('Config { user: "bob", password: "#" }','token: Some("#")','Secret("#")'),
    "java tostring": ("Config(user=bob, password=#, host=x)","User{name='bob', password='#'}","AuthToken[value=#]"),
    "python": ("{'user': 'bob', 'password': '#'}","Namespace(password='#', user='x')","dict(password='#')","password=b'#'"),
    "multi doc": ("---\npassword: #\n---\nx: y",),
    "escaped url": ("https%3A%2F%2Fx%2F%3Ftoken%3D#%26a%3Db","password%3D#","%7B%22password%22%3A%22#%22%7D"),
    "html ent": ("password=&quot;#&quot;","&quot;password&quot;:&quot;#&quot;"),
}  # fmt: skip


def _of(prefix: str, letters: str, length: int, suffix: str = "") -> Callable[[random.Random], str]:
    return lambda rng: prefix + "".join(rng.choices(letters, k=length)) + suffix


def _tail(token: str) -> str:
    return token[-12:]


FORMATS: dict[str, tuple[Callable[[random.Random], str], Callable[[str], str]]] = {
    name: (make, _tail)
    for name, make in {
        "aws": _of("AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "github": _of("ghp_", _ALL, 36),
        "github fine": _of("github_pat_11ABCDEFG0", _ALL, 60), "gitlab": _of("glpat-", _URL, 20), "gitlab deploy": _of("gldt-", _URL, 20),
        "slack": _of("xoxb-123456789012-123456789012-", _ALL, 24), "slack app": _of("xapp-1-A012345-123-", _HEX, 64),
        "google": _of("AIza", _URL, 35), "google oauth": _of("GOCSPX-", _URL, 28), "stripe": _of("sk_live_", _ALL, 24),
        "openai": _of("sk-", _ALL, 48), "openai project": _of("sk-proj-", _URL, 74), "anthropic": _of("sk-ant-api03-", _URL, 93, "AA"),
        "huggingface": _of("hf_", string.ascii_letters, 34), "digitalocean": _of("dop_v1_", _HEX, 64), "grafana": _of("glsa_", _ALL, 32, "_1a2b3c4d"),
        "grafana cloud": _of("glc_eyJ", _ALL, 60), "databricks": _of("dapi", _HEX, 32), "telegram": _of("7123456789:AA", _URL, 33),
        "npm": _of("npm_", _ALL, 36), "pypi": _of("pypi-AgEIcHlwaS5vcmc", _URL, 80), "docker": _of("dckr_pat_", _URL, 27),
        "sendgrid": lambda rng: "SG." + _of("", _URL, 22)(rng) + "." + _of("", _URL, 43)(rng), "twilio": _of("SK", _HEX, 32),
        "vault": _of("hvs.", _URL, 90), "mailgun": _of("key-", _HEX, 32), "mailchimp": _of("", _HEX, 32, "-us12"),
        "shopify": _of("shpat_", _HEX, 32), "linear": _of("lin_api_", _ALL, 40), "newrelic": _of("NRAK-", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 27),
        "datadog": _of("ddp_", _ALL, 36), "doppler": _of("dp.pt.", _ALL, 43), "terraform": lambda rng: _of("", _ALL, 14)(rng) + ".atlasv1." + _of("", _URL, 64)(rng),
        "postman": _of("PMAK-", _HEX, 24, "-0123456789abcdef0123456789abcdef12"), "atlassian": _of("ATATT3xFfGF0", _URL, 180), "heroku": _of("HRKU-AA", _URL, 58),
        "square": _of("EAAAl-", _URL, 58), "figma": _of("figd_", _URL, 40), "groq": _of("gsk_", _ALL, 52), "replicate": _of("r8_", _ALL, 37),
        "sentry": _of("sntrys_", _ALL, 80), "openshift": _of("sha256~", _URL, 43), "age": _of("AGE-SECRET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        "tailscale": _of("tskey-auth-", _ALL, 30), "discord bot": lambda rng: "MT" + _of("", _ALL, 22)(rng) + "." + _of("", _ALL, 6)(rng) + "." + _of("", _URL, 27)(rng),
        "jwt": lambda rng: "eyJhbGciOiJIUzI1NiJ9." + base64.urlsafe_b64encode(b'{"sub":"x"}').decode().rstrip("=") + "." + _of("", _URL, 43)(rng),
    }.items()
}  # fmt: skip
"""Service → how a token of it is made, and which part of it may not be left."""
