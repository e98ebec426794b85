"""Which names say that their value is a secret, and which values are none whatever their name.

Names are read as words (`dbPassword`, `DB_PASSWORD`, `db.password`): the last word decides, so `secretName`,
`tokenAudience`, `PASSWORD_FILE` are names of harmless things. Names in capitals are environment variables, where
people put the word anywhere (`PASSWORD_PROD`): there it is enough that no harmless word ends them.
"""

# ruff: noqa: E501  (patterns and lists of words are read whole)

from __future__ import annotations

import functools
import re

from bugbundle.redact.standin import is_standin

_WORDS = re.compile(rb"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

PASSWORD = frozenset(
    b"password passwd passphrase passcode pwd userpass dbpass pw passwort requirepass masterauth masterpass bindpw rootpw "
    b"adminpw bindcredentials keypass storepass sshpass psswd pswd".split()
)
CREDENTIAL = frozenset(b"credential credentials".split())
WHOLE_KEY = frozenset(
    b"psk presharedkey apikey accesskey privatekey secretkey accountkey signingkey masterkey authkey encryptionkey sharedkey".split()
)
KEY_OF = frozenset(
    b"api access private secret signing encryption account master auth shared client storage subscription hmac "
    b"session ssh deploy apikey ticket preshared erlang cookie webhook license crypt secure service app hmac".split()
)
CONNECTION = frozenset(b"dsn connectionstring".split())

_TRAILING = frozenset(b"value val old new current previous base64 b64 data string text plain raw txt".split())
_HARMLESS_END = frozenset(
    b"name names ref refs file files path paths dir directory mount ttl url uri endpoint endpoints host port addr "
    b"address audience audiences type types policy policies plugin namespace namespaces enabled enable disabled "
    b"expiration expiry expires seconds minutes timeout provider providers id ids count size length version mode "
    b"config configs configuration header headers prefix suffix field fields selector class source sources store "
    b"review reviews request requests response ratio period interval duration location locations issuer issuers "
    b"rule rules algorithm alg format template method params parameter parameters scope scopes manager service "
    b"grace rotation rotator csr required optional allowed bucket limit limits hash cluster env arn region".split()
)
_PLURALS = frozenset(b"passwords passwds passphrases tokens apikeys keys".split())
_COUNTED = frozenset(
    b"max min num number total fill per prompt completion used remaining input output available burst cached".split()
)
_REFERRED = frozenset(b"pull existing tls ca cacert cert certificate remote kubeconfig registry".split())
"""What stands before `secret` where the value is the name of a Secret."""
_PLAIN_KEYS = frozenset(
    b"idempotency cache hash partition sort primary foreign public object map host group label tag route cluster "
    b"metadata config sharding shard lookup filter stat stats trace header cookie index row column json ssh host "
    b"foreign composite natural surrogate unique ca cert by the a this of no any same each x".split()
)
_SESSION = frozenset(b"jsessionid phpsessid sessionid sessid sessionkey aspsessionid sess".split())
_PLAIN = frozenset([b"secret", b"credential", b"credentials"])


@functools.lru_cache(maxsize=65536)
def secret_kind(name: bytes) -> str | None:
    """The kind of secret that a value under this name is, or None: `password`, `token`, `key`, …"""
    if b"googleapis.com/" in name or name.startswith(b"envoy."):
        return None  # the URL of a type, the name of an extension
    words = [word.lower() for word in _WORDS.findall(name)]
    if b"checksum" in words or b"digest" in words:
        return None
    while words and (words[-1].isdigit() or words[-1] in _TRAILING) and len(words) > 1:
        words.pop()
    if not words:
        return None
    if name == b"pass":
        return "password"
    kind = _by_last(words)
    if kind is None and name.upper() == name and not words[-1].isdigit() and words[-1] not in _HARMLESS_END:
        kinds = [_word_kind(word) for word in words]
        kind = next((found for found in kinds if found), None)
    return kind


@functools.lru_cache(maxsize=4096)
def is_plural(name: bytes) -> bool:
    """Whether a secret name says that there are several: then a value that does not look like a secret is none."""
    words = _WORDS.findall(name)
    return bool(words) and words[-1].lower() in _PLURALS


def _by_last(words: list[bytes]) -> str | None:
    last = words[-1]
    before = words[-2] if len(words) > 1 else b""
    if last == b"keys" and before == b"ticket":
        return "ticket-key"
    if last in _PLURALS and before not in _COUNTED:
        last = last[:-1]
    if last == b"key" and before in KEY_OF:
        return "private-key" if before == b"private" else "key"
    if last == b"key" and before and before not in _PLAIN_KEYS and len(words) > 1:
        return "any-key"
    if last == b"pass" and before and before not in (b"by", b"proxy"):
        return "password"
    if last == b"string" and before == b"connection":
        return "connection-string"
    if last == b"cookie" and before in (b"", b"set", b"erlang", b"session", b"auth"):
        return "cookie" if before in (b"", b"set") else "token"
    if last in (b"sig", b"signature") and before in (b"", b"amz", b"goog"):
        return "signature"
    if last in _SESSION or (last == b"id" and before == b"session"):
        return "session"
    if last == b"encrypt" and not before:
        return "key"
    if last in (b"assertion", b"verifier") and before in (b"client", b"code", b"saml"):
        return "token"
    return _word_kind(last)


def _word_kind(word: bytes) -> str | None:
    if word in PASSWORD or word.endswith((b"password", b"passwd")):
        return "password"
    if word.endswith(b"token"):
        return "token"
    if word in CREDENTIAL or word.endswith(b"secret"):
        return "credential"
    if word in WHOLE_KEY:
        return "private-key" if word == b"privatekey" else "key"
    if word in CONNECTION:
        return "connection-string"
    return {b"authorization": "authorization", b"auth": "auth"}.get(word)


_PLACEHOLDER = re.compile(
    rb"\$\([\w.:-]*\)|\$\{[^{}]*\}|\$[A-Za-z_]\w*|\{\{.*\}\}|%[A-Z_]+(?:\([^)]*\))?%|<[\w .-]*>|\*+|x{3,}|-+|\.{3}",
    re.DOTALL,
)
_HARMLESS_VALUE = re.compile(
    rb"true|false|yes|no|on|off|null|nil|none|undefined|unset|\(null\)|default|enabled|disabled|istio-token|istio-ca|"
    rb"bearer|basic|string|[0-9]{1,3}|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|\xc2?\xb5s|ms|s|m|h|d|%|[kmgt]i?b?))+|\||>|[|>][+-]|\[\]|\{\}|"
    rb"\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}(?:[t ][0-9:.]+(?:z|[+-][0-9:]+)?)?\]?|",
    re.IGNORECASE,
)
_PATH = re.compile(rb"(?:file://|\.{0,2})(?:/[a-z0-9._-]+){2,}/?")
_LABEL = re.compile(rb"(?:[a-z]+|[a-z0-9]+(?:[-.][a-z0-9]+)+)")
_RESOURCE = re.compile(rb"(?:kubernetes|kubernetes-gateway|configmap|builtin|invalid|spiffe|file)://[^@\s]*")


def harmless(value: bytes) -> bool:
    """Whether a value says nothing: empty, a switch, a placeholder, a short number, a path, taken out already."""
    if len(value) > 4096:
        return False
    bare = value.strip()
    return bool(
        _HARMLESS_VALUE.fullmatch(bare)
        or _PLACEHOLDER.fullmatch(bare)
        or _PATH.fullmatch(bare)
        or _RESOURCE.fullmatch(bare)
        or is_standin(bare)
    )


def refers(name: bytes, value: bytes) -> bool:
    """Whether `secret: db-password`, `imagePullSecret: registry` name a resource: the value is a DNS label."""
    words = [word.lower() for word in _WORDS.findall(name)]
    names_one = bool(words) and words[-1] in _PLAIN and (len(words) == 1 or words[-2] in _REFERRED)
    return names_one and bool(_LABEL.fullmatch(value.strip()))


_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-Za-z]")
_MIXED = re.compile(rb"[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]|[!@#$%^&*+=~_]")


