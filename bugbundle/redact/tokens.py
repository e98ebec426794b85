"""Tokens of well-known services, by the forms that the services publish, and of those that follow their habit.

`published.py` has what the detect-secrets project keeps; the tables here have what it lacks. `BEGINNINGS` are tokens
whose first 20 characters or more are letters, digits, `_`, `-`: each run of such is looked at once, by its first two
characters. `WITHIN` are those with a literal that is rare enough to be searched for. Beside them one rule for the habit
itself: a word or two in lower case, `_` or `-`, and a long run of mixed letters and digits.
"""

# ruff: noqa: E501  (one form a line)

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from bugbundle.redact.names import looks_random
from bugbundle.redact.published import published
from bugbundle.redact.standin import Cut

_AFTER = rb"(?![A-Za-z0-9])"

BEGINNINGS = (
    # AWS, GitHub, GitLab, Slack, Google, Stripe, npm, Docker, age, PyPI
    rb"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9+/])", rb"gh[pousr]_[A-Za-z0-9]{30,255}+", rb"github_pat_[A-Za-z0-9_]{30,255}+",
    rb"gl(?:pat|dt|ft|rt|soat|cbt|imt|agent|oas|ptt|ffct)-[A-Za-z0-9_.-]{16,255}+", rb"GR1348941[A-Za-z0-9_-]{16,64}+",
    rb"xox[abeoprs]-[A-Za-z0-9-]{10,255}+", rb"x(?:app|wfp)-[A-Za-z0-9-]{10,255}+", rb"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9+/_-])",
    rb"1//0[A-Za-z0-9_-]{40,255}+", rb"GOCSPX-[A-Za-z0-9_-]{20,64}+", rb"[srp]k_(?:live|test|prod)_[A-Za-z0-9]{10,255}+", rb"whsec_[A-Za-z0-9+/=]{20,128}+",
    rb"npm_[A-Za-z0-9]{36}" + _AFTER, rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}+", rb"AGE-SECRET-KEY-1[A-Z0-9]{50,64}+", rb"pypi-[A-Za-z0-9_-]{50,512}+",
    # OpenAI, Anthropic, Hugging Face, Groq, Replicate, Perplexity, xAI, NVIDIA, Cerebras
    rb"sk-(?:[a-z]{2,12}[0-9]{0,2}-)*[A-Za-z0-9_-]{32,255}+", rb"(?:api_org|hf)_[A-Za-z0-9]{30,64}+", rb"gsk_[A-Za-z0-9]{40,64}+",
    rb"r8_[A-Za-z0-9]{30,64}+", rb"pplx-[A-Za-z0-9]{40,64}+", rb"xai-[A-Za-z0-9]{60,128}+", rb"nvapi-[A-Za-z0-9_-]{40,128}+", rb"csk-[a-z0-9]{40,64}+",
    # DigitalOcean, Grafana, Databricks, Twilio, Mailgun, Brevo, Shopify, Linear, New Relic, Datadog
    rb"do[oprt]_v1_[a-f0-9]{64}", rb"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", rb"glc_[A-Za-z0-9+/]{32,400}+={0,2}", rb"dapi[a-f0-9]{32}(?:-[0-9])?" + _AFTER,
    rb"SK[a-f0-9]{32}" + _AFTER, rb"AC[a-f0-9]{32}" + _AFTER, rb"key-[a-f0-9]{32}" + _AFTER, rb"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
    rb"shp(?:at|ca|pa|ss|tka)_[a-fA-F0-9]{32}", rb"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}+", rb"NR(?:AK|JS|II|RA|AA|BR)-[A-Za-z0-9-]{19,64}+",
    rb"dd(?:p|app)_[A-Za-z0-9]{30,64}+",
    # Postman, Atlassian, Heroku, Square, Figma, Sentry, Tailscale, Discord, Pulumi, Fly
    rb"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", rb"AT(?:ATT3|BB|CTT3|OA)[A-Za-z0-9_=-]{28,255}+", rb"HRKU-[A-Za-z0-9_-]{36,64}+", rb"EAAA(?=[A-Za-z0-9]{0,60}[_-])[A-Za-z0-9_-]{50,128}+",
    rb"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}+", rb"fig[dour]h?_[A-Za-z0-9_-]{36,64}+", rb"sntry[su]_[A-Za-z0-9+/=_-]{40,512}+", rb"tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,128}+",
    rb"[MNO][A-Za-z0-9_-]{22,26}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}" + _AFTER, rb"pul-[a-f0-9]{40}", rb"fo1_[A-Za-z0-9_-]{40,64}+",
    # Notion, Supabase, PlanetScale, Prefect, RubyGems, Clojars, LaunchDarkly, Facebook, 1Password, Artifactory, others
    rb"ntn_[0-9]{11}[A-Za-z0-9]{32,40}", rb"secret_[A-Za-z0-9]{43}" + _AFTER, rb"sb[ps]?_(?:secret_)?[A-Za-z0-9_]{36,64}+", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}+",
    rb"pn[ub]_[A-Za-z0-9]{36}", rb"rubygems_[a-f0-9]{48}", rb"CLOJARS_[a-z0-9]{60}", rb"(?:api|sdk|mob)-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}",
    rb"ops_eyJ[A-Za-z0-9+/=_-]{50,4096}+", rb"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{5,11}-){3,4}[A-Z0-9]{5}", rb"PRIVATE-[A-Za-z0-9]{40,64}+",
    rb"AKCp[A-Za-z0-9]{60,80}" + _AFTER, rb"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}", rb"ico-[A-Za-z0-9]{32}",
)  # fmt: skip

