"""The keys of the checker and the rules they are under: what may be promised about which of them."""

LAG_MS = 300  # upstream.max_lag: what the contract calls W.
LOCAL_MS = 2_000  # The longest that anything is kept in a sidecar: what SWAPDB may cost.
DATABASES = (0, 1)
LIFE_MS = {"c": 60_000, "r": 60_000, "h": 60_000, "t": 60_000, "l": 60_000, "x": 500, "w": 1_000}
STALE_MS = {"w": 500}  # The part of a life in which a value is past its TTL.
# Of those who miss a value one is told so, of a sidecar ("l") or of both ("w"); the others wait for
# its SET.
LEASED = ("w", "l")

STRINGS = ["c:0", "c:1", "c:2", "c:3", "x:0", "x:1", "w:0", "r:0", "r:1", "u:0", "u:1", "n:0"]
TAGGED = ["t:0", "t:1"]  # Written through sidecars only, as tags demand.
LOADED = ["l:0", "l:1"]  # Written only by those who missed them: no value may be from before.
HASHES = ["h:0", "h:1", "uh:0"]
KEYS = STRINGS + TAGGED + LOADED + HASHES  # And a counter for each client, which no read concerns.
TAGS = ["group", "one:0", "one:1", "loads"]

CONFIG = """
upstream: {{max_lag: {lag}ms, op_timeout: 700ms, connect_timeout: 300ms, reconnect_max: 200ms,
           embedded: false}}
deny: []
tiers:
  copied: {{ttl: 60s, local: {local}ms, negative: {negative}ms, foreign: trust}}
  short: {{ttl: 500ms, ttl_mode: cap, local: {local}ms}}
  window: {{ttl: 500ms, stale: 500ms, local: {local}ms, coalesce: {{scope: fleet, wait: 200ms}}}}
  shared: {{ttl: 60s}}
  tagged: {{ttl: 60s, local: {local}ms}}
  loaded: {{ttl: 60s, local: {local}ms, coalesce: {{scope: sidecar, wait: {wait}ms}}}}
  live: {{cache: never}}
rules:
  - {{match: ["c:*", "h:*"], tier: copied}}
  - {{match: "x:*", tier: short}}
  - {{match: "w:*", tier: window}}
  - {{match: ["r:*", "i:*"], tier: shared}}
  - {{match: "t:{{id}}", tier: tagged, tags: [group, "one:{{id}}"]}}
  - {{match: "l:{{id}}", tier: loaded, tags: [loads]}}
  - {{match: "n:*", tier: live}}
"""


def config(variant=0):
    """The sidecars' configuration; a reload changes what no check depends on."""
    return CONFIG.format(lag=LAG_MS, local=LOCAL_MS - 500 * (variant % 3),
                         negative=(1000, 0)[variant % 2], wait=200 + 50 * (variant % 3))


def kind(key):
    return key.split(":", 1)[0]


def tags(key):
    """As the rules above say."""
    if kind(key) == "t":
        return ("group", "one:" + key[2:])
    return ("loads",) if kind(key) == "l" else ()


def lag_ms(key):
    """How old an answer may be: reads of keys under a rule may be answered by a copy, or join one
    that was sent that much earlier; all others ask Redis."""
    return LAG_MS if kind(key) in LIFE_MS else 0