def looks_secret(value: bytes) -> bool:
    """Whether a value alone looks like a credential: six or more characters, letters and digits, or an odd mix."""
    head = value[:256]
    if len(head) < 6 or _RESOURCE.match(head):
        return False
    return bool((_DIGIT.search(head) and _LETTER.search(head)) or _MIXED.search(head))


_ORDINARY = frozenset(
    b"required incorrect invalid expired missing empty rejected accepted accept changed updated created deleted removed "
    b"disabled enabled expected unexpected unknown undefined unauthorized forbidden failed failure failing authentication "
    b"authorization validation verification mismatch mismatched provided supplied specified configured rotated rotation "
    b"protected encrypted hashed generated refreshed refreshing received retrieved available unavailable unsupported "
    b"supported optional mandatory forgotten different incorrectly correctly matching matched successful successfully "
    b"authenticated connection credentials credential username password passphrase permission denied database whether "
    b"because although operation response requested requires requiring containing contains including certificate "
    b"kubernetes namespace namespaced configuration configmap default production development staging internal external "
    b"redacted filtered obscured censored placeholder changeme something anything nothing everything "
    b"manager provider location reference referenced rotating resource resources following deprecated "
    b"malformed loading reading fetching renewing renewed revoked revoking exchange exchanged needed against between "
    b"reported returned returning returns updating creating deleting checking parsing setting settings using".split()
)
_WORD_ALONE = re.compile(rb"[A-Za-z]{8,40}")
_NAME_LIKE = re.compile(rb"[a-z0-9]+(?:[-._][a-z0-9]+)+")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(rb"[0-9a-f]{24,256}|[0-9A-F]{24,256}")
_MADE = re.compile(rb"[A-Za-z0-9+=_!@#$%^&*~?:./-]{8,512}")
_GROUP = re.compile(rb"[a-z]+|[A-Z]+|[0-9]+")
_ODD = re.compile(rb"[!@#$%^&*~]")


def is_odd_word(value: bytes) -> bool:
    """Whether letters alone may be a password that people made up: eight or more, no word that stands beside the names
    of secrets in messages."""
    return bool(_WORD_ALONE.fullmatch(value)) and value.lower() not in _ORDINARY


def looks_random(value: bytes) -> bool:
    """Whether nobody names anything so: letters and digits that change often, or both and a sign; UUIDs, long hex."""
    if _UUID.fullmatch(value) or (_HEX.fullmatch(value) and _DIGIT.search(value) and _LETTER.search(value)):
        return True
    if not _MADE.fullmatch(value) or _NAME_LIKE.fullmatch(value):
        return False
    if not (_DIGIT.search(value) and _LETTER.search(value)):
        return False
    groups = len(_GROUP.findall(value))
    return bool(_ODD.search(value)) or (b"/" not in value and groups >= 5 and groups * 3 >= len(value.rstrip(b"=")))