WITHIN = (
    # literal, characters before it that belong to the token, the whole token: Vault, Google, SendGrid, OpenShift, Doppler,
    # Terraform, Telegram, Mailchimp, Airtable, Dynatrace, Cloudflare, Fly, Laravel, Ansible
    (b"hvs.", 0, rb"hvs\.[A-Za-z0-9_-]{20,2048}+"), (b"hvb.", 0, rb"hvb\.[A-Za-z0-9_-]{20,2048}+"), (b"hvr.", 0, rb"hvr\.[A-Za-z0-9_-]{20,2048}+"),
    (b"ya29.", 0, rb"ya29\.[A-Za-z0-9_-]{20,2048}+"), (b"SG.", 0, rb"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"),
    (b"sha256~", 0, rb"sha256~[A-Za-z0-9_-]{40,64}+"), (b"dp.", 0, rb"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    (b".atlasv1.", 14, rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}+"), (b":AA", 10, rb"[0-9]{10}:AA[A-Za-z0-9_-]{32,34}" + _AFTER),
    (b":AA", 9, rb"[0-9]{9}:AA[A-Za-z0-9_-]{32,34}" + _AFTER), (b"-us", 32, rb"[a-f0-9]{32}-us[0-9]{1,2}" + _AFTER),
    (b"dt0", 0, rb"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"), (b"v1.0-", 0, rb"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"), (b"FlyV1", 0, rb"FlyV1 [A-Za-z0-9+/=,_-]{20,2048}+"),
    (b"base64:", 0, rb"base64:[A-Za-z0-9+/]{43}="), (b"$ANSIBLE_VAULT", 0, rb"\$ANSIBLE_VAULT;[0-9.]+;AES256[;\w]*+\s[0-9a-f\s]{40,}+"),
)  # fmt: skip

_BEGINNING = re.compile(rb"(?:" + rb"|".join(BEGINNINGS) + rb")")
_HEADS = frozenset(
    b"AK AS AB AC gh gi gl GR xo xa xw AI 1/ GO sk rk pk wh np dc AG py ap hf gs r8 pp nv cs do da SK ke xk sh li NR dd PM "
    b"AT HR EA sq fi sn ts pu fo nt se sb ps pn ru CL sd mo op A3 PR du ic".split()
)
_DISCORD = frozenset(b"MNO")
_COMPILED = tuple((literal, before, re.compile(rb"(?<![A-Za-z0-9+/_-])" + form)) for literal, before, form in WITHIN)
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_ALIKE = bytes(65 if byte in _ALPHABET else 0 for byte in range(256))
_LONG = b"A" * 20
_RUN = re.compile(rb"[A-Za-z0-9+/_-]++")
_HABIT = re.compile(rb"[a-z][a-z0-9]{1,11}(?:[_-][a-z0-9]{1,10}){0,2}[_-](?P<random>[A-Za-z0-9]{24,128}+)")
_CAPITAL = re.compile(rb"[A-Z]")


def cuts(text: bytes, folded: bytes) -> Iterator[Cut]:
    """Every token in a text."""
    for literal, before, pattern in _COMPILED:
        place = text.find(literal)
        while place >= 0:
            found = pattern.match(text, place - before) if place >= before else None
            if found:
                yield Cut(*found.span(), "access-key")
            place = text.find(literal, found.end() if found else place + len(literal))
    for beginning, pattern in published():
        if len(beginning) > 2 and beginning in text:
            yield from (Cut(*found.span(), "access-key") for found in pattern.finditer(text))
    yield from _runs(text, _published_by_head())


@functools.cache
def _published_by_head() -> dict[bytes, list[re.Pattern[bytes]]]:
    heads: dict[bytes, list[re.Pattern[bytes]]] = {}
    for beginning, pattern in published():
        if len(beginning) == 2:
            heads.setdefault(beginning, []).append(pattern)
    return heads


def _runs(text: bytes, others: dict[bytes, list[re.Pattern[bytes]]]) -> Iterator[Cut]:
    alike = text.translate(_ALIKE)
    place = alike.find(_LONG)
    while place >= 0:
        run = _RUN.match(text, place)
        if not run:
            return
        head = text[place : place + 2]
        found = _BEGINNING.match(text, place) if head in _HEADS or head[0] in _DISCORD else None
        if not found and head in others:
            found = next(filter(None, (pattern.match(text, place) for pattern in others[head])), None)
        if not found:
            found = _of_habit(text, place)
        if found:
            yield Cut(*found.span(), "access-key")
        place = alike.find(_LONG, max(run.end(), found.end() if found else 0))


def _of_habit(text: bytes, place: int) -> re.Match[bytes] | None:
    found = _HABIT.match(text, place)
    return found if found and _CAPITAL.search(found["random"]) and looks_random(found["random"]) else None
